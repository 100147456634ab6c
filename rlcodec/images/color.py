"""Reads photographs: upright, in sRGB, with 8 bits a channel; a warning says what of an image cannot be kept."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from rlcodec.core.preset_format import MAX_PIXELS, PresetFormat
from rlcodec.errors import ImageError, ImageWarning
from rlcodec.images.gray import UNREADABLE, ImageLike, check_size, with_image

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
GRAY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)
WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class ColorImage:
    """A picture to be coded.

    Attributes:
        pixels: uint8 (height, width, 3).
        gray: the source has no colours; the channels are equal.
        alpha: uint8 (height, width), 0 where the picture is transparent to 255; None if it is opaque.
    """

    pixels: np.ndarray
    gray: bool
    alpha: np.ndarray | None = None

    @property
    def original(self) -> np.ndarray:
        """The pixels that decoders should give back: uint8 (height, width, 3), or (height, width) if there are no colours."""
        return self.pixels[..., 0] if self.gray else self.pixels


def read_color(
    image: ImageLike, preset: PresetFormat | None, max_pixels: int = MAX_PIXELS, keep_alpha: bool = False
) -> ColorImage:
    """The picture as 8-bit sRGB, upright.

    Orientation from EXIF is applied, colours with another profile are converted to sRGB. Transparency is laid over white and
    deeper channels are rounded to 8 bits, with an `ImageWarning`.

    Args:
        image: a path, a PIL image, or an array (height, width) or (height, width, 3) of 8-bit values.
        preset: whose size limit holds; none if None.
        max_pixels: the most that are read.
        keep_alpha: whether transparency is kept; arrays may then have 2 or 4 channels, the last of which is alpha. What cannot
            be seen becomes white.

    Raises:
        ImageError: not an image, or too large.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image, preset, max_pixels, keep_alpha)
    return with_image(image, lambda opened, name: _from_pil(opened, name, preset, max_pixels, keep_alpha))


def with_alpha(pixels: np.ndarray, gray: bool, alpha: np.ndarray) -> ColorImage:
    """A picture with transparency, opaque if all of it is; arguments as the attributes of `ColorImage`."""
    if alpha.min(initial=255) == 255:
        return ColorImage(pixels, gray)
    return ColorImage(np.where(alpha[..., None] > 0, pixels, np.uint8(255)), gray, alpha)


def read_like(image: ImageLike, preset: PresetFormat | None, mode: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The pixels to compare a decoded image of mode "L" or "RGB" with, uint8, without warnings; otherwise as `read_color`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        pixels = read_color(image, preset, max_pixels).pixels
    return pixels[..., 0] if mode == "L" else pixels


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """The gray picture of decoded colours, uint8 (height, width): the mean of the channels."""
    return ((pixels.astype(np.uint16).sum(2) + 1) // 3).astype(np.uint8)


def _from_array(array: np.ndarray, preset: PresetFormat | None, max_pixels: int, keep_alpha: bool) -> ColorImage:
    if keep_alpha and array.ndim == 3 and array.shape[2] in (2, 4):
        colors = _from_array(array[..., 0] if array.shape[2] == 2 else array[..., :3], preset, max_pixels, False)
        return with_alpha(colors.pixels, colors.gray, array[..., -1].copy())
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise ImageError(f"the array has shape {array.shape}; a picture has (height, width) or (height, width, 3)")
    if array.dtype != np.uint8:
        raise ImageError(f"the array holds {array.dtype}; give uint8")
    check_size(array.shape[0], array.shape[1], "the array", preset, max_pixels)
    gray = array.ndim == 2
    return ColorImage(np.repeat(array[..., None], 3, 2) if gray else array.copy(), gray)


def _from_pil(image: Image.Image, name: str, preset: PresetFormat | None, max_pixels: int, keep_alpha: bool) -> ColorImage:
    from PIL import ImageOps

    check_size(image.height, image.width, name, preset, max_pixels)
    profile = image.info.get("icc_profile")
    gray, alpha = image.mode in GRAY_MODES, None
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in DEEP_MODES:
            _warn(f"{name}: has more than 8 bits a channel; they are rounded to 8 bits")
            upright = _to_eight_bits(upright)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            if keep_alpha:
                alpha, upright = np.array(rgba.getchannel("A")), rgba.convert("RGB")
            else:
                if np.asarray(rgba.getchannel("A")).min() < 255:
                    _warn(f"{name}: is transparent in places; these become white")
                background = Image.new("RGBA", rgba.size, (*WHITE, 255))
                upright = Image.alpha_composite(background, rgba).convert("RGB")
        if profile and not gray:
            upright = _to_srgb(upright, profile, name)
        if upright.mode == "CMYK":
            _warn(f"{name}: is CMYK without a profile; its colours are converted approximately")
        pixels = np.array(upright.convert("RGB"), np.uint8)
        return ColorImage(pixels, gray) if alpha is None else with_alpha(pixels, gray, alpha)
    except UNREADABLE as error:
        raise ImageError(f"{name}: cannot be read as an image ({error})") from error


def _to_eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    whole = 255.0 if values.max(initial=0) > 1 else 1.0
    top = whole if image.mode == "F" else 65535.0
    return Image.fromarray(np.clip(np.rint(values * 255 / top), 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes, name: str) -> Image.Image:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        ready = image if image.mode in ("RGB", "CMYK", "LAB") else image.convert("RGB")
        return ImageCms.profileToProfile(ready, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or ready
    except (ImageCms.PyCMSError, OSError, ValueError):
        _warn(f"{name}: its colour profile cannot be used; its colours are read as sRGB")
        return image


def _warn(message: str) -> None:
    warnings.warn(message, ImageWarning, stacklevel=4)
