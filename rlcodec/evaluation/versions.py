"""What codecs make of one picture: at a setting, in a number of bytes, or at a quality."""

import bisect
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from rlcodec.core.metrics import psnr_db
from rlcodec.evaluation.codecs import Codec, Options, mode_of
from rlcodec.evaluation.figures import plot_pictures

Quality = Callable[[np.ndarray, np.ndarray], float]
"""From two uint8 pictures of one shape to a number: the greater, the better."""
WHOLE = (slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Version:
    """What a codec makes of a picture.

    Attributes:
        data: the whole file.
        pixels: what it decodes to, uint8 of the picture's shape.
        setting: name of the setting.
    """

    data: bytes
    pixels: np.ndarray
    setting: str = ""


def version_at(codec: Codec, pixels: np.ndarray, setting: str, options: Options) -> Version:
    """What a codec makes of a picture.

    Args:
        codec: the codec.
        pixels: uint8 (height, width) or (height, width, 3).
        setting: name of the setting.
        options: of the setting.
    """
    data = codec.encode(pixels, options)
    return Version(data, codec.decode(data, mode_of(pixels)), setting)


def finest_within(codec: Codec, pixels: np.ndarray, most_bytes: int) -> Version | None:
    """The finest version of a picture that a codec has in a number of bytes.

    Codecs that take a limit are given it; of the others all settings are searched.

    Args:
        codec: the codec.
        pixels: uint8 (height, width) or (height, width, 3).
        most_bytes: of the whole file.

    Returns:
        The version; None if every setting takes more.

    Raises:
        MisfitError: the codec has no stream of so few bytes.
    """
    if codec.size_options is not None:
        return version_at(codec, pixels, f"max_bytes {most_bytes}", {**codec.size_options, "max_bytes": most_bytes})
    settings = list((codec.fine_settings or codec.settings).items())
    files = functools.cache(lambda number: codec.encode(pixels, settings[number][1]))
    fitting = bisect.bisect_right(range(len(settings)), most_bytes, key=lambda number: len(files(number)))
    if not fitting:
        return None
    return Version(files(fitting - 1), codec.decode(files(fitting - 1), mode_of(pixels)), settings[fitting - 1][0])


def smallest_with(codec: Codec, pixels: np.ndarray, quality: Quality, least: float) -> Version:
    """The coarsest version of a picture that is good enough, or else the finest.

    Args:
        codec: the codec.
        pixels: uint8 (height, width) or (height, width, 3).
        quality: measures the version.
        least: the smallest quality that is enough.
    """
    for setting, options in (codec.fine_settings or codec.settings).items():
        version = version_at(codec, pixels, setting, options)
        if quality(pixels, version.pixels) >= least:
            break
    return version


def plot_versions(pixels: np.ndarray, versions: Mapping[str, Version], crop: tuple[slice, slice] = WHOLE) -> Figure:
    """Plots the original and its versions, or a part of them, with the bytes and the PSNR of the whole.

    Args:
        pixels: the original, uint8 (height, width) or (height, width, 3).
        versions: by name.
        crop: rows and columns to plot.
    """
    pictures = {f"original: {pixels.size:,} bytes raw": pixels[crop]}
    for name, version in versions.items():
        pictures[f"{name}: {len(version.data):,} bytes, {psnr_db(pixels, version.pixels):.2f} dB"] = version.pixels[crop]
    return plot_pictures(pictures)
