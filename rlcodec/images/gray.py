"""Reads gray images from a path, a PIL image or an array, and opens images for other readers."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from rlcodec.core.preset_format import MAX_PIXELS, MOST_PIXELS, PresetFormat
from rlcodec.errors import ImageError

GRAY_MODES = {"L", "1"}
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
"""Exceptions that Pillow raises for files that are broken, truncated or too large."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class FileBytes:
    """The content of an image file that was read already.

    Attributes:
        path: of the file, which error messages name.
        data: its bytes.
    """

    path: Path
    data: bytes


ImageLike = Image.Image | np.ndarray | str | os.PathLike[str] | FileBytes


def read_gray(image: ImageLike, preset: PresetFormat | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image as 8-bit gray.

    Args:
        image: a path, a PIL image, or an array of shape (height, width) that holds 8-bit values.
        preset: whose size limit holds; no limit if None.
        max_pixels: the most that are read.

    Returns:
        A copy, uint8 (height, width).

    Raises:
        ImageError: it is no image, is not gray, has more than 8 bits, or is too large.
    """
    if isinstance(image, np.ndarray):
        return _check_array(image, preset, max_pixels)
    return with_image(image, lambda opened, name: _from_pil(opened, name, preset, max_pixels))


def with_image(image: Image.Image | str | os.PathLike[str] | FileBytes, use: Callable[[Image.Image, str], Result]) -> Result:
    """Opens an image and passes it to a function.

    Args:
        image: a path, the content of a file, or a PIL image.
        use: takes the opened image and its name for error messages.

    Returns:
        What `use` returns.

    Raises:
        ImageError: Pillow cannot read the file, or the argument is neither a path nor an image.
    """
    if isinstance(image, Image.Image):
        return use(image, "the image")
    try:
        path = image.path if isinstance(image, FileBytes) else Path(image)
    except TypeError as error:
        raise ImageError(f"cannot take a {type(image).__name__} for an image; give a path, a PIL image or an array") from error
    try:
        with Image.open(io.BytesIO(image.data) if isinstance(image, FileBytes) else path) as opened:
            return use(opened, str(path))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image that Pillow can read") from error
    except UNREADABLE as error:
        raise ImageError(f"{path}: cannot be read as an image ({error})") from error


def _from_pil(image: Image.Image, name: str, preset: PresetFormat | None, max_pixels: int) -> np.ndarray:
    check_size(image.height, image.width, name, preset, max_pixels)
    if image.mode not in GRAY_MODES:
        raise ImageError(
            f"{name}: is {image.mode}, and this preset codes 8-bit gray; take a preset for colours, for instance photo, "
            "or convert it: image.convert('L')"
        )
    try:
        return np.array(image.convert("L"), np.uint8)
    except UNREADABLE as error:
        raise ImageError(f"{name}: cannot be read as an image ({error})") from error


def _check_array(array: np.ndarray, preset: PresetFormat | None, max_pixels: int) -> np.ndarray:
    if array.ndim != 2:
        raise ImageError(f"the array has shape {array.shape}; a gray image has (height, width)")
    check_size(array.shape[0], array.shape[1], "the array", preset, max_pixels)
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype != np.uint8:
        whole = np.issubdtype(array.dtype, np.integer)
        if not whole or array.min() < 0 or array.max() > 255:
            raise ImageError(f"the array holds {array.dtype}; give integers from 0 to 255, best as uint8")
    return array.astype(np.uint8)


def check_size(height: int, width: int, name: str, preset: PresetFormat | None, max_pixels: int = MAX_PIXELS) -> None:
    """Raises ImageError if an image is empty, or larger than the preset takes or than `max_pixels`."""
    if height < 1 or width < 1:
        raise ImageError(f"{name}: is empty ({width}x{height})")
    if preset and max(height, width) > preset.max_side:
        raise ImageError(
            f"{name}: is {width}x{height}; preset {preset.name} takes at most {preset.max_side}x{preset.max_side} pixels"
        )
    if height * width > min(max_pixels, MOST_PIXELS):
        remedy = "; allow more with max_pixels" if max_pixels < MOST_PIXELS else ""
        raise ImageError(f"{name}: has {width}x{height} pixels; {min(max_pixels, MOST_PIXELS)} are allowed{remedy}")
