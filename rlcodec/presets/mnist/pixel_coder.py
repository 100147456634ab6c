"""The raster-encoder of pixels: predicts one after another in raster order and drives the range coder, in one compiled kernel.

Context, integer network, probability look-up and range coder are fused. The coder's state holds the direction, so the same loop
encodes and decodes. Tiers:

* `table`: static frequencies in a few classes of the nearest neighbours; almost free.
* `context`: two hidden layers over the causal window, the auto-encoder's reconstruction around the pixel, and running summaries
of
  what was coded (first row with ink, extent, moments), which select rows of learned tables.

The network, and the tree of decisions that codes a pixel, are in `rlcodec.core.integer_mlp`.
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.integer_mlp import UNROLL, ContextNet, Layers, clip, code_tree, layers_of, run_sparse
from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import EXHAUSTED, MACS, code_decision

# The causal window and its buffer. All planes hold 0..255.
ROWS_ABOVE, COLUMNS_ASIDE = 7, 7
NEAR_ROWS, NEAR_COLUMNS = 3, 3
RECON_RADIUS = 2
VALUE_PLANE, INK_PLANE, SATURATED_PLANE, RECON_PLANE = range(4)
PLANES = 4
SATURATED = 250
RECON_FLOOR = 8
"""Reconstructed values below this count as background in the context, so that the context of background stays trivial."""

# Tables of learned rows, selected by position and by running summaries of the image so far.
GRID = 28
POSITION_Y, POSITION_X, FROM_TOP, FROM_LEFT, FROM_RIGHT, BUDGET, INK, COLUMN_GAP, RUNS, MOMENT_X, MOMENT_Y = range(11)
SUMMARY_SIZES = (GRID, GRID, 29, 50, 50, 33, 20, 29, 16, 33, 33)
SUMMARY_BASES = tuple(int(b) for b in np.cumsum((0, *SUMMARY_SIZES[:-1])))
SUMMARY_ROWS = sum(SUMMARY_SIZES)
SUMMARIES = len(SUMMARY_SIZES)

# Running totals behind the summaries, an int64 array followed by the last ink row of every column.
FIRST_ROW, LEFT, RIGHT, INK_COUNT, SUM_X, SUM_Y = range(6)
TOTALS = 6

TRIVIAL_STATES = 4
TABLE_CONTEXTS = 4 * 4 * 2 * 4


class PixelScratch(NamedTuple):
    """Scratch buffers of `code_pixel_row`.

    Attributes:
        which: int64, inputs of the network that are not zero.
        values: int32, their values.
        selected: int64 (SUMMARIES,), rows of the learned tables.
        layers: of the network.
    """

    which: np.ndarray
    values: np.ndarray
    selected: np.ndarray
    layers: Layers


def pixel_scratch(net: ContextNet) -> PixelScratch:
    """Scratch buffers for the network of pixels."""
    inputs = len(pixel_window()) + UNROLL
    return PixelScratch(np.empty(inputs, np.int64), np.empty(inputs, np.int32), np.empty(SUMMARIES, np.int64), layers_of(net))


@functools.cache
def pixel_window() -> tuple[tuple[int, int, int], ...]:
    """Inputs of the network as (plane, dy, dx): the causal window, the reconstruction, and flags of the near part."""
    window = [
        (VALUE_PLANE, dy, dx)
        for dy in range(-ROWS_ABOVE, 1)
        for dx in range(-COLUMNS_ASIDE, COLUMNS_ASIDE + 1)
        if dy < 0 or dx < 0
    ]
    near = [(dy, dx) for _, dy, dx in window if dy >= -NEAR_ROWS and abs(dx) <= NEAR_COLUMNS]
    flags = [(plane, dy, dx) for plane in (INK_PLANE, SATURATED_PLANE) for dy, dx in near]
    radius = range(-RECON_RADIUS, RECON_RADIUS + 1)
    return (*window, *((RECON_PLANE, dy, dx) for dy in radius for dx in radius), *flags)


WINDOW_INPUTS = sum(1 for plane, _, _ in pixel_window() if plane in (VALUE_PLANE, RECON_PLANE))
"""Inputs before the flags; if they are all zero, so are the flags."""


@functools.cache
def pixel_offsets(height: int, width: int) -> np.ndarray:
    """Flat offsets of `pixel_window` in a buffer made by `pixel_buffer`, int64."""
    stride = width + 2 * COLUMNS_ASIDE
    plane = (height + 2 * ROWS_ABOVE) * stride
    return np.array([p * plane + dy * stride + dx for p, dy, dx in pixel_window()], np.int64)


def pixel_buffer(reconstruction: np.ndarray) -> np.ndarray:
    """An empty context buffer, int16 (PLANES, height + pad, width + pad), with the reconstruction in its plane."""
    height, width = reconstruction.shape
    buffer = np.zeros((PLANES, height + 2 * ROWS_ABOVE, width + 2 * COLUMNS_ASIDE), np.int16)
    inner = buffer[RECON_PLANE, ROWS_ABOVE : ROWS_ABOVE + height, COLUMNS_ASIDE : COLUMNS_ASIDE + width]
    inner[:] = np.where(reconstruction < RECON_FLOOR, 0, reconstruction)
    return buffer


def pixel_totals(width: int) -> np.ndarray:
    """Running totals before the first pixel, int64 (TOTALS + width,)."""
    totals = np.empty(TOTALS + width, np.int64)
    clear_totals(totals)
    return totals


@kernel
def clear_totals(totals):
    """Resets running totals to before the first pixel."""
    totals[:] = -1
    totals[FIRST_ROW + 1 : TOTALS] = 0


@kernel
def summarise(buffer, totals, y, x, height, width, budget, runs_above, runs_here, out):
    """Writes which rows of the learned tables are selected at (y, x), int64 (SUMMARIES,)."""
    out[POSITION_Y] = min(y, GRID - 1)
    out[POSITION_X] = min(x, GRID - 1)
    seen = totals[FIRST_ROW] >= 0
    out[FROM_TOP] = 1 + min(y - totals[FIRST_ROW], 27) if seen else 0
    out[FROM_LEFT] = 21 + clip(x - totals[LEFT], -20, 28) if seen else 0
    out[FROM_RIGHT] = 29 + clip(x - totals[RIGHT], -28, 20) if seen else 0
    out[BUDGET] = budget
    out[INK] = min(totals[INK_COUNT] >> 4, 19)
    gap = totals[TOTALS + x]
    out[COLUMN_GAP] = min(y - gap, 28) if gap >= 0 else 0
    out[RUNS] = 4 * min(runs_above, 3) + min(runs_here, 3)
    out[MOMENT_X] = 16 + clip(totals[SUM_X] // 6120, -16, 16)
    out[MOMENT_Y] = 16 + clip(totals[SUM_Y] // 12240, -16, 16)
    for i in range(SUMMARIES):
        out[i] += SUMMARY_BASES[i]


@kernel
def runs_in_row(buffer, y, width):
    """Number of runs of ink in row `y` of the image."""
    runs, before = 0, 0
    for x in range(width):
        ink = buffer[INK_PLANE, y + ROWS_ABOVE, x + COLUMNS_ASIDE]
        if ink and not before:
            runs += 1
        before = ink
    return runs


@kernel
def record_pixel(buffer, totals, y, x, height, width, value):
    """Enters a coded pixel into the context buffer and the running totals."""
    if value == 0:
        return
    row, column = y + ROWS_ABOVE, x + COLUMNS_ASIDE
    buffer[VALUE_PLANE, row, column] = value
    buffer[INK_PLANE, row, column] = 255
    if value >= SATURATED:
        buffer[SATURATED_PLANE, row, column] = 255
    if totals[FIRST_ROW] < 0:
        totals[FIRST_ROW], totals[LEFT], totals[RIGHT] = y, x, x
    totals[LEFT] = min(totals[LEFT], x)
    totals[RIGHT] = max(totals[RIGHT], x)
    totals[INK_COUNT] += 1
    totals[SUM_X] += value * (2 * x - (width - 1))
    totals[SUM_Y] += value * (2 * y - (height - 1))
    totals[TOTALS + x] = y


@kernel
def trivial_state(totals, budget):
    """Index of the static table for a pixel whose whole context is background."""
    return (2 if totals[FIRST_ROW] >= 0 else 0) + (1 if budget > 0 else 0)


@kernel
def is_trivial(flat, base, offsets):
    """Whether the context at `base` is all background."""
    for i in range(WINDOW_INPUTS):  # noqa: SIM110  a generator would not compile
        if flat[base + offsets[i]] != 0:
            return False
    return True


@kernel
def _level(value):
    if value == 0:
        return 0
    if value < 128:
        return 1
    return 2 if value < SATURATED else 3


@kernel
def table_context(buffer, y, x, budget):
    """Class of the nearest neighbours of a pixel, an index into `StaticTables.pixel`."""
    row, column = y + ROWS_ABOVE, x + COLUMNS_ASIDE
    west = _level(buffer[VALUE_PLANE, row, column - 1])
    north = _level(buffer[VALUE_PLANE, row - 1, column])
    north_east = 1 if buffer[VALUE_PLANE, row - 1, column + 1] != 0 else 0
    recon = 0
    if budget > 0:
        guess = buffer[RECON_PLANE, row, column]
        recon = 1 if guess == 0 else (2 if guess < 128 else 3)
    return ((west * 4 + north) * 2 + north_east) * 4 + recon


@kernel
def _gather(flat, base, offsets, which, values):
    """Lists the inputs at `base` that are not zero, padded with UNROLL - 1 zeros; returns how many there are."""
    count = 0
    for i in range(offsets.shape[0]):
        value = flat[base + offsets[i]]
        which[count] = i
        values[count] = value
        count += 1 if value != 0 else 0
    for i in range(count, count + UNROLL - 1):
        which[i] = 0
        values[i] = 0
    return count


@kernel
def _code_symbol_static(state, data, costs, net, probabilities, root, symbol):
    """Codes a pixel down the tree with given probabilities; returns it, or -1 if the data is exhausted."""
    node = root
    while node >= 0:
        bit = code_decision(state, data, costs, np.int64(probabilities[node]), 1 if symbol > net.threshold[node] else 0)
        if state[EXHAUSTED]:
            return -1
        state[MACS] += 1
        node = net.children[node, bit]
    return -1 - node


@kernel
def _code_trivial(state, data, costs, net, tables, trivial, y, x, symbol):
    """Codes a pixel whose whole context is background; returns it, and sets the coder's EXHAUSTED if the data is exhausted."""
    ink = tables.trivial[trivial, min(y, GRID - 1), min(x, GRID - 1)]
    bit = code_decision(state, data, costs, np.int64(ink), 1 if symbol > 0 else 0)
    state[MACS] += 1
    if bit:
        return _code_symbol_static(state, data, costs, net, tables.escape, net.children[0, 1], symbol)
    return 0


@kernel
def code_pixel_row(state, data, costs, net, tables, buffer, totals, offsets, scratch, image, y, budget, use_network):
    """Codes one row of pixels, in the direction that the coder's state says.

    Args:
        state: coder state; its MACS and COST grow by what the row takes.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        net: `ContextNet` of pixels.
        tables: `StaticTables`.
        buffer: context buffer from `pixel_buffer`, holding the rows above.
        totals: running totals from `pixel_totals`.
        offsets: from `pixel_offsets`.
        scratch: from `pixel_scratch`.
        image: uint8 (height, width); read when encoding, written when decoding.
        y: the row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        use_network: tier `context` if true, `table` otherwise.

    Returns:
        Pixels coded: the width, or fewer if the data is exhausted.
    """
    height, width = image.shape
    flat = buffer.reshape(-1)
    which, values, selected, layers = scratch.which, scratch.values, scratch.selected, scratch.layers
    runs_above, runs_here, before = runs_in_row(buffer, y - 1, width) if y else 0, 0, 0
    line = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE
    for x in range(width):
        symbol = np.int64(image[y, x])
        if not use_network:
            symbol = _code_symbol_static(state, data, costs, net, tables.pixel[table_context(buffer, y, x, budget)], 0, symbol)
        else:
            active = _gather(flat, line + x, offsets, which, values)
            if active == 0:
                symbol = _code_trivial(state, data, costs, net, tables, trivial_state(totals, budget), y, x, symbol)
            else:
                summarise(buffer, totals, y, x, height, width, budget, runs_above, runs_here, selected)
                state[MACS] += run_sparse(net, layers, selected, which, values, active)
                symbol = code_tree(state, data, costs, net, layers.last, 0, symbol)
        if state[EXHAUSTED]:
            return x
        image[y, x] = symbol
        record_pixel(buffer, totals, y, x, height, width, symbol)
        if symbol and not before:
            runs_here += 1
        before = symbol
    return width
