"""The synthesis: inverse transform, and a small convolutional network that repairs the artefacts of quantisation.

The network works at a quarter of the resolution; squares of 4x4 pixels are its channels. There are two widths, `light` and
`full`, with different compute; `plain` is the synthesis without a network. The synthesis is computed in float: the pixels that
two machines decode may differ by one level in places, while the coefficients are always the same.
"""

from pathlib import Path

import numpy as np

from rlcodec.core.onnx_session import load_network
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo._repair import FACTOR, add_output, fill_input
from rlcodec.presets.photo.coefficient_coder import step_of
from rlcodec.presets.photo.transform import BLOCK, PLANES, dequantised_planes
from rlcodec.presets.photo.weights import PhotoWeights

POSITION_CHANNELS = 4
CHANNELS = PLANES * FACTOR**2 + PLANES + 1 + POSITION_CHANNELS
OUTPUT_STEPS = 1 / 8
"""The network's output is in units of so many quantiser steps, so that what it learns at one gain holds at the others."""
SIZES = {"light": (32, 4), "full": (64, 6)}
"""Channels of each width, and convolutions between the first and the last."""
REPAIRS, PLAIN = tuple(SIZES), "plain"
WIDTHS = (PLAIN, *REPAIRS)
"""Names of the syntheses, from the least compute to the most."""
BAND_ROWS = 512
"""Rows of pixels that are rendered at a time; like MARGIN a multiple of the block size."""
SQUARE_ROWS_AT_ONCE = 32
"""Rows of squares that a thread computes at a time."""
MARGIN = 64
"""Rows beyond a band that are rendered with it, no less than its pixels depend on."""
KMAC = {
    name: 9 * (CHANNELS * channels + count * channels**2 + channels * PLANES * FACTOR**2) / FACTOR**2 / 1000
    for name, (channels, count) in SIZES.items()
} | {PLAIN: 0.0}
"""Compute of each network in kMAC per pixel, without the inverse transform."""


def network_input(planes: np.ndarray, gain: int) -> np.ndarray:
    """The network's input.

    Args:
        planes: float32 (height, width, 3), whole blocks, about 0 to 255.
        gain: index of the quantiser's step.

    Returns:
        float32 (1, CHANNELS, height / FACTOR, width / FACTOR): pixels minus the mean of their square, in quantiser steps; the
        means; the step; and the position within the block.
    """
    rows, columns = (n // FACTOR for n in planes.shape[:2])
    step = step_of(gain)
    out = np.empty((1, CHANNELS, rows, columns), np.float32)
    side_by_side(
        lambda part: fill_input(planes, 1 / step, 128 / step, part.start, part.stop, out[0]),
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


def to_squares(planes: np.ndarray) -> np.ndarray:
    """Pixels (height, width, 3) as squares: (3, FACTOR**2, height / FACTOR, width / FACTOR)."""
    rows, columns = (n // FACTOR for n in planes.shape[:2])
    squares = planes.reshape(rows, FACTOR, columns, FACTOR, PLANES).transpose(4, 1, 3, 0, 2)
    return np.ascontiguousarray(squares).reshape(PLANES, FACTOR**2, rows, columns)


def _corrected(planes: np.ndarray, correction: np.ndarray | None, gain: int) -> np.ndarray:
    out, scale = np.empty(planes.shape, np.uint8), OUTPUT_STEPS * step_of(gain)
    side_by_side(
        lambda part: add_output(planes, correction, scale, part.start, part.stop, out),
        parts_of(len(planes) // FACTOR, SQUARE_ROWS_AT_ONCE),
    )
    return out


def render(weights: PhotoWeights, values: np.ndarray, gain: int, synthesis: str, folder: Path = WEIGHTS) -> np.ndarray:
    """Renders the picture of quantised coefficients band by band, so that little memory is needed beside input and output.

    Args:
        weights: of the preset.
        values: int16 (3, block rows, block columns, BLOCK, BLOCK).
        gain: index of the quantiser's step.
        synthesis: one of WIDTHS.
        folder: of the networks.

    Returns:
        uint8 (block rows * BLOCK, block columns * BLOCK, 3).
    """
    session = None if synthesis == PLAIN else load_network(folder / f"photo-{synthesis}.onnx")
    rows = values.shape[1] * BLOCK
    out = np.empty((rows, values.shape[2] * BLOCK, PLANES), np.uint8)
    for top in range(0, rows, BAND_ROWS):
        first, last = max(top - MARGIN, 0), min(top + BAND_ROWS + MARGIN, rows)
        band = dequantised_planes(values[:, first // BLOCK : last // BLOCK], weights.centroids, step_of(gain))
        correction = session.run(None, {"picture": network_input(band, gain)})[0][0] if session else None
        picture = _corrected(band, correction, gain)
        bottom = min(top + BAND_ROWS, rows)
        out[top:bottom] = picture[top - first : bottom - first]
    return out
