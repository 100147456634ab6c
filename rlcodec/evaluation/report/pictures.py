"""Pictures for a report: the originals that a table was made from, and what codecs make of them at equal bytes."""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from rlcodec.api import inspect
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.preset_ids import PHOTO
from rlcodec.errors import OptionError, RlcodecError
from rlcodec.evaluation.codecs import (
    FORMATS,
    OWN,
    POLICY,
    codec_by_name,
    decode_own,
    preset_of_codec,
)
from rlcodec.evaluation.curves import EXACT_PSNR_DB
from rlcodec.evaluation.photographs import Shown, finest_within
from rlcodec.evaluation.rate_distortion import Source, mode_of, pixels_of, sha256_of, sources_of

CROP = 512
"""Pixels a side, at most, of what is embedded of a picture."""
THUMBNAIL = 64
NEAR_BPP = 0.5
"""Bits per pixel at which pictures are compared: low enough that codecs differ to the eye."""
MOST_VERSIONS = 8


@dataclass(frozen=True)
class Version:
    """A picture as one codec shows it.

    Attributes:
        codec: name, or "original".
        setting: at which.
        size_bytes: of the whole file.
        bpp: bits per pixel.
        psnr_db: of the whole picture; `EXACT_PSNR_DB` where nothing differs.
        ms_ssim: of the whole picture, 0 to 1.
        decoder_kmac_per_pixel: compute of decoding; NaN where it is not known.
        source: what is shown of it, a data URI.
    """

    codec: str
    setting: str
    size_bytes: int
    bpp: float
    psnr_db: float
    ms_ssim: float
    decoder_kmac_per_pixel: float
    source: str


@dataclass(frozen=True)
class Compared:
    """A picture by all codecs at equal bytes.

    Attributes:
        image: name.
        width: of the whole picture, pixels.
        height: of the whole picture, pixels.
        shown: width and height of what is embedded, the middle of it.
        most_bytes: that a version may have.
        versions: the original first.
        missing: codecs that are left out, and why.
    """

    image: str
    width: int
    height: int
    shown: tuple[int, int]
    most_bytes: int
    versions: tuple[Version, ...]
    missing: Mapping[str, str]


def find_originals(rows: pd.DataFrame, folder: Path, split: str) -> Iterator[tuple[str, np.ndarray]]:
    """Names and pixels, uint8, of the pictures of a table: those of a folder whose pixels are what the table's digest says.

    Raises:
        DataError: the folder holds no pictures.
    """
    sources = {source.name: source for source in sources_of(folder, split)}
    for name, digest in rows[["image", "image_sha256"]].drop_duplicates().itertuples(index=False):
        pixels = _pixels(sources.get(name), digest)
        if pixels is not None:
            yield name, pixels


def _pixels(source: Source | None, digest: str) -> np.ndarray | None:
    for gray in (False, True) if source else ():
        try:
            pixels = pixels_of(source, gray)
        except RlcodecError:
            continue
        if sha256_of(pixels) == digest:
            return pixels
    return None


def compare_at_equal_bytes(
    image: str,
    pixels: np.ndarray,
    rows: pd.DataFrame,
    near_bpp: float = NEAR_BPP,
    report: Callable[[], None] | None = None,
) -> Compared:
    """A picture by the codecs of a table at equal bytes.

    The first of rlcodec's own codecs is shown at the setting of the table whose rate is nearest to `near_bpp`; the others are
    as fine as they may be in no more bytes than it.

    Args:
        image: name.
        pixels: uint8 (height, width) or (height, width, 3).
        rows: of the picture, columns as `rlcodec.evaluation.rate_distortion.Row`.
        near_bpp: bits per pixel.
        report: called after every codec.
    """
    names = list(rows.codec.unique())
    own = [name for name in names if name.startswith((OWN, POLICY))]
    height, width = pixels.shape[:2]
    most, anchor = round(near_bpp * width * height / 8), ""
    versions = [_version("original", Shown(b"", pixels), pixels)]
    missing: dict[str, str] = {}
    ordered = [*own, *(name for name in names if name not in own)]
    for name in ordered[: MOST_VERSIONS - 1]:
        try:
            if name in own and not anchor:
                anchor, shown = name, _as_measured(name, pixels, rows, near_bpp)
                most = len(shown.data)
            elif name in own:
                shown = _own_within(name, pixels, most)
            elif name in FORMATS:
                shown = finest_within(name, pixels, most)
            else:
                raise OptionError("is not known here")
            if shown is None:
                missing[name] = f"has no file of at most {most:,} bytes"
            else:
                versions.append(_version(name, shown, pixels))
        except (RlcodecError, OSError, ValueError) as error:  # Pillow's formats raise their own
            missing[name] = " ".join(str(error).split())
        if report:
            report()
    missing |= dict.fromkeys(ordered[MOST_VERSIONS - 1 :], "would make the page too large")
    part = _middle(pixels)
    return Compared(image, width, height, (part.shape[1], part.shape[0]), most, tuple(versions), missing)


def _as_measured(name: str, pixels: np.ndarray, rows: pd.DataFrame, near_bpp: float) -> Shown:
    codec, mine = codec_by_name(name), rows[rows.codec == name]
    setting = str(mine.setting.loc[(mine.bpp - near_bpp).abs().idxmin()])
    if setting not in codec.settings:
        raise OptionError(f"is not measured at {setting!r} by this rlcodec")
    data = codec.encode(pixels, codec.settings[setting])
    return Shown(data, codec.decode(data, mode_of(pixels)), setting)


def _own_within(name: str, pixels: np.ndarray, most_bytes: int) -> Shown | None:
    preset = preset_of_codec(name)
    codec, options = codec_by_name(name), {}
    if name.startswith(POLICY):
        first: Mapping[str, Any] = next(iter(codec.settings.values()))
        options = {key: first[key] for key in ("distortion", "lambda_rate", "lambda_compute")}
    if preset is PHOTO or name.startswith(POLICY):
        data = codec.encode(pixels, options | {"max_bytes": most_bytes})
        return Shown(data, decode_own(data, mode_of(pixels)), f"max_bytes {most_bytes}")
    best = None
    for setting, given in codec.settings.items():
        data = codec.encode(pixels, given)
        if len(data) <= most_bytes and (best is None or len(data) > len(best.data)):
            best = Shown(data, decode_own(data, mode_of(pixels)), setting)
    return best


def _version(codec: str, shown: Shown, original: np.ndarray) -> Version:
    height, width = original.shape[:2]
    raw = codec == "original"
    size = original.size if raw else len(shown.data)
    own = codec.startswith((OWN, POLICY))
    inside = inspect(shown.data) if own else None
    chosen = inside.choice if inside else ""
    setting = chosen if chosen.startswith(shown.setting) else ", ".join(part for part in (shown.setting, chosen) if part)
    return Version(
        codec,
        "raw" if raw else setting,
        size,
        8 * size / (width * height),
        min(psnr_db(original, shown.pixels), EXACT_PSNR_DB),
        ms_ssim(original, shown.pixels),
        inside.decoder_kmac_per_pixel if inside else float("nan"),
        data_uri(_middle(shown.pixels)),
    )


def _middle(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most `CROP` pixels a side."""
    top, left = (max(0, side - CROP) // 2 for side in pixels.shape[:2])
    return pixels[top : top + CROP, left : left + CROP]


def data_uri(pixels: np.ndarray) -> str:
    """A picture, uint8, as lossless WebP in a data URI."""
    return _uri(Image.fromarray(pixels).convert("RGB"), lossless=True, quality=60, method=4)


def thumbnail(pixels: np.ndarray) -> str:
    """A picture, uint8, made small, as a data URI."""
    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _uri(small.convert("RGB"), quality=70)


def _uri(image: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
