"""COMPACT's published table on 1280x720 pictures: its bytes beside JPEG's and WebP's, as the seed did and at equal quality."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from rlcodec.api import decode, encode
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.preset_ids import PHOTO
from rlcodec.evaluation.photographs import Shown, plot_shown, show_classical
from rlcodec.presets.compact.transform import LATENT_CHANNELS, latent_size
from rlcodec.presets.photo.coefficient_coder import GAINS

DEFAULT_QUALITY = {"JPEG": 75, "WebP": 80}
"""What Pillow takes when nothing is said, as the seed did: its sizes are those of these settings."""
COARSEST = {"JPEG": 1, "WebP": 0}
Measure = Callable[[np.ndarray, np.ndarray], float]
MEASURES: dict[str, Measure] = {"PSNR": psnr_db, "MS-SSIM": ms_ssim}


def _ours(picture: Image.Image, **options: object) -> Shown:
    data = encode(picture, **options)  # type: ignore[arg-type]
    return Shown(data, np.asarray(decode(data)))


def smallest_at(picture: Image.Image, name: str, measure: Measure, wanted: float) -> Shown:
    """The smallest of a codec's files that is as good as wanted, or its best.

    Args:
        picture: what to code.
        name: "JPEG", "WebP" or "photo".
        measure: of quality, from two pictures.
        wanted: at least so much.
    """
    original = np.asarray(picture)
    settings = range(GAINS - 1, -1, -1) if name == PHOTO.name else range(COARSEST[name], 101)
    for setting in settings:
        shown = _ours(picture, preset=name, gain=setting) if name == PHOTO.name else show_classical(picture, name, setting)
        if measure(original, shown.pixels) >= wanted:
            break
    return shown


def compact_rows(picture: Image.Image) -> list[dict[str, object]]:
    """Bytes, PSNR and MS-SSIM of a picture as every codec at every setting has it."""
    original = np.asarray(picture)
    rows, columns = latent_size(*original.shape[:2])
    coded = {tier: _ours(picture, preset="compact", tier=tier) for tier in ("table", "context")}
    compact = coded["context"]
    found: list[tuple[str, str, int, np.ndarray]] = [
        ("raw", "", original.size, original),
        ("COMPACT", "bits as they are", LATENT_CHANNELS * rows * columns // 8, compact.pixels),
        *(("COMPACT", f"tier {tier}", len(shown.data), shown.pixels) for tier, shown in coded.items()),
    ]
    for name, quality in DEFAULT_QUALITY.items():
        shown = show_classical(picture, name, quality)
        found.append((name, f"quality {quality}, the default", len(shown.data), shown.pixels))
    for title, measure in MEASURES.items():
        wanted = measure(original, compact.pixels)
        for name in (*DEFAULT_QUALITY, PHOTO.name):
            shown = smallest_at(picture, name, measure, wanted)
            found.append((name, f"COMPACT's {title}", len(shown.data), shown.pixels))
    return [
        {
            "codec": codec, "setting": setting, "size_bytes": size, "psnr_db": psnr_db(original, pixels),
            "ms_ssim": ms_ssim(original, pixels),
        }
        for codec, setting, size, pixels in found
    ]  # fmt: skip


def compare_compact(pictures: Sequence[Image.Image], report: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Means over pictures: one row for every codec and setting.

    Args:
        pictures: of mode "RGB".
        report: called with (pictures done, pictures in all).
    """
    rows = []
    for number, picture in enumerate(pictures):
        rows += compact_rows(picture)
        if report:
            report(number + 1, len(pictures))
    return pd.DataFrame(rows).groupby(["codec", "setting"], sort=False).mean().reset_index()


def plot_compact(picture: Image.Image) -> Figure:
    """The seed's four pictures: original, COMPACT, JPEG and WebP, with bytes and PSNR."""
    shown = {"COMPACT": _ours(picture, preset="compact")}
    shown |= {f"{name} {quality}": show_classical(picture, name, quality) for name, quality in DEFAULT_QUALITY.items()}
    return plot_shown(picture, shown)
