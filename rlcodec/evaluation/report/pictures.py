"""Pictures for a report: the originals that a table was measured on, and what codecs make of them at equal bytes."""

import base64
import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.errors import OptionError, RlcodecError
from rlcodec.evaluation.codecs import Codec, Summary, codec_by_name, format_of, is_rlcodec
from rlcodec.evaluation.curves import EXACT_PSNR_DB
from rlcodec.evaluation.perceptual import cvvdp, psnr_hvs_m_db
from rlcodec.evaluation.rate_distortion import Source, pixels_of, sha256_of, sources_of
from rlcodec.evaluation.versions import Version, finest_within, version_at
from rlcodec.images.saving import image_bytes

CROP = 512
"""Pixels a side, at most, of the part of a picture that is embedded."""
THUMBNAIL = 64
NEAR_BPP = 0.5
"""Bits per pixel at which pictures are compared: low enough that codecs differ visibly."""
MOST_VERSIONS = 8


@dataclass(frozen=True)
class ShownVersion:
    """A picture as one codec shows it.

    Attributes:
        codec: name, or "original".
        setting: name of the setting, and what the encoder chose.
        size_bytes: of the whole file.
        bpp: bits per pixel.
        psnr_db: of the whole picture; `EXACT_PSNR_DB` if it is exact.
        ms_ssim: of the whole picture, 0 to 1.
        ssimulacra2: of the whole picture, at most 100.
        psnr_hvs_m_db: of the whole picture; NaN without the extra `metrics`.
        cvvdp_jod: of the whole picture, at most 10; NaN unless it is asked for.
        decoder_kmac_per_pixel: compute of decoding; NaN if unknown.
        source: the embedded part, a data URI.
    """

    codec: str
    setting: str
    size_bytes: int
    bpp: float
    psnr_db: float
    ms_ssim: float
    ssimulacra2: float
    psnr_hvs_m_db: float
    cvvdp_jod: float
    decoder_kmac_per_pixel: float
    source: str


@dataclass(frozen=True)
class Compared:
    """A picture by all codecs at equal bytes.

    Attributes:
        image: name.
        width: of the whole picture, pixels.
        height: of the whole picture, pixels.
        shown: width and height of the embedded part, the middle of the picture.
        most_bytes: that a version may have.
        versions: the original first.
        missing: why codecs are left out, by name.
    """

    image: str
    width: int
    height: int
    shown: tuple[int, int]
    most_bytes: int
    versions: tuple[ShownVersion, ...]
    missing: Mapping[str, str]


def find_originals(rows: pd.DataFrame, folder: Path, split: str) -> Iterator[tuple[str, np.ndarray]]:
    """Names and pixels, uint8, of a table's pictures that a folder holds unchanged, as the table's digests tell.

    Args:
        rows: of the table, columns as `rlcodec.evaluation.rate_distortion.Row`.
        folder: of the pictures or of idx files.
        split: of idx files.

    Raises:
        DataError: the folder holds no pictures.
    """
    sources = {source.name: source for source in sources_of(folder, split)}
    for name, digest in rows[["image", "image_sha256"]].drop_duplicates().itertuples(index=False):
        pixels = _pixels(sources[name], digest) if name in sources else None
        if pixels is not None:
            yield name, pixels


def _pixels(source: Source, digest: str) -> np.ndarray | None:
    for gray in (False, True):
        with contextlib.suppress(RlcodecError):
            pixels = pixels_of(source, gray)
            if sha256_of(pixels) == digest:
                return pixels
    return None


def compare_at_equal_bytes(
    image: str,
    pixels: np.ndarray,
    rows: pd.DataFrame,
    near_bpp: float = NEAR_BPP,
    report: Callable[[], None] | None = None,
    with_cvvdp: bool = False,
) -> Compared:
    """A picture by the codecs of a table at equal bytes.

    The first codec of rlcodec is shown at the setting of the table whose rate is nearest to `near_bpp`; the others are as fine
    as they can be in no more bytes.

    Args:
        image: name.
        pixels: uint8 (height, width) or (height, width, 3).
        rows: of the picture, columns as `rlcodec.evaluation.rate_distortion.Row`.
        near_bpp: bits per pixel.
        report: called after every codec.
        with_cvvdp: whether CVVDP is measured.

    Raises:
        OptionError: CVVDP is asked for and not installed.
    """
    names = list(rows.codec.unique())
    ordered = sorted(names, key=lambda name: not is_rlcodec(name))
    height, width = pixels.shape[:2]
    most, anchored = round(near_bpp * width * height / 8), False
    versions = [_described("original", "raw", pixels.size, pixels, pixels, Summary(), with_cvvdp)]
    missing: dict[str, str] = {}
    for name in ordered[: MOST_VERSIONS - 1]:
        try:
            if not is_rlcodec(name) and format_of(name) is None:
                raise OptionError("is not known here")
            codec = codec_by_name(name)
            version: Version | None
            if is_rlcodec(name) and not anchored:
                measured = _as_measured(codec, pixels, rows, near_bpp)
                version, most, anchored = measured, len(measured.data), True
            else:
                version = finest_within(codec, pixels, most)
            if version is None:
                raise OptionError(f"has no file of at most {most:,} bytes")
            versions.append(_shown(codec, version, pixels, with_cvvdp))
        except (RlcodecError, OSError, ValueError) as error:  # Pillow's formats raise the last two
            missing[name] = " ".join(str(error).split())
        if report:
            report()
    missing |= dict.fromkeys(ordered[MOST_VERSIONS - 1 :], "would make the page too large")
    part = _middle(pixels)
    return Compared(image, width, height, (part.shape[1], part.shape[0]), most, tuple(versions), missing)


def _as_measured(codec: Codec, pixels: np.ndarray, rows: pd.DataFrame, near_bpp: float) -> Version:
    of_codec = rows[rows.codec == codec.name]
    setting = str(of_codec.setting.loc[(of_codec.bpp - near_bpp).abs().idxmin()])
    if setting not in codec.settings:
        raise OptionError(f"is not measured at {setting!r} by this rlcodec")
    return version_at(codec, pixels, setting, codec.settings[setting])


def _shown(codec: Codec, version: Version, original: np.ndarray, with_cvvdp: bool) -> ShownVersion:
    summary = codec.summarise(version.data)
    chosen = summary.choice
    setting = chosen if chosen.startswith(version.setting) else ", ".join(part for part in (version.setting, chosen) if part)
    return _described(codec.name, setting, len(version.data), version.pixels, original, summary, with_cvvdp)


def _described(
    codec: str, setting: str, size_bytes: int, pixels: np.ndarray, original: np.ndarray, summary: Summary, with_cvvdp: bool
) -> ShownVersion:
    height, width = original.shape[:2]
    return ShownVersion(
        codec,
        setting,
        size_bytes,
        8 * size_bytes / (width * height),
        min(psnr_db(original, pixels), EXACT_PSNR_DB),
        ms_ssim(original, pixels),
        ssimulacra2(original, pixels),
        psnr_hvs_m_db(original, pixels),
        cvvdp()(original, pixels) if with_cvvdp else math.nan,
        summary.decoder_kmac_per_pixel,
        data_uri(_middle(pixels)),
    )


def _middle(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most `CROP` pixels a side."""
    top, left = (max(0, side - CROP) // 2 for side in pixels.shape[:2])
    return pixels[top : top + CROP, left : left + CROP]


def data_uri(pixels: np.ndarray) -> str:
    """A picture, uint8, as lossless WebP in a data URI."""
    return _uri(Image.fromarray(pixels).convert("RGB"), lossless=True, quality=60, method=4)


def thumbnail(pixels: np.ndarray) -> str:
    """A small version of a picture, uint8, as a data URI."""
    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _uri(small.convert("RGB"), quality=70)


def _uri(image: Image.Image, **options: Any) -> str:
    return "data:image/webp;base64," + base64.b64encode(image_bytes(image, "WEBP", **options)).decode()
