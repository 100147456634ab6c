"""A report as one self-contained HTML page: it holds data, plots and pictures, and is not allowed to load anything."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs

from rlcodec.evaluation.curves import EXACT_PSNR_DB, MEASURES
from rlcodec.evaluation.report.content import COLOURS, FIRST_TAG, Comparison, Content, fullest_level

FOLDER = "page"
TEMPLATE, STYLES, SCRIPTS = "page.html.j2", "page.css", ("plots.js", "slider.js")
SHOWN = (
    "codec", "setting", "choice", "size_bytes", "bpp", "psnr_db", "ms_ssim", "ms_ssim_db", "ssimulacra2",
    "psnr_hvs_m_db", "decoder_kmac_per_pixel", "encode_ms", "decode_ms",
)  # fmt: skip
GLYPHS = {
    "circle": "●", "square": "■", "diamond": "◆", "cross": "✚", "x": "✖", "triangle-up": "▲", "star": "★", "hexagon": "⬢",
}  # fmt: skip


def render(content: Content, named: Sequence[str], title: str = "rlcodec report") -> str:
    """The page as text.

    Args:
        content: what to show.
        named: names of the files and folders that it was made from.
        title: of the page.
    """
    names = TEMPLATE, STYLES, *SCRIPTS
    markup, css, *page_scripts = (files(__package__).joinpath(FOLDER, name).read_text("utf-8") for name in names)
    scripts = [get_plotlyjs(), *page_scripts]
    comparisons = content.comparisons
    means = [_records(c.curves.reindex(columns=[name for name in SHOWN if name != "choice"])) for c in comparisons]
    sizes = [
        {int(level): dict(zip(group.codec, group.size_bytes, strict=True)) for level, group in c.sizes.groupby("level_db")}
        for c in comparisons
    ]
    levels = [sorted(by_level) for by_level in sizes]
    tags = list(dict.fromkeys(tag for run in content.trained for tag in run.curves))
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(markup).render(
        title=title, named=named, version=version("rlcodec"), content=content, css=css,
        scripts=scripts, policy=_policy(scripts), exact_db=EXACT_PSNR_DB, glyphs=GLYPHS, means=means, sizes=sizes,
        levels=levels, middle=[fullest_level(c) for c in comparisons],
        images=[list(c.rows.image.unique()) if len(c.rows) else [] for c in comparisons],
        summaries=[_records(c.summary) for c in comparisons],
        choices={n: found for n, c in enumerate(comparisons) if (found := _choices(c))},
        measures=MEASURES,
        cvvdp=any(math.isfinite(v.cvvdp_jod) for c in comparisons for one in c.compared for v in one.versions),
        tags=sorted(tags, key=lambda tag: tag != FIRST_TAG), data=_json(_data(content, means, sizes)),
    )  # fmt: skip


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: the page may run these scripts and show embedded pictures, and nothing else."""
    digests = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _choices(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """By the name of each codec that chooses: its settings, and by picture what it chose at each."""
    rows, choices = comparison.rows, {}
    for codec, of_codec in rows[rows.choice != ""].groupby("codec", sort=False) if len(rows) else ():
        by_image = of_codec.groupby("image", sort=False)
        cells = {image: dict(zip(of_image.setting, of_image.choice, strict=True)) for image, of_image in by_image}
        choices[codec] = {"settings": list(of_codec.setting.unique()), "images": cells}
    return choices


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return _plain(table.to_dict("records"))


def _data(content: Content, means: Sequence[Any], sizes: Sequence[dict[int, dict[str, float]]]) -> dict[str, Any]:
    """Data that the page's scripts draw."""
    return {
        "exact_db": EXACT_PSNR_DB,
        "colours": COLOURS,
        "comparisons": [
            {
                "pictures": c.pictures,
                "codecs": [{"name": name, **asdict(look)} for name, look in c.looks.items()],
                "mean": mean,
                "rows": c.rows[["image", *SHOWN]].to_dict("records") if len(c.rows) else [],
                "sizes": {
                    level: [{"codec": name, "size_bytes": by_codec[name]} for name in c.looks if name in by_codec]
                    for level, by_codec in by_level.items()
                },
            }
            for c, mean, by_level in zip(content.comparisons, means, sizes, strict=True)
        ],
        "compared": [[asdict(compared) for compared in c.compared] for c in content.comparisons],
        "shares": [{"name": s.name, "rows": s.table.to_dict("records")} for s in content.shares],
        "trained": [
            {"name": run.name, "curves": {tag: [x.tolist(), y.tolist()] for tag, (x, y) in run.curves.items()}}
            for run in content.trained
        ],
    }


def _json(value: Any) -> str:
    """JSON that is safe inside a script element."""
    text = json.dumps(_plain(value), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plain(value: Any) -> Any:
    """Values that JSON can hold; numbers that are not finite become None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
