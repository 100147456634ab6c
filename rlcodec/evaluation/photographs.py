"""A photograph at equal bytes: by rlcodec and by the codecs that people use."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rlcodec.codec import decode, encode
from rlcodec.errors import DataError
from rlcodec.evaluation.figures import plot_pictures
from rlcodec.metrics import psnr_db

CLASSICAL: Mapping[str, tuple[str, dict[str, Any]]] = {
    "JPEG": ("JPEG", {"optimize": True, "progressive": True}),
    "WebP": ("WEBP", {"method": 6}),
    "AVIF": ("AVIF", {"speed": 6}),
}
"""Name, Pillow's name of the format, and settings."""
FINEST_QUALITY = 95
SAMPLE, SAMPLE_BYTES = "flower.jpg", 14_000
WHOLE = (slice(None), slice(None))
SAMPLE_CROP = (slice(120, 300), slice(250, 490))


@dataclass(frozen=True)
class Shown:
    """What a codec made of a picture: the whole file, and its pixels, uint8 (height, width, 3)."""

    data: bytes
    pixels: np.ndarray


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
    data = encode(picture, preset="photo", max_bytes=most_bytes)
    found = {"rlcodec": Shown(data, np.asarray(decode(data)))}
    for name in CLASSICAL:
        low, high, best = 1, FINEST_QUALITY, b""
        while low <= high:
            middle = (low + high) // 2
            data = classical_bytes(picture, name, middle)
            if len(data) <= most_bytes:
                best, low = data, middle + 1
            else:
                high = middle - 1
        if best:
            found[name] = Shown(best, classical_pixels(best))
    return found


def plot_shown(picture: Image.Image, found: Mapping[str, Shown], crop: tuple[slice, slice] = WHOLE) -> Figure:
    """The original and what every codec made of it, or a part, with bytes and PSNR of the whole."""
    original = np.asarray(picture)
    titles = {f"original: {original.size:,} bytes raw": original[crop]}
    for name, shown in found.items():
        titles[f"{name}: {len(shown.data):,} bytes, {psnr_db(original, shown.pixels):.2f} dB"] = shown.pixels[crop]
    return plot_pictures(titles)
