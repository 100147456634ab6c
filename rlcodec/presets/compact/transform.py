"""The transforms of preset `compact`: from pixels to a binary latent at a 64th of the resolution, and back.

Both are float networks. The analysis only decides which bits are sent, and the synthesis is the last step, so the pixels of two
machines may differ by a level in places, but never a bit of the stream. Large pictures are transformed in tiles, which overlap
by the networks' receptive field, so there are no seams.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.core.onnx_session import load_network
from rlcodec.core.weights_file import WEIGHTS


@dataclass(frozen=True)
class Layer:
    """A convolution of the analysis and the up-convolution of the synthesis that mirrors it.

    Attributes:
        channels: on the coarser of its two sides; on the finer side are those of the layer before, or three colours.
        kernel: side of the kernel.
        stride: ratio of the two resolutions along each side.
    """

    channels: int
    kernel: int
    stride: int


LAYERS = (Layer(64, 12, 8), Layer(128, 4, 2), Layer(192, 4, 2), Layer(256, 4, 2), Layer(256, 3, 1), Layer(256, 1, 1))
"""From the pixels to the latent. At these rates no detail of single pixels is left, so the first layer reduces most; what
follows costs little, and most of the weights work on areas of 32 and 64 pixels."""
COLORS = 3
LATENT_CHANNELS = LAYERS[-1].channels
STRIDE = math.prod(layer.stride for layer in LAYERS)
"""Pixels along each side that one position of the latent stands for."""
TILE, MARGIN = 16, 2
"""Side of a tile and its overlap on each side, in positions of the latent. Either transform reaches 122 pixels, less than
MARGIN positions."""
Area = tuple[slice, slice]
"""Rows and columns."""
FILES = {"analysis": "compact-analysis.onnx", "synthesis": "compact-synthesis.onnx"}


def _macs_per_pixel() -> float:
    """Multiply-accumulates of either transform per pixel, convolutions counted at the coarser of their two resolutions."""
    total, finer, area = 0.0, COLORS, 1
    for layer in LAYERS:
        area *= layer.stride**2
        normalisation = layer.channels**2 if layer is not LAYERS[-1] else 0
        total += (layer.kernel**2 * finer * layer.channels + normalisation) / area
        finer = layer.channels
    return total


MACS_PER_PIXEL = _macs_per_pixel()
"""Multiply-accumulates of either transform for each pixel of whole latent positions."""


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the latent of a picture."""
    return -(-height // STRIDE), -(-width // STRIDE)


def synthesis_macs(rows: int, columns: int) -> int:
    """Multiply-accumulates of the synthesis of a latent of this size."""
    return round(MACS_PER_PIXEL * rows * columns * STRIDE**2)


def analyse(picture: np.ndarray, folder: Path = WEIGHTS) -> np.ndarray:
    """The binary latent of a picture.

    Args:
        picture: uint8 (height, width, 3); edges are repeated up to whole positions.
        folder: of the networks.

    Returns:
        int8 (LATENT_CHANNELS, rows, columns), -1 or +1.
    """
    height, width = picture.shape[:2]
    rows, columns = latent_size(height, width)
    padded = np.pad(picture, ((0, rows * STRIDE - height), (0, columns * STRIDE - width), (0, 0)), mode="edge")
    latent = np.empty((LATENT_CHANNELS, rows, columns), np.int8)

    def crop(tile: Area) -> np.ndarray:
        down, across = (slice(s.start * STRIDE, s.stop * STRIDE) for s in tile)
        return (padded[down, across].transpose(2, 0, 1) / np.float32(127.5) - 1)[None]

    for area, values in _in_tiles("analysis", crop, rows, columns, 1, folder):
        latent[:, *area] = np.where(values >= 0, 1, -1)
    return latent


def synthesise(latent: np.ndarray, height: int, width: int, folder: Path = WEIGHTS) -> np.ndarray:
    """The picture that a latent stands for.

    Args:
        latent: int8 (LATENT_CHANNELS, rows, columns): -1, +1, or 0 where a bit was not sent.
        height: of the picture, pixels.
        width: of the picture, pixels.
        folder: of the networks.

    Returns:
        uint8 (height, width, 3).
    """
    _, rows, columns = latent.shape
    picture = np.empty((rows * STRIDE, columns * STRIDE, 3), np.uint8)

    def crop(tile: Area) -> np.ndarray:
        return latent[:, *tile].astype(np.float32)[None]

    for area, values in _in_tiles("synthesis", crop, rows, columns, STRIDE, folder):
        picture[area] = np.clip(np.rint((values + 1) * 127.5), 0, 255).transpose(1, 2, 0)
    return picture[:height, :width]


def _in_tiles(
    name: str, crop: Callable[[Area], np.ndarray], rows: int, columns: int, scale: int, folder: Path
) -> Iterator[tuple[Area, np.ndarray]]:
    """Runs a network tile by tile.

    Args:
        name: of the network.
        crop: the network's input, float32 (1, channels, height, width), for a tile in positions of the latent.
        rows: of the latent.
        columns: of the latent.
        scale: values of the output along each side of a position.
        folder: of the networks.

    Yields:
        An area of the output, and its values, float32 (channels, height, width).
    """
    network = load_network(folder / FILES[name])
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            inner = [(top, min(top + TILE, rows)), (left, min(left + TILE, columns))]
            outer = [slice(max(a - MARGIN, 0), min(b + MARGIN, n)) for (a, b), n in zip(inner, (rows, columns), strict=True)]
            output = network.run(None, {"from": crop((outer[0], outer[1]))})[0][0]
            down, across = (slice((a - o.start) * scale, (b - o.start) * scale) for (a, b), o in zip(inner, outer, strict=True))
            (y0, y1), (x0, x1) = inner
            yield (slice(y0 * scale, y1 * scale), slice(x0 * scale, x1 * scale)), output[:, down, across]
