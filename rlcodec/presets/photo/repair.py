"""What the synthesis adds to the inverse transform: a small convolutional network that repairs quantisation's traces.

It works at a quarter of the resolution, on 4x4 pixels at a time, in two widths, `light` and `full`; `plain` is without it. The
width is the lever on compute.
This last step is float: two machines may differ by a level here and there, never in a bit of the stream.
"""

from pathlib import Path

import numpy as np

from rlcodec.core.kernel import kernel
from rlcodec.core.onnx_session import load_network
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo.coefficient_coder import step_of
from rlcodec.presets.photo.transform import BLOCK, PLANES, dequantised_planes
from rlcodec.presets.photo.weights import PhotoWeights

FACTOR = 4
"""Side of the squares of pixels that become channels."""
POSITION_CHANNELS = 4
CHANNELS = PLANES * FACTOR**2 + PLANES + 1 + POSITION_CHANNELS
LARGEST = 8.0
"""Differences from a square's mean are clipped to so many steps."""
OUTPUT_STEPS = 1 / 8
"""The network's output is in these, so that what it learns at one gain holds at the others."""
SIZES = {"light": (32, 4), "full": (64, 6)}
"""Channels, and convolutions between the first and the last, of each width."""
REPAIRS, PLAIN = tuple(SIZES), "plain"
WIDTHS = (PLAIN, *REPAIRS)
"""From the least compute to the most."""
BAND_ROWS = 512
"""Rows made at a time; like MARGIN, whole blocks."""
SQUARE_ROWS_AT_ONCE = 32
"""Rows of squares that a thread takes at a time."""
MARGIN = 64
"""Rows beyond a band that its pixels depend on, at least."""


KMAC = {
    name: 9 * (CHANNELS * channels + count * channels**2 + channels * PLANES * FACTOR**2) / FACTOR**2 / 1000
    for name, (channels, count) in SIZES.items()
} | {PLAIN: 0.0}
"""Compute of each width, in kMAC per pixel."""


def network_input(planes: np.ndarray, gain: int) -> np.ndarray:
    """What the network sees.

    Args:
        planes: float32 (height, width, 3), whole blocks, about 0 to 255.
        gain: index of the quantiser's setting.

    Returns:
        float32 (1, CHANNELS, height / FACTOR, width / FACTOR): pixels less the mean of their square, in quantiser steps; the
        means; the step; and the place within the block.
    """
    rows, columns = (n // FACTOR for n in planes.shape[:2])
    step = step_of(gain)
    out = np.empty((1, CHANNELS, rows, columns), np.float32)
    side_by_side(
        lambda part: _fill_input(planes, np.float32(1 / step), np.float32(128 / step), part.start, part.stop, out[0]),
        parts_of(rows, SQUARE_ROWS_AT_ONCE),
    )
    at = PLANES * FACTOR**2 + PLANES
    out[0, at] = np.log2(step) / 4 - 1
    down = 2 * np.pi * (np.arange(rows) % (BLOCK // FACTOR) + 0.5) * FACTOR / BLOCK
    across = 2 * np.pi * (np.arange(columns) % (BLOCK // FACTOR) + 0.5) * FACTOR / BLOCK
    places = (np.cos(down)[:, None], np.sin(down)[:, None], np.cos(across)[None], np.sin(across)[None])
    for i, place in enumerate(places):
        out[0, at + 1 + i] = place
    return out


@kernel
def _fill_input(planes, scale, middle, first, last, out):
    """Writes rows of squares, and their means, as `network_input` says."""
    columns = out.shape[2]
    for row in range(first, last):
        for plane in range(PLANES):
            mean = PLANES * FACTOR**2 + plane
            for x in range(columns):
                out[mean, row, x] = np.float32(0)
            for i in range(FACTOR**2):
                channel, y, shift = plane * FACTOR**2 + i, row * FACTOR + i // FACTOR, i % FACTOR
                for x in range(columns):
                    value = planes[y, x * FACTOR + shift, plane] * scale
                    out[channel, row, x] = value
                    out[mean, row, x] += value
            for x in range(columns):
                out[mean, row, x] *= np.float32(1 / FACTOR**2)
            for i in range(FACTOR**2):
                channel = plane * FACTOR**2 + i
                for x in range(columns):
                    value = out[channel, row, x] - out[mean, row, x]
                    out[channel, row, x] = min(max(value, np.float32(-LARGEST)), np.float32(LARGEST))
            for x in range(columns):
                out[mean, row, x] = (out[mean, row, x] - middle) * np.float32(0.25)


def to_squares(planes: np.ndarray) -> np.ndarray:
    """Pixels (height, width, 3) as squares: (3, FACTOR**2, height / FACTOR, width / FACTOR)."""
    rows, columns = (n // FACTOR for n in planes.shape[:2])
    squares = planes.reshape(rows, FACTOR, columns, FACTOR, PLANES).transpose(4, 1, 3, 0, 2)
    return np.ascontiguousarray(squares).reshape(PLANES, FACTOR**2, rows, columns)


@kernel
def _add_output(planes, found, scale, first, last, out):
    """Writes rows of squares of the picture, uint8: the planes, and what the network found times `scale`."""
    for row in range(first, last):
        for y in range(row * FACTOR, (row + 1) * FACTOR):
            for x in range(out.shape[1]):
                within = (y % FACTOR) * FACTOR + x % FACTOR
                for c in range(PLANES):
                    added = found[c * FACTOR**2 + within, row, x // FACTOR] * scale
                    value = planes[y, x, c] + added + np.float32(0.5)
                    out[y, x, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


def _added(planes: np.ndarray, found: np.ndarray, gain: int) -> np.ndarray:
    out, scale = np.empty(planes.shape, np.uint8), np.float32(OUTPUT_STEPS * step_of(gain))
    side_by_side(
        lambda part: _add_output(planes, found, scale, part.start, part.stop, out),
        parts_of(len(planes) // FACTOR, SQUARE_ROWS_AT_ONCE),
    )
    return out


def _nothing(height: int, width: int) -> np.ndarray:
    """What a network that repairs nothing would find, of such planes."""
    return np.broadcast_to(np.float32(0), (PLANES * FACTOR**2, height // FACTOR, width // FACTOR))


def render(model: PhotoWeights, values: np.ndarray, gain: int, width: str, folder: Path = WEIGHTS) -> np.ndarray:
    """The picture that quantised coefficients stand for, made band by band, so that memory stays with what goes in and out.

    Args:
        model: the preset's model.
        values: int16 (3, block rows, block columns, BLOCK, BLOCK).
        gain: index of the quantiser's setting.
        width: one of WIDTHS.
        folder: of the networks.

    Returns:
        uint8 (block rows * BLOCK, block columns * BLOCK, 3).
    """
    session = None if width == PLAIN else load_network(folder / f"photo-{width}.onnx")
    rows = values.shape[1] * BLOCK
    out = np.empty((rows, values.shape[2] * BLOCK, PLANES), np.uint8)
    for top in range(0, rows, BAND_ROWS):
        first, last = max(top - MARGIN, 0), min(top + BAND_ROWS + MARGIN, rows)
        band = dequantised_planes(values[:, first // BLOCK : last // BLOCK], model.centroids, step_of(gain))
        found = session.run(None, {"picture": network_input(band, gain)})[0][0] if session else _nothing(*band.shape[:2])
        picture = _added(band, found, gain)
        bottom = min(top + BAND_ROWS, rows)
        out[top:bottom] = picture[top - first : bottom - first]
    return out
