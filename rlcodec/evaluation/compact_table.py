"""COMPACT's published table on 1280x720 pictures: its bytes beside JPEG's and WebP's, as published and at equal quality.

Source: Rekhi, "COMPACT"; the formats at the settings that Pillow uses by default are those of the publication.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rlcodec.api import inspect
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.progress import Report, with_progress
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.evaluation.codecs import FORMATS, codec_by_name
from rlcodec.evaluation.perceptual import psnr_hvs_m_db
from rlcodec.evaluation.versions import Quality, Version, plot_versions, smallest_with, version_at

COMPACT, CODEC, DEFAULT_SETTING = "COMPACT", "rlcodec:compact", "tier context"
PUBLISHED_FORMATS = ("jpeg", "webp")
AT_EQUAL_QUALITY = {**{FORMATS[name].title: name for name in PUBLISHED_FORMATS}, "photo": "rlcodec:photo"}
QUALITIES: dict[str, Quality] = {"PSNR": psnr_db, "MS-SSIM": ms_ssim, "SSIMULACRA2": ssimulacra2}
COLUMNS: dict[str, Quality] = {
    "psnr_db": psnr_db, "ms_ssim": ms_ssim, "ssimulacra2": ssimulacra2, "psnr_hvs_m_db": psnr_hvs_m_db,
}  # fmt: skip


def _compact_versions(pixels: np.ndarray) -> dict[str, Version]:
    codec = codec_by_name(CODEC)
    return {setting: version_at(codec, pixels, setting, options) for setting, options in codec.settings.items()}


def _default_versions(pixels: np.ndarray) -> dict[str, Version]:
    """Versions of the published formats at Pillow's default settings, by title."""
    versions = {}
    for name in PUBLISHED_FORMATS:
        codec, made = codec_by_name(name), FORMATS[name]
        versions[made.title] = version_at(codec, pixels, made.default, codec.fine_settings[made.default])
    return versions


def _versions(pixels: np.ndarray) -> Iterator[tuple[str, str, int, np.ndarray]]:
    """Codec, setting, bytes and pixels of every line of the table."""
    coded = _compact_versions(pixels)
    compact = coded[DEFAULT_SETTING]
    latent_bits = sum(segment.segment.symbols for segment in inspect(compact.data).segments)
    yield "raw", "", pixels.size, pixels
    yield COMPACT, "bits as they are", latent_bits // 8, compact.pixels
    for setting, version in coded.items():
        yield COMPACT, setting, len(version.data), version.pixels
    for title, version in _default_versions(pixels).items():
        yield title, f"{version.setting}, the default", len(version.data), version.pixels
    for measure, quality in QUALITIES.items():
        least = quality(pixels, compact.pixels)
        for title, name in AT_EQUAL_QUALITY.items():
            version = smallest_with(codec_by_name(name), pixels, quality, least)
            yield title, f"COMPACT's {measure}", len(version.data), version.pixels


def compare_compact(pictures: Sequence[np.ndarray], report: Report | None = None) -> pd.DataFrame:
    """The table: means over pictures, one row for every codec and setting.

    Args:
        pictures: uint8 (height, width, 3).
        report: called with (pictures done, pictures in all).

    Returns:
        Columns codec, setting, size_bytes, psnr_db, ms_ssim, ssimulacra2 and psnr_hvs_m_db.
    """
    rows = []
    for pixels in with_progress(pictures, len(pictures), report):
        for codec, setting, size, shown in _versions(pixels):
            scores = [score(pixels, shown) for score in COLUMNS.values()]
            rows.append((codec, setting, size, *scores))
    table = pd.DataFrame(rows, columns=["codec", "setting", "size_bytes", *COLUMNS])
    return table.groupby(["codec", "setting"], sort=False).mean().reset_index()


def plot_compact(pixels: np.ndarray) -> Figure:
    """The published figure: the original, COMPACT, JPEG and WebP, with bytes and PSNR.

    Args:
        pixels: uint8 (height, width, 3).
    """
    formats = _default_versions(pixels)
    titles = {f"{title} {version.setting.removeprefix('quality ')}": version for title, version in formats.items()}
    return plot_versions(pixels, {COMPACT: _compact_versions(pixels)[DEFAULT_SETTING], **titles})
