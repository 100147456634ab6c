"""Draws docs/design.svg: the way of an image through the codec, the policy's decisions, and how both are trained."""

from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).with_name("design.svg")
WIDTH, HEIGHT = 1000, 560
LINE = 17
"""Pixels from one line of text to the next."""
FILLS = {"codec": "#e8f0fb", "file": "#fdf3dc", "policy": "#e7f5e9", "training": "#f4ebf7"}

# Name: left, top, width, height, kind, and lines of text, the first in bold.
BOXES = {
    "image": (20, 70, 90, 60, "file", "image", "file or array"),
    "api": (140, 60, 140, 80, "codec", "api", "options dataclass,", "preset by name"),
    "analysis": (310, 60, 150, 80, "codec", "analysis", "integers (mnist),", "cosines, or ONNX"),
    "raster": (490, 60, 190, 80, "codec", "raster-encoder", "contexts → integer network", "→ probability"),
    "coder": (710, 60, 110, 80, "codec", "range coder", "48 bits, exact,", "both directions"),
    "stream": (850, 70, 130, 60, "file", "stream, .rlc", "header, segments"),
    "search": (135, 200, 150, 80, "policy", "constrained search", "size, PSNR,", "decoding time"),
    "process": (310, 200, 150, 80, "policy", "decision process", "legal, apply, observe", "on measurements"),
    "actor": (550, 200, 130, 80, "policy", "actor", "policy, one", "ONNX file"),
    "decoder": (710, 200, 270, 80, "codec", "decoder",
                "the same loop, then the synthesis;", "the stream holds the decisions"),
    "task": (140, 370, 160, 80, "training", "task", "trace: every choice", "measured"),
    "environment": (340, 370, 190, 80, "training", "environment", "one image, one objective;", "rewards add up to J"),
    "algorithm": (570, 370, 170, 80, "training", "learning algorithm", "PPO, initialised by", "advice or imitation"),
    "evaluation": (780, 370, 200, 80, "training", "evaluation", "oracle, fixed settings,", "replay by the real codec"),
    "pretraining": (140, 480, 390, 50, "training", "pretraining, in torch",
                    "networks as integers and ONNX, known answers"),
}  # fmt: skip
ARROWS = [
    ("image", "right", "api", "left"), ("api", "right", "analysis", "left"), ("analysis", "right", "raster", "left"),
    ("raster", "right", "coder", "left"), ("coder", "right", "stream", "left"), ("analysis", "bottom", "process", "top"),
    ("api", "bottom", "search", "top"), ("search", "right", "process", "left"), ("task", "right", "environment", "left"),
    ("environment", "right", "algorithm", "left"), ("algorithm", "right", "evaluation", "left"),
]  # fmt: skip
BANDS = (
    (20, 40, "the runtime: numpy, ONNX Runtime, Pillow, a compiled core"),
    (100, 345, "training: torch, Gymnasium, Stable-Baselines3"),
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


def _label(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="11" fill="#444">{escape(text)}</text>'


def picture() -> str:
    """The picture, as SVG."""
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"'
        ' role="img" aria-label="Analysis, raster-encoder and range coder turn an image into a stream. A decision process asks'
        ' a policy what is sent; the policy is trained in an environment that runs the same process on traces.">',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#333"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    out += [f'<text x="{x}" y="{y}" font-style="italic" fill="#444">{escape(text)}</text>' for x, y, text in BANDS]
    for box in BOXES.values():
        out += _box(*box)
    out += [_path(_point(a, start), _point(b, end)) for a, start, b, end in ARROWS]
    out += [
        _label(470, 227, "observation"),
        _path((460, 232), (550, 232)),
        _label(485, 267, "action"),
        _path((550, 250), (460, 250)),
    ]
    out += [_label(450, 164, "decisions"), _path((440, 200), (440, 170), (585, 170), (585, 140))]
    out.append(_path((915, 130), (915, 200)))
    out += [_label(660, 315, "export"), _path((655, 370), (655, 320), (615, 320), (615, 280))]
    out += [_label(435, 315, "the same process"), _path((430, 280), (430, 370))]
    out.append(_path((80, 130), (80, 410), (140, 410)))
    out.append(_path((50, 130), (50, 505), (140, 505)))
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture())
