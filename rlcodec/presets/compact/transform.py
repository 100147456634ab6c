"""The transforms of preset `compact`: from pixels to a binary latent at a 64th of the resolution, and back.

Both are float networks. The analysis only decides which bits are sent, and the synthesis is the last step: two machines may
differ by a level here and there, never in a bit of the stream. Large pictures go in tiles that overlap by as much as a value
depends on, so there are no seams.
"""

from pathlib import Path

import numpy as np

from rlcodec.core.onnx_session import load_network
from rlcodec.core.weights_file import WEIGHTS

CHANNELS, LATENT_CHANNELS, LAYERS, KERNEL = 64, 256, 6, 5
STRIDE = 1 << LAYERS
"""Pixels along each side that one position of the latent stands for."""
TILE, MARGIN = 16, 2
"""In positions of the latent. Six convolutions of radius 2 reach 126 pixels, less than MARGIN positions."""
FILES = {"analysis": "compact-analysis.onnx", "synthesis": "compact-synthesis.onnx"}


def _macs_per_pixel() -> float:
    """Multiply-accumulates of either transform: convolutions at the coarser of their two resolutions, normalisations."""
    total = 0.0
    for i in range(LAYERS):
        wide, narrow = (3 if i == 0 else CHANNELS), (LATENT_CHANNELS if i + 1 == LAYERS else CHANNELS)
        total += (KERNEL**2 * wide * narrow + (CHANNELS**2 if i + 1 < LAYERS else 0)) / 4 ** (i + 1)
    return total


MACS_PER_PIXEL = _macs_per_pixel()


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the latent of a picture."""
    return -(-height // STRIDE), -(-width // STRIDE)


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
    out = np.empty((LATENT_CHANNELS, rows, columns), np.int8)

    def part(tile: tuple[slice, slice]) -> np.ndarray:
        down, across = (slice(s.start * STRIDE, s.stop * STRIDE) for s in tile)
        return (padded[down, across].transpose(2, 0, 1) / np.float32(127.5) - 1)[None]

    for where, found in _in_tiles("analysis", part, rows, columns, 1, folder):
        out[:, *where] = np.where(found >= 0, 1, -1)
    return out


def synthesise(latent: np.ndarray, height: int, width: int, folder: Path = WEIGHTS) -> np.ndarray:
    """The picture that a latent stands for.

    Args:
        latent: int8 (LATENT_CHANNELS, rows, columns): -1, +1, or 0 where nothing is known.
        height: of the picture, pixels.
        width: the same.
        folder: of the networks.

    Returns:
        uint8 (height, width, 3).
    """
    _, rows, columns = latent.shape
    out = np.empty((rows * STRIDE, columns * STRIDE, 3), np.uint8)

    def part(tile: tuple[slice, slice]) -> np.ndarray:
        return latent[:, *tile].astype(np.float32)[None]

    for where, found in _in_tiles("synthesis", part, rows, columns, STRIDE, folder):
        out[where] = np.clip(np.rint((found + 1) * 127.5), 0, 255).transpose(1, 2, 0)
    return out[:height, :width]


def _in_tiles(name, part, rows, columns, scale, folder):
    """Runs a network tile by tile: yields where in the output, which has `scale` values a position, and what is there."""
    network = load_network(folder / FILES[name])
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            inner = [(top, min(top + TILE, rows)), (left, min(left + TILE, columns))]
            outer = [slice(max(a - MARGIN, 0), min(b + MARGIN, n)) for (a, b), n in zip(inner, (rows, columns), strict=True)]
            found = network.run(None, {"from": part(tuple(outer))})[0][0]
            cut = [slice((a - o.start) * scale, (b - o.start) * scale) for (a, b), o in zip(inner, outer, strict=True)]
            yield tuple(slice(a * scale, b * scale) for a, b in inner), found[:, *cut]
