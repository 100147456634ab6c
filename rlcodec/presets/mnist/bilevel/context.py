"""What the raster-encoder of scans knows at a scan pixel: window, learned rows, and where the neighbours nearly decide.

Learned rows are picked by the scan's side, the place in it, and runs: of equal pixels upwards, to the left and, one row
above, to the right; and strokes in the row above and so far in this one. Where the eleven nearest neighbours are all alike
or nearly decide by themselves, the pixel is *quiet*: a sum of such rows, one number each, is its logit, and no network runs.
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
    Scan,
    from_bit,
    get_bit,
    get_bits,
)

MARGIN = 8
"""Empty rows above a scan's first, so that windows need no edge."""
SURE = PROBABILITY_ONE // 200
"""Neighbours whose table is surer than this, one way or the other, are quiet."""
QUIET_SHIFT = 3
"""Quiet logits are in units of 2**-QUIET_SHIFT of a network's."""

PLACES = 64
LONGEST = 63
"""Runs count up to here; one that reaches the scan's border counts as longest."""
BORDER = -1000
SIDE_ROWS = MAX_SIDE - MIN_SIDE + 1
ROW_SIZES = (SIDE_ROWS, PLACES, PLACES, 2 * (LONGEST + 1), 2 * (LONGEST + 1), 2 * (LONGEST + 1), 64)
ROW_BASES = tuple(int(b) for b in np.cumsum((0, *ROW_SIZES[:-1])))
SELECTED, SELECTED_ROWS = len(ROW_SIZES), sum(ROW_SIZES)
BY_SIDE, BY_Y, BY_X, BY_UP, BY_LEFT, BY_RIGHT, BY_STROKES = range(SELECTED)

UNKNOWN, ABSENT, PRESENT = 0, 1, 2
# Fields of ScanState.head.
STATUS, SIDE, PEAK, TOP, LEFT = range(5)


class ScanTables(NamedTuple):
    """What renders scans and codes them without a network, shipped with the weights.

    Shapes: `cells` (sides, MAX_SIDE) int16, the box pixel in which each scan pixel begins; `areas` (sides, MAX_SIDE, 2)
    int32, how much of that and of the next it covers; `peaks` (sides, 2**PEAK_BITS) int64, the brightest areas.
    Probabilities in 1/65536, int32: `near` (PRIOR_CONTEXTS,) of ink; `absent` (1,) of an image without a scan; `side`,
    `peak`, `top`, `left`, trees of the numbers' binary digits; `slip` (2,), of gray levels and of white. Logits of quiet
    pixels, int32: `quiet` (PRIOR_CONTEXTS,) and `quiet_rows` (SELECTED_ROWS,).
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


class ScanState(NamedTuple):
    """A scan on its way through the coder.

    Shapes: `head` (5,) int64; `lines` (MARGIN + MAX_SIDE, WORDS) uint64, the scan below empty rows; `up` (MAX_SIDE,)
    int64, the run of equal pixels that ends above the row being coded, ink positive; `single` (BOX, MAX_SIDE) int64,
    `start`, `stop` (BOX,) int64 as in `rlcodec.presets.mnist.bilevel.geometry.Grid`.
    """

    head: np.ndarray
    lines: np.ndarray
    up: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def scan_state(scan: Scan | None = None, known: bool = False) -> ScanState:
    """State before the first row; encoders say with `known` that `scan`, or its absence, is the image's."""
    state = ScanState(
        np.zeros(5, np.int64),
        np.zeros((MARGIN + MAX_SIDE, WORDS), np.uint64),
        np.full(MAX_SIDE, BORDER, np.int64),
        np.zeros((BOX, MAX_SIDE), np.int64),
        np.zeros(BOX, np.int64),
        np.zeros(BOX, np.int64),
    )
    if scan:
        state.head[:] = PRESENT, scan.side, scan.peak, scan.top, scan.left
        state.lines[MARGIN : MARGIN + scan.side] = scan.rows
    elif known:
        state.head[STATUS] = ABSENT
    return state


@kernel
def is_quiet(near, context):
    """Whether the neighbours in a `near_context` nearly decide; `near` as in `ScanTables`."""
    p = near[context]
    return context == 0 or context == PRIOR_CONTEXTS - 1 or p < SURE or p > PROBABILITY_ONE - SURE


@kernel
def extend_run(run, ink):
    """A run of equal pixels after one more; ink counts up from 1, background down from -1."""
    return max(run, 0) + 1 if ink else min(run, 0) - 1


@kernel
def extend_runs(runs, line, side):
    """`extend_run` of all columns by a row of the scan; word by word, so that compilers make vectors of it."""
    low, high = from_bit(line, PAD)
    for j in range(min(side, 64)):
        runs[j] = extend_run(runs[j], low >> np.uint64(j) & np.uint64(1))
    for j in range(64, side):
        runs[j] = extend_run(runs[j], high >> np.uint64(j - 64) & np.uint64(1))


@kernel
def survey_row(line, side, right):
    """Writes each pixel's run to the right in a row, int64 (side,), and returns how many strokes the row has."""
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
    """Writes the learned rows of scan pixel (y, x) into `out`, int64 (SELECTED,); runs are signed as in `extend_run`."""
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
def quiet_logit(tables, context, selected):
    """Logit of ink at a quiet pixel, in the units of the sigmoid's table."""
    total = tables.quiet[context]
    for k in range(SELECTED):
        total += tables.quiet_rows[selected[k]]
    return (total + ((1 << QUIET_SHIFT) >> 1)) >> QUIET_SHIFT


@kernel
def gather_window(lines, y, x, rows_above, columns_aside, which):
    """Lists the ink in the window of scan pixel (y, x) into `which`; returns how much there is.

    The window is `rows_above` rows, at most MARGIN, of `columns_aside` columns to either side, at most PAD, and as many
    pixels to the left; numbered in raster order.
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
    """Inputs of a window as `gather_window` numbers them."""
    return rows_above * (2 * columns_aside + 1) + columns_aside
