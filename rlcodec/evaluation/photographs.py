"""A photograph at equal bytes: by rlcodec and by the codecs that people use."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rlcodec.api import decode, encode
from rlcodec.core.metrics import psnr_db
from rlcodec.errors import DataError
from rlcodec.evaluation.codecs import FORMATS, Format, open_picture, register_formats, save_picture
from rlcodec.evaluation.figures import plot_pictures
from rlcodec.evaluation.rate_distortion import mode_of

CLASSICAL: Mapping[str, tuple[str, dict[str, Any]]] = {
    "JPEG": ("JPEG", {"optimize": True, "progressive": True}),
    "WebP": ("WEBP", {"method": 6}),
    "AVIF": ("AVIF", {"speed": 6}),
}
"""Name, Pillow's name of the format, and settings."""
FINEST_QUALITY = 95
COARSEST_DB, FINEST_DB = 10, 60
SAMPLE, SAMPLE_BYTES = "flower.jpg", 14_000
WHOLE = (slice(None), slice(None))
SAMPLE_CROP = (slice(120, 300), slice(250, 490))


@dataclass(frozen=True)
class Shown:
    """What a codec made of a picture: the whole file, its pixels, uint8 like the picture's, and at which setting."""

    data: bytes
    pixels: np.ndarray
    setting: str = ""


def sample_photograph() -> Image.Image:
    """A photograph of 640x427 pixels that comes with scikit-learn.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_sample_image
    except ImportError as error:
        raise DataError("the sample photograph comes with scikit-learn; install rlcodec[train]") from error
    return Image.fromarray(load_sample_image(SAMPLE))


def classical_bytes(picture: Image.Image, name: str, quality: int) -> bytes:
    """A picture in one of `CLASSICAL` at a quality."""
    kind, options = CLASSICAL[name]
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=quality, **options)
    return buffer.getvalue()


def show_classical(picture: Image.Image, name: str, quality: int) -> Shown:
    """What one of `CLASSICAL` makes of a picture at a quality."""
    data = classical_bytes(picture, name, quality)
    return Shown(data, classical_pixels(data))


def classical_pixels(data: bytes) -> np.ndarray:
    """What a file that Pillow wrote holds, uint8 (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def at_equal_bytes(picture: Image.Image, most_bytes: int) -> dict[str, Shown]:
    """The finest that every codec has in no more than so many bytes; codecs that cannot are left out."""
    data, pixels = encode(picture, preset="photo", max_bytes=most_bytes), np.asarray(picture.convert("RGB"))
    found = {"rlcodec": Shown(data, np.asarray(decode(data)))}
    for name in CLASSICAL:
        shown = finest_within(name.lower(), pixels, most_bytes)
        if shown is not None:
            found[name] = shown
    return found


def finest_within(name: str, pixels: np.ndarray, most_bytes: int) -> Shown | None:
    """The finest that a format has of a picture in no more than so many bytes, or None.

    Args:
        name: of `rlcodec.evaluation.codecs.FORMATS`.
        pixels: uint8 (height, width) or (height, width, 3).
        most_bytes: of the whole file.
    """
    register_formats()
    made = FORMATS[name]
    settings = list(_finely(made).items())
    low, high, best = 0, len(settings) - 1, None
    while low <= high:
        middle = (low + high) // 2
        title, options = settings[middle]
        data = save_picture(pixels, made.kind, {**made.options, **options})
        if len(data) <= most_bytes:
            best, low = (data, title), middle + 1
        else:
            high = middle - 1
    return None if best is None else Shown(best[0], open_picture(best[0], mode_of(pixels)), best[1])


def _finely(made: Format) -> dict[str, Mapping[str, Any]]:
    """Every setting of a format, from coarse to fine."""
    options = next(iter(made.settings.values()))
    if "quality" in options:
        return {f"quality {quality}": {"quality": quality} for quality in range(1, FINEST_QUALITY + 1)}
    if "quality_layers" in options:
        return {f"{db} dB": {"quality_layers": [db]} for db in range(COARSEST_DB, FINEST_DB + 1)}
    return dict(made.settings)


def plot_shown(picture: Image.Image, found: Mapping[str, Shown], crop: tuple[slice, slice] = WHOLE) -> Figure:
    """The original and what every codec made of it, or a part, with bytes and PSNR of the whole."""
    original = np.asarray(picture)
    titles = {f"original: {original.size:,} bytes raw": original[crop]}
    for name, shown in found.items():
        titles[f"{name}: {len(shown.data):,} bytes, {psnr_db(original, shown.pixels):.2f} dB"] = shown.pixels[crop]
    return plot_pictures(titles)
