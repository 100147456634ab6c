"""Which preset suits an image, if users name none: by the options that are given, and by what the image holds.

Small gray images go to `mnist`, unless the raster-encoder takes no more bytes and is exact. What must be exact goes to
`raster`, and so do images that look like text and drawings all over, since they take hardly fewer bytes with errors. All others
go to `photo`, whose raster layer codes drawn areas, and which keeps transparency exactly.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.images.gray import ImageLike, with_image
from rlcodec.options import EncodeOptions
from rlcodec.presets.registry import encode_option_types, preset_by_name, preset_for

AUTO = "auto"
"""As the name of a preset: the one that suits the image."""
EXACT, LOSSY, SMALL = "raster", "photo", "mnist"
MOST_BPP_OF_DIGITS = 1.6
"""Small gray images that preset `mnist` codes in more bits per pixel are no digits: the raster-encoder is tried as well."""
DRAWN_SHARE = 0.98
"""Share of areas that look drawn, from which on an image is coded exactly."""
COMPRESSED_FORMATS = ("JPEG", "MPO", "AVIF", "HEIF")
"""Pillow's names of formats whose images have errors of compression: they are no exact drawings."""
WITHOUT_CHOICE = ("max_pixels", "workers")
"""Options that say nothing about what is wanted."""


def choose_preset(image: ImageLike, options: Mapping[str, Any]) -> str:
    """Name of the preset that suits an image and has all of the given options.

    Args:
        image: as for `rlcodec.encode`.
        options: keyword options of encoding by name; None means that an option is not given.

    Raises:
        ImageError: the image cannot be read.
        OptionError: no preset takes the image with these options.
    """
    types = encode_option_types()
    named = {name for name, value in options.items() if value is not None and value is not False}
    mode, size, transparent = _described(image)
    fitting = [name for name in (SMALL, LOSSY, EXACT) if named <= set(types[name].names())]
    if asks_for_exact_pixels(options):
        native = preset_by_name(SMALL).format.native
        order = (SMALL, EXACT) if size == native else (EXACT, SMALL)
        suited = [name for name in order if name in fitting and preset_by_name(name).suits(mode, size)]
    else:
        suited = [name for name in fitting if preset_by_name(name).suits(mode, size) and not (transparent and name == SMALL)]
        if suited[:1] == [LOSSY] and not named - set(WITHOUT_CHOICE) and is_drawn(image, options.get("max_pixels")):
            return EXACT
    return suited[0] if suited else preset_for(mode, size, named)


def asks_for_exact_pixels(options: Mapping[str, Any]) -> bool:
    """Whether options ask for every pixel exactly."""
    given = EncodeOptions(
        **{
            name: options[name]
            for name in ("lossless", "objective", "lambda_rate", "lambda_compute", "distortion")
            if options.get(name) is not None
        }
    )
    return given.asks_for_exact_pixels or options.get("min_psnr") == math.inf


def is_drawn(image: ImageLike, max_pixels: int | None = None) -> bool:
    """Whether an image looks like text, lines and flat colours all over; those that were compressed with errors do not."""
    from rlcodec.images.color import read_color
    from rlcodec.presets.photo.layer import drawn_areas

    if not isinstance(image, np.ndarray) and with_image(image, lambda opened, _: opened.format in COMPRESSED_FORMATS):
        return False
    pixels = read_color(image, None, MAX_PIXELS if max_pixels is None else max_pixels, keep_alpha=True).pixels
    return bool(drawn_areas(pixels).mean() >= DRAWN_SHARE)


def _described(image: ImageLike) -> tuple[str, tuple[int, int], bool]:
    """Pillow's mode of an image, its width and height, and whether it is transparent in places."""
    if isinstance(image, np.ndarray):
        channels = image.shape[2] if image.ndim == 3 else 1
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}.get(channels, "RGB")
        size = (image.shape[1], image.shape[0]) if image.ndim >= 2 else (1, 1)
        return mode, size, channels in (2, 4) and bool((image[..., -1] < 255).any())
    return with_image(image, lambda opened, _: (opened.mode, opened.size, _is_transparent(opened)))


def _is_transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    return bool(np.asarray(image.convert("RGBA").getchannel("A")).min(initial=255) < 255)
