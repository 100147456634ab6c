"""Draws docs/design.svg: the way of an image through the codec, what the policy sees and chooses, and how both are trained."""

from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).with_name("design.svg")
WIDTH, HEIGHT = 1000, 560
LINE = 17
"""Pixels from one line of text to the next."""
FILLS = {"codec": "#e8f0fb", "file": "#fdf3dc", "policy": "#e7f5e9", "training": "#f4ebf7"}

# Name: left, top, width, height, kind, and lines of text, the first in bold.
BOXES = {
    "image": (20, 70, 100, 60, "file", "image", "file or array"),
    "analysis": (160, 60, 150, 80, "codec", "analysis", "integers (mnist),", "cosines, or ONNX"),
    "raster": (350, 60, 230, 80, "codec", "raster-encoder", "contexts → integer network →", "probability of a decision"),
    "coder": (620, 60, 130, 80, "codec", "range coder", "48 bits, exact", "both directions"),
    "stream": (800, 70, 180, 60, "file", "stream, .rlc", "header, then segments"),
    "facts": (160, 200, 150, 80, "policy", "facts, predictions", "what an encoder", "can know by now"),
    "policy": (350, 200, 230, 80, "policy", "policy, one ONNX file",
               "bit budget or gain · tier of each", "segment · where to stop"),
    "decoder": (620, 200, 360, 80, "codec", "decoder",
                "the same loop the other way, then the synthesis;", "no policy: the choices are in the stream"),
    "trace": (160, 360, 150, 80, "training", "trace", "every choice measured", "on every image"),
    "environment": (350, 360, 230, 80, "training", "environment", "one image, one objective;", "rewards sum to what J gained"),
    "ppo": (620, 360, 160, 80, "training", "PPO", "Stable-Baselines3,", "starts from advice"),
    "oracle": (820, 360, 160, 80, "training", "evaluation", "exact oracle, fixed", "settings, replays"),
    "pretraining": (160, 470, 420, 50, "training", "pretraining, in torch",
                    "networks → integers (safetensors) and ONNX, with known answers"),
}  # fmt: skip
ARROWS = [
    ("image", "right", "analysis", "left"), ("analysis", "right", "raster", "left"), ("raster", "right", "coder", "left"),
    ("coder", "right", "stream", "left"), ("analysis", "bottom", "facts", "top"), ("facts", "right", "policy", "left"),
    ("policy", "top", "raster", "bottom"), ("trace", "right", "environment", "left"), ("environment", "right", "ppo", "left"),
    ("ppo", "right", "oracle", "left"),
]  # fmt: skip
BANDS = (
    (20, 40, "the runtime: numpy, numba, ONNX Runtime, Pillow"),
    (160, 340, "training: torch, Gymnasium, Stable-Baselines3"),
)


def _point(name: str, side: str) -> tuple[float, float]:
    left, top, width, height, *_ = BOXES[name]
    return {
        "left": (left, top + height / 2), "right": (left + width, top + height / 2), "top": (left + width / 2, top),
        "bottom": (left + width / 2, top + height),
    }[side]  # fmt: skip


def _box(left: int, top: int, width: int, height: int, kind: str, title: str, *lines: str) -> list[str]:
    out = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="7" fill="{FILLS[kind]}" stroke="#555"/>']
    first = top + height / 2 - (len(lines) * LINE) / 2 + 5
    for i, text in enumerate((title, *lines)):
        weight = ' font-weight="bold"' if i == 0 else ""
        out.append(
            f'<text x="{left + width / 2:g}" y="{first + i * LINE:g}" text-anchor="middle"{weight}>{escape(text)}</text>'
        )
    return out


def _path(*points: tuple[float, float]) -> str:
    steps = " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="M{steps}" fill="none" stroke="#333" stroke-width="1.5" marker-end="url(#head)"/>'


def picture() -> str:
    """The picture, as SVG."""
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"'
        ' role="img" aria-label="An image goes through analysis, raster-encoder and range coder into a stream; a policy'
        ' chooses bit budget, tiers and stop; it is trained by PPO in an environment on traces">',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#333"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    out += [f'<text x="{x}" y="{y}" font-style="italic" fill="#444">{escape(text)}</text>' for x, y, text in BANDS]
    for box in BOXES.values():
        out += _box(*box)
    out += [_path(_point(a, start), _point(b, end)) for a, start, b, end in ARROWS]
    stream, policy, ppo = _point("stream", "bottom"), _point("policy", "bottom"), _point("ppo", "bottom")
    out.append(_path(stream, (stream[0], BOXES["decoder"][1])))
    out.append(_path(_point("ppo", "top"), (ppo[0], 310), (policy[0] + 60, 310), (policy[0] + 60, policy[1])))
    out.append(f'<text x="{policy[0] + 70:g}" y="303">export</text>')
    out.append(_path((100, 130), (100, 400), _point("trace", "left")))
    out.append(_path((60, 130), (60, 495), _point("pretraining", "left")))
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture())
