"""The raster-encoder of scans: the rows of a digit's pixels by way of the bilevel scan that they were made from.

A row of pixels is coded as the rows of the scan that it covers and that no row before it covered; rendering then gives
the pixels. What the renderer needs beside the scan (its side, its place, the brightest area) goes before the first row.
See `rlcodec.scan` for where scans come from, and `rlcodec.raster` for pixels that have none.

Tiers: `table` looks a scan pixel's eleven neighbours up; `context` asks a small integer network over a wide causal window
wherever those neighbours are not all alike.
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.coder import COSTS, EXHAUSTED, MACS, PROBABILITY_ONE, code_decision
from rlcodec.kernel import kernel
from rlcodec.raster import UNROLL, code_tree, run_second
from rlcodec.scan import (
    BOX,
    MAX_SIDE,
    MIN_SIDE,
    PAD,
    PRIOR_CONTEXTS,
    WHITE,
    WORDS,
    Scan,
    box_area,
    find_scan,
    first_fresh,
    get_bit,
    get_bits,
    gray_level,
    near_context,
    set_bit,
)

SIDE_BITS, PEAK_BITS, PLACE_BITS = 7, 6, 7
PLACE_ORIGIN = BOX
"""Added to a box's place, which may be negative, before it is coded."""

# The network's window: so many rows above, columns aside, and learned rows by side and place.
ROWS_ABOVE, COLUMNS_ASIDE = 6, 7
SPAN = 2 * COLUMNS_ASIDE + 1
WINDOW_INPUTS = ROWS_ABOVE * SPAN + COLUMNS_ASIDE
PLACES = 32
SELECTED = 3
SELECTED_ROWS = MAX_SIDE - MIN_SIDE + 1 + 2 * PLACES

UNKNOWN, ABSENT, PRESENT = 0, 1, 2
# Fields of ScanState.head.
STATUS, SIDE, PEAK, TOP, LEFT = range(5)


class ScanTables(NamedTuple):
    """What renders and codes scans, shipped with the weights.

    Shapes: `cells` (sides, MAX_SIDE) int16, the box pixel in which each scan pixel begins; `areas` (sides, MAX_SIDE, 2)
    int32, how much of that and of the next it covers; `peaks` (sides, 2**PEAK_BITS) int64, the brightest areas.
    Probabilities in 1/65536, int32: `near` (PRIOR_CONTEXTS,) of ink; `absent` (1,) of an image without a scan; `side`,
    `peak`, `top`, `left`, trees of the numbers' binary digits; `slip` (2,), of gray levels and of white.
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


class ScanState(NamedTuple):
    """A scan on its way through the coder.

    Shapes: `head` (5,) int64; `lines` (ROWS_ABOVE + MAX_SIDE, WORDS) uint64, the scan below empty rows; `single` (BOX,
    MAX_SIDE) int64, `start`, `stop` (BOX,) int64 as in `rlcodec.scan.Grid`.
    """

    head: np.ndarray
    lines: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def scan_of(tables: ScanTables, pixels: np.ndarray) -> Scan | None:
    """The scan that an image, uint8 (height, width), was made from; None where there is none."""
    return _cached_scan(pixels.tobytes(), pixels.shape, tables.near.tobytes())


@functools.lru_cache(maxsize=64)
def _cached_scan(pixels: bytes, shape: tuple[int, int], near: bytes) -> Scan | None:
    ink = np.frombuffer(near, np.int32)
    prior = np.stack([COSTS[PROBABILITY_ONE - ink], COSTS[ink]], 1)
    scan = find_scan(np.frombuffer(pixels, np.uint8).reshape(shape), prior)
    return scan if scan and scan.peak < 1 << PEAK_BITS else None


def scan_state(scan: Scan | None = None, known: bool = False) -> ScanState:
    """State before the first row; encoders say with `known` that `scan`, or its absence, is the image's."""
    state = ScanState(
        np.zeros(5, np.int64),
        np.zeros((ROWS_ABOVE + MAX_SIDE, WORDS), np.uint64),
        np.zeros((BOX, MAX_SIDE), np.int64),
        np.zeros(BOX, np.int64),
        np.zeros(BOX, np.int64),
    )
    if scan:
        state.head[:] = PRESENT, scan.side, scan.peak, scan.top, scan.left
        state.lines[ROWS_ABOVE : ROWS_ABOVE + scan.side] = scan.rows
    elif known:
        state.head[STATUS] = ABSENT
    return state


@kernel
def unfold(tables, side, single, start, stop):
    """Writes the areas of one side's scan pixels into `single`, (BOX, MAX_SIDE), and where they lie."""
    s = side - MIN_SIDE
    single[:] = 0
    start[:] = MAX_SIDE
    stop[:] = 0
    for i in range(side):
        for part in range(2):
            r, area = tables.cells[s, i] + part, tables.areas[s, i, part]
            if area > 0:
                single[r, i] = area
                start[r] = min(start[r], i)
                stop[r] = max(stop[r], i + 1)


@kernel
def _code_number(state, data, costs, probabilities, bits, value):
    """Codes a number's binary digits, most significant first, each with a probability that those before it select."""
    node = 1
    for i in range(bits - 1, -1, -1):
        node = 2 * node + code_decision(state, data, costs, np.int64(probabilities[node]), (value >> i) & 1)
        if state[EXHAUSTED]:
            return np.int64(0)
    return np.int64(node) - (np.int64(1) << bits)


@kernel
def code_head(state, data, costs, tables, scan):
    """Codes whether there is a scan, and what the renderer needs of it, in the direction of the coder's state."""
    head = scan.head
    absent = code_decision(state, data, costs, np.int64(tables.absent[0]), 1 if head[STATUS] == ABSENT else 0)
    if state[EXHAUSTED]:
        return
    if absent:
        head[STATUS] = ABSENT
        return
    side = MIN_SIDE + _code_number(state, data, costs, tables.side, SIDE_BITS, head[SIDE] - MIN_SIDE)
    peak = _code_number(state, data, costs, tables.peak, PEAK_BITS, head[PEAK])
    top = _code_number(state, data, costs, tables.top, PLACE_BITS, head[TOP] + PLACE_ORIGIN) - PLACE_ORIGIN
    left = _code_number(state, data, costs, tables.left, PLACE_BITS, head[LEFT] + PLACE_ORIGIN) - PLACE_ORIGIN
    # A damaged stream may name a side or a peak that is not there.
    side = min(side, MAX_SIDE)
    if tables.peaks[side - MIN_SIDE, peak] == 0:
        peak = np.int64(0)
    if not state[EXHAUSTED]:
        head[STATUS], head[SIDE], head[PEAK], head[TOP], head[LEFT] = PRESENT, side, peak, top, left
        unfold(tables, side, scan.single, scan.start, scan.stop)


@kernel
def gather_window(lines, y, x, which):
    """Lists the ink in the window of scan pixel (y, x); `lines` begins ROWS_ABOVE rows above the scan."""
    count = 0
    for row in range(ROWS_ABOVE + 1):
        bits = get_bits(lines[y + row], x + PAD - COLUMNS_ASIDE, SPAN if row < ROWS_ABOVE else COLUMNS_ASIDE)
        at = row * SPAN
        while bits:
            if bits & 1:
                which[count] = at
                count += 1
            bits >>= 1
            at += 1
    return count


@kernel
def select_rows(side, y, x, out):
    """Writes the learned rows of scan pixel (y, x) into `out`, int64 (SELECTED,)."""
    sides = MAX_SIDE - MIN_SIDE + 1
    out[0] = side - MIN_SIDE
    out[1] = sides + PLACES * y // side
    out[2] = sides + PLACES + PLACES * x // side


@kernel
def add_ink(sums, weights, which, count):
    """Adds the weights of the `count` inputs that are ink to `sums`; four at a time, as `rlcodec.raster` does."""
    whole = count - count % UNROLL
    for i in range(0, whole, UNROLL):
        a, b, c, d = weights[which[i]], weights[which[i + 1]], weights[which[i + 2]], weights[which[i + 3]]
        for j in range(sums.shape[0]):
            sums[j] += np.int32(a[j]) + np.int32(b[j]) + np.int32(c[j]) + np.int32(d[j])
    for i in range(whole, count):
        a = weights[which[i]]
        for j in range(sums.shape[0]):
            sums[j] += a[j]


@kernel
def is_uniform(context):
    """Whether a `near_context` is all ink or all background."""
    return context == 0 or context == PRIOR_CONTEXTS - 1


@kernel
def code_scan_row(state, data, costs, net, tables, scan, image, y, use_network):
    """Codes one row of pixels by way of the scan, in the direction that the coder's state says.

    Args:
        state: coder state; its MACS and COST grow by what the row takes.
        data: uint8 payload.
        costs: `rlcodec.coder.COSTS`.
        net: the scans' `ContextNet`.
        tables: `ScanTables`.
        scan: `ScanState` with a head that was coded.
        image: uint8 (height, width); read when encoding, for slips alone, written when decoding.
        y: the row.
        use_network: tier `context` when true, `table` otherwise.

    Returns:
        Pixels coded: the width, or 0 when the data is exhausted.
    """
    width = image.shape[1]
    head, lines, start, stop = scan.head, scan.lines, scan.start, scan.stop
    r, side = y - head[TOP], head[SIDE]
    if r < 0 or r >= BOX:
        image[y] = 0
        return width
    near = lines[ROWS_ABOVE - 2 :]
    room = WINDOW_INPUTS + net.second.shape[0] + UNROLL
    which, values = np.empty(room, np.int64), np.empty(room, np.int32)
    first, second = np.empty(net.second.shape[0], np.int32), np.empty(net.second.shape[1], np.int32)
    selected = np.empty(SELECTED, np.int64)
    base = np.empty(net.second.shape[0], np.int32)
    for i in range(first_fresh(start, stop, r), stop[r]):
        line = lines[ROWS_ABOVE + i]
        select_rows(side, i, 0, selected)
        for k in range(base.shape[0]):
            base[k] = net.rows[selected[0], k] + net.rows[selected[1], k]
        for j in range(side):
            symbol = get_bit(line, j)
            context = near_context(near, i, j)
            if use_network and not is_uniform(context):
                active = gather_window(lines, i, j, which)
                select_rows(side, i, j, selected)
                column = net.rows[selected[2]]
                for k in range(base.shape[0]):
                    first[k] = base[k] + column[k]
                add_ink(first, net.first, which, active)
                state[MACS] += (SELECTED + active) * base.shape[0] + run_second(net, which, values, first, second)
                symbol = code_tree(state, data, costs, net, second, 0, symbol)
            else:
                symbol = code_decision(state, data, costs, np.int64(tables.near[context]), symbol)
                state[MACS] += 1
            if state[EXHAUSTED]:
                return 0
            if symbol:
                set_bit(line, j)
    peak = tables.peaks[side - MIN_SIDE, head[PEAK]]
    for x in range(width):
        c = x - head[LEFT]
        value = np.int64(0)
        if 0 <= c < BOX:
            area = box_area(lines, -ROWS_ABOVE, scan.single, start, stop, r, c)
            value, slipped = gray_level(area, peak)
            state[MACS] += (stop[r] - start[r]) * (stop[c] - start[c])
            if slipped != value:
                slip = np.int64(tables.slip[1 if value == WHITE else 0])
                if code_decision(state, data, costs, slip, 1 if image[y, x] != value else 0):
                    value = slipped
                if state[EXHAUSTED]:
                    return 0
        image[y, x] = min(value, WHITE)
    return width
