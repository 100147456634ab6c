"""Reads pictures with the channels that they have: gray or colours, with or without alpha, every 8-bit sample as it is."""

import warnings

import numpy as np
from PIL import Image

from rlcodec.core.preset_format import MAX_PIXELS, PresetFormat
from rlcodec.errors import ImageError, ImageWarning
from rlcodec.images.color import DEEP_MODES, read_color
from rlcodec.images.gray import UNREADABLE, ImageLike, check_size, with_image

MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA"}
"""Pillow's modes whose pictures are read exactly, and the mode that they are read in."""
MOST_CHANNELS = 4


def read_exact(image: ImageLike, preset: PresetFormat | None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The samples of a picture, upright.

    Pictures of 8-bit gray or RGB, with or without alpha, and those with a palette keep every sample; colour profiles are not
    kept. Others are read as `rlcodec.images.color.read_color` reads them, with an `ImageWarning`.

    Args:
        image: a path, a PIL image, or an array (height, width) or (height, width, 1 to 4) of 8-bit values.
        preset: whose size limit holds; none if None.
        max_pixels: the most that are read.

    Returns:
        uint8 (height, width, channels) of 1 to 4 channels: gray, gray and alpha, red, green and blue, or these and alpha.

    Raises:
        ImageError: not an image, or too large.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image, preset, max_pixels)
    return with_image(image, lambda opened, name: _from_pil(opened, name, preset, max_pixels))


def _from_array(array: np.ndarray, preset: PresetFormat | None, max_pixels: int) -> np.ndarray:
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= MOST_CHANNELS):
        raise ImageError(f"the array has shape {array.shape}; a picture has (height, width) or (height, width, 1 to 4)")
    if array.dtype != np.uint8:
        raise ImageError(f"the array holds {array.dtype}; give uint8")
    check_size(array.shape[0], array.shape[1], "the array", preset, max_pixels)
    return np.array(array[..., None] if array.ndim == 2 else array, order="C")


def _from_pil(image: Image.Image, name: str, preset: PresetFormat | None, max_pixels: int) -> np.ndarray:
    from PIL import ImageOps

    check_size(image.height, image.width, name, preset, max_pixels)
    transparent = image.has_transparency_data
    mode = MODES.get(image.mode)
    if image.mode in ("P", "PA"):
        mode = "RGBA" if transparent else "RGB"
    elif transparent and mode in ("L", "RGB"):
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    if mode is None:
        if image.mode not in DEEP_MODES:  # `read_color` says what it does to these
            warnings.warn(f"{name}: is of mode {image.mode}; it is read as RGB", ImageWarning, stacklevel=4)
        colors = read_color(image, preset, max_pixels)
        return np.array(colors.original[..., None] if colors.gray else colors.original)
    try:
        pixels = np.array(ImageOps.exif_transpose(image).convert(mode), np.uint8)
    except UNREADABLE as error:
        raise ImageError(f"{name}: cannot be read as an image ({error})") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels
