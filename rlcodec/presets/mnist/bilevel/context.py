"""Contexts of the pixels of a bilevel source: the causal window, learned rows, and pixels that need no network.

Learned rows of numbers are selected by the side of the source, the position in it, runs of equal pixels (upwards, to the left
and, one row above, to the right), and the number of strokes in the row above and so far in this one. If the eleven nearest
neighbours are all alike, or nearly determine the pixel, the network is skipped: the logit is a sum of learned numbers, one of
each selected row and one of the neighbours.
"""

from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import PROBABILITY_ONE
from rlcodec.presets.mnist.bilevel.geometry import (
    BOX,
    MAX_SIDE,
    MIN_SIDE,
    PAD,
    PRIOR_CONTEXTS,
    WORDS,
    BilevelSource,
    from_bit,
    get_bit,
    get_bits,
)

MARGIN = 8
"""Empty rows above the first row of a source, so that windows never reach an edge."""
SURE = PROBABILITY_ONE // 200
"""A pixel is skipped if its neighbours give ink or background a probability below this, in 1/65536."""
SKIPPED_SHIFT = 3
"""Logits of skipped pixels are in units of 2**-SKIPPED_SHIFT of those of networks."""

PLACES = 64
"""Positions along each axis that learned rows tell apart."""
LONGEST = 63
"""Longer runs count as this long."""
BORDER = -1000
"""Run of background that reaches the border of the source."""
SIDE_ROWS = MAX_SIDE - MIN_SIDE + 1
ROW_SIZES = (SIDE_ROWS, PLACES, PLACES, 2 * (LONGEST + 1), 2 * (LONGEST + 1), 2 * (LONGEST + 1), 64)
ROW_BASES = tuple(int(b) for b in np.cumsum((0, *ROW_SIZES[:-1])))
SELECTED, SELECTED_ROWS = len(ROW_SIZES), sum(ROW_SIZES)
BY_SIDE, BY_Y, BY_X, BY_UP, BY_LEFT, BY_RIGHT, BY_STROKES = range(SELECTED)

UNKNOWN, ABSENT, PRESENT = 0, 1, 2
# Fields of SourceState.head.
STATUS, SIDE, PEAK, TOP, LEFT = range(5)


class SourceTables(NamedTuple):
    """Tables that render sources and code them without a network; a weights file stores them under the names of the fields.

    Probabilities are int32 in 1/65536.

    Attributes:
        cells: int16 (sides, MAX_SIDE), the box pixel in which each source pixel begins, along one axis.
        areas: int32 (sides, MAX_SIDE, 2), how much of that box pixel and of the next one it covers.
        peaks: int64 (sides, 2**PEAK_BITS), areas that the brightest pixel can have; 0 where there are no more.
        near: (PRIOR_CONTEXTS,), probability of ink by `near_context`.
        absent: (1,), probability of an image without a source.
        side: probabilities of the binary digits of the side above MIN_SIDE, by the digits before, as a tree.
        peak: the same of the index of the brightest area.
        top: the same of the row of the box.
        left: the same of the column of the box.
        slip: (2,), probability of a rounding exception, of gray levels and of white.
        quiet: int32 (PRIOR_CONTEXTS,), logits of skipped pixels by `near_context`.
        quiet_rows: int32 (SELECTED_ROWS,), what learned rows add to them.
    """

    cells: np.ndarray
    areas: np.ndarray
    peaks: np.ndarray
    near: np.ndarray
    absent: np.ndarray
    side: np.ndarray
    peak: np.ndarray
    top: np.ndarray
    left: np.ndarray
    slip: np.ndarray
    quiet: np.ndarray
    quiet_rows: np.ndarray


class SourceState(NamedTuple):
    """State of coding a source.

    Attributes:
        head: int64 (5,), whether there is a source (UNKNOWN, ABSENT or PRESENT), its side, the index of the brightest area, and
            row and column of the box.
        lines: uint64 (MARGIN + MAX_SIDE, WORDS), the source below MARGIN empty rows.
        up: int64 (MAX_SIDE,), the run of equal pixels of each column that ends above the current row; positive for ink.
        single: int64 (BOX, MAX_SIDE), as in `rlcodec.presets.mnist.bilevel.geometry.Grid`.
        start: int64 (BOX,), the same.
        stop: int64 (BOX,), the same.
    """

    head: np.ndarray
    lines: np.ndarray
    up: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def source_state(source: BilevelSource | None = None, known: bool = False) -> SourceState:
    """The state before the first row.

    Args:
        source: of the image, when encoding.
        known: whether the image has this source, or none if that is None; false when decoding.
    """
    state = SourceState(
        np.zeros(5, np.int64),
        np.zeros((MARGIN + MAX_SIDE, WORDS), np.uint64),
        np.full(MAX_SIDE, BORDER, np.int64),
        np.zeros((BOX, MAX_SIDE), np.int64),
        np.zeros(BOX, np.int64),
        np.zeros(BOX, np.int64),
    )
    if source:
        state.head[:] = PRESENT, source.side, source.peak, source.top, source.left
        state.lines[MARGIN : MARGIN + source.side] = source.rows
    elif known:
        state.head[STATUS] = ABSENT
    return state


@kernel
def is_skipped(near, context):
    """Whether the network is skipped for a pixel with these neighbours, a `near_context`; `near` as in `SourceTables`."""
    p = near[context]
    return context == 0 or context == PRIOR_CONTEXTS - 1 or p < SURE or p > PROBABILITY_ONE - SURE


@kernel
def extend_run(run, ink):
    """A run of equal pixels, extended by one more; ink counts up from 1, background down from -1."""
    return max(run, 0) + 1 if ink else min(run, 0) - 1


@kernel
def extend_runs(runs, line, side):
    """As `extend_run`, of all columns by a row of the source; word by word, so that compilers vectorise it."""
    low, high = from_bit(line, PAD)
    for j in range(min(side, 64)):
        runs[j] = extend_run(runs[j], low >> np.uint64(j) & np.uint64(1))
    for j in range(64, side):
        runs[j] = extend_run(runs[j], high >> np.uint64(j - 64) & np.uint64(1))


@kernel
def survey_row(line, side, right):
    """Writes the run to the right of each pixel of a row, int64 (side,), and returns the number of strokes in the row."""
    run, strokes = BORDER, 0
    for x in range(side - 1, -1, -1):
        ink = get_bit(line, x)
        if ink and run < 0:
            strokes += 1
        run = extend_run(run, ink)
        right[x] = run
    return strokes


@kernel
def _by_run(run):
    return LONGEST + 1 + min(run, LONGEST) if run > 0 else min(-run, LONGEST)


@kernel
def select_rows(side, y, x, up, left, right, strokes_above, strokes_here, out):
    """Writes which learned rows are selected at source pixel (y, x), int64 (SELECTED,); runs are signed as in `extend_run`."""
    out[BY_SIDE] = side - MIN_SIDE
    out[BY_Y] = PLACES * y // side
    out[BY_X] = PLACES * x // side
    out[BY_UP] = _by_run(up)
    out[BY_LEFT] = _by_run(left)
    out[BY_RIGHT] = _by_run(right)
    out[BY_STROKES] = 8 * min(strokes_above, 7) + min(strokes_here, 7)
    for i in range(SELECTED):
        out[i] += ROW_BASES[i]


@kernel
def skipped_logit(tables, context, selected):
    """Logit of ink at a skipped pixel, in the units of the sigmoid table of networks."""
    total = tables.quiet[context]
    for k in range(SELECTED):
        total += tables.quiet_rows[selected[k]]
    return (total + ((1 << SKIPPED_SHIFT) >> 1)) >> SKIPPED_SHIFT


@kernel
def gather_window(lines, y, x, rows_above, columns_aside, which):
    """Lists the ink in the causal window of source pixel (y, x).

    Args:
        lines: as in `SourceState`.
        y: row.
        x: column.
        rows_above: of the window, at most MARGIN.
        columns_aside: to either side, and to the left in the pixel's own row, at most PAD.
        which: int64, written: positions of ink, numbered in raster order.

    Returns:
        How many there are.
    """
    span = 2 * columns_aside + 1
    count = 0
    for row in range(rows_above + 1):
        bits = get_bits(
            lines[y + MARGIN - rows_above + row], x + PAD - columns_aside, span if row < rows_above else columns_aside
        )
        at = row * span
        while bits:
            if bits & 1:
                which[count] = at
                count += 1
            bits >>= 1
            at += 1
    return count


def window_size(rows_above: int, columns_aside: int) -> int:
    """Pixels of a window as `gather_window` numbers them."""
    return rows_above * (2 * columns_aside + 1) + columns_aside
