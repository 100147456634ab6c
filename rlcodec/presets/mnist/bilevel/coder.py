"""The raster-encoder of bilevel sources: codes rows of a digit's pixels by way of the source that it was resampled from.

A row of pixels is coded as the source rows that it covers and no row before it covered; rendering then gives the pixels. What
the renderer needs beside the source (its side, its place, the brightest area) is coded before the first row. See
`rlcodec.presets.mnist.bilevel.geometry` for where sources come from, and `rlcodec.presets.mnist.pixel_coder` for images without
one.

Tiers: `table` looks up the eleven nearest neighbours of a source pixel. The others add up a few learned numbers where these
neighbours nearly determine the pixel (`rlcodec.presets.mnist.bilevel.context`), and run a network elsewhere: `context` a small
one over a wide causal window, `lm` a transformer that attends to all such pixels before
(`rlcodec.presets.mnist.bilevel.transformer`).
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.integer_mlp import LOGIT_LIMIT, ContextNet, Layers, add_ink, add_rows, code_tree, layers_of, run_second
from rlcodec.core.kernel import inlined, kernel
from rlcodec.core.range_coder import (
    COST,
    COSTS,
    DIRECTION,
    EXHAUSTED,
    MACS,
    POINT,
    PROBABILITY_ONE,
    RANGE,
    RANGE_FLOOR,
    SLACK,
    UNDETERMINED,
    code_decision,
    decide,
    renormalise,
)
from rlcodec.core.segment_choice import LM, TABLE
from rlcodec.presets.mnist.bilevel.context import (
    ABSENT,
    BORDER,
    LEFT,
    MARGIN,
    PEAK,
    PRESENT,
    SELECTED,
    SIDE,
    STATUS,
    TOP,
    SourceTables,
    extend_run,
    extend_runs,
    gather_window,
    is_skipped,
    select_rows,
    skipped_logit,
    survey_row,
    window_size,
)
from rlcodec.presets.mnist.bilevel.geometry import (
    BOX,
    MAX_SIDE,
    MIN_SIDE,
    PAD,
    WHITE,
    BilevelSource,
    bits_of,
    box_area,
    first_fresh,
    from_bit,
    get_bit,
    gray_level,
    ink_in,
    near_context,
    set_bit,
    without_first,
)
from rlcodec.presets.mnist.bilevel.search import find_source
from rlcodec.presets.mnist.bilevel.transformer import CODED, GIVEN, OUTCOME, ask, remember, run_token, token_macs
from rlcodec.presets.mnist.bilevel.transformer import COLUMNS_ASIDE as LM_COLUMNS_ASIDE
from rlcodec.presets.mnist.bilevel.transformer import ROWS_ABOVE as LM_ROWS_ABOVE

SIDE_BITS, PEAK_BITS, PLACE_BITS = 7, 6, 7
PLACE_ORIGIN = BOX
"""Added to the place of a box, which may be negative, before it is coded."""

ROWS_ABOVE, COLUMNS_ASIDE = 6, 7
"""Window of the network of tier `context`."""
MAX_WINDOW_INPUTS = window_size(LM_ROWS_ABOVE, LM_COLUMNS_ASIDE)


class SourceScratch(NamedTuple):
    """Scratch buffers of `code_source_row`.

    Attributes:
        which: int64 (MAX_WINDOW_INPUTS,), ink in a window.
        selected: int64 (SELECTED,), learned rows.
        right: int64 (MAX_SIDE,), runs to the right.
        layers: of the network.
    """

    which: np.ndarray
    selected: np.ndarray
    right: np.ndarray
    layers: Layers


def source_scratch(net: ContextNet) -> SourceScratch:
    """Scratch buffers for the network of tier `context`."""
    which, selected, right = (np.empty(size, np.int64) for size in (MAX_WINDOW_INPUTS, SELECTED, MAX_SIDE))
    return SourceScratch(which, selected, right, layers_of(net))


def source_of(tables: SourceTables, pixels: np.ndarray) -> BilevelSource | None:
    """The bilevel source of an image, or None; searches once for each image and remembers the latest results.

    Args:
        tables: of the weights.
        pixels: uint8 (height, width).
    """
    return _cached_source(pixels.tobytes(), pixels.shape, tables.near.tobytes())


@functools.lru_cache(maxsize=64)
def _cached_source(pixels: bytes, shape: tuple[int, int], near: bytes) -> BilevelSource | None:
    ink = np.frombuffer(near, np.int32)
    prior = np.stack([COSTS[PROBABILITY_ONE - ink], COSTS[ink]], 1)
    source = find_source(np.frombuffer(pixels, np.uint8).reshape(shape), prior)
    return source if source and source.peak < 1 << PEAK_BITS else None


@kernel
def unfold(tables, side, single, start, stop):
    """Writes the grid of a side, from the tables: `single`, int64 (BOX, MAX_SIDE), `start` and `stop`, int64 (BOX,)."""
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
    """Codes the binary digits of a number, most significant first, each with a probability selected by those before."""
    node = 1
    for i in range(bits - 1, -1, -1):
        node = 2 * node + code_decision(state, data, costs, np.int64(probabilities[node]), (value >> i) & 1)
        if state[EXHAUSTED]:
            return np.int64(0)
    return np.int64(node) - (np.int64(1) << bits)


@kernel
def code_source_head(state, data, costs, tables, source):
    """Codes whether there is a source, and what the renderer needs of it, in the direction of the coder's state."""
    head = source.head
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
    # A damaged stream may name a side or a brightest area that does not exist.
    side = min(side, MAX_SIDE)
    if tables.peaks[side - MIN_SIDE, peak] == 0:
        peak = np.int64(0)
    if not state[EXHAUSTED]:
        head[STATUS], head[SIDE], head[PEAK], head[TOP], head[LEFT] = PRESENT, side, peak, top, left
        unfold(tables, side, source.single, source.start, source.stop)


@inlined
def code_source_row(state, data, costs, net, lm, cache, tables, source, scratch, image, y, tier):
    """Codes one row of pixels by way of the source, in the direction that the coder's state says.

    Args:
        state: coder state; its MACS and COST grow by what the row takes.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        net: `ContextNet` of tier `context`.
        lm: `LmNet` of tier `lm`.
        cache: its `KvCache`; tier `lm` requires that all rows above were coded in it.
        tables: `SourceTables`.
        source: `SourceState` with a head that was coded.
        scratch: from `source_scratch`.
        image: uint8 (height, width); read when encoding, for rounding exceptions alone, written when decoding.
        y: the row.
        tier: TABLE, CONTEXT or LM.

    Returns:
        Pixels coded: the width, or 0 when the data is exhausted.
    """
    head, start, stop, lines = source.head, source.start, source.stop, source.lines
    r = y - head[TOP]
    if r < 0 or r >= BOX:
        image[y] = 0
        return image.shape[1]
    for i in range(first_fresh(start, stop, r), stop[r]):
        if tier == TABLE:
            _code_line_by_table(state, data, costs, tables.near, lines, source.up, head[SIDE], i)
        else:
            _code_line(state, data, costs, net, lm, cache, tables, source, i, tier == LM, scratch)
        if state[EXHAUSTED]:
            return 0
    peak = tables.peaks[head[SIDE] - MIN_SIDE, head[PEAK]]
    return _render_row(state, data, costs, tables.slip, lines, source.single, start, stop, peak, head[LEFT], r, image[y])


@kernel
def _code_line_by_table(state, data, costs, probabilities, lines, up, side, i):
    """Codes row `i` of the source, of `side` pixels, by the table of nearest neighbours, with the coder's fields in
    variables."""
    line, direction = lines[MARGIN + i], state[DIRECTION]
    size, point, slack, cost = state[RANGE], state[POINT], state[SLACK], state[COST]
    # `near_context` incrementally: the neighbours in each row are the lowest bits of what remains of it.
    west, north, far_north = np.int64(0), from_bit(lines[MARGIN + i - 1], PAD - 2), from_bit(lines[MARGIN + i - 2], PAD - 1)
    for j in range(side):
        p = np.int64(probabilities[west | np.int64(north[0] & 31) << 3 | np.int64(far_north[0] & 7) << 8])
        north, far_north = without_first(north), without_first(far_north)
        symbol, size, point = decide(direction, get_bit(line, j), size, point, slack, p)
        if symbol == UNDETERMINED:
            state[EXHAUSTED], state[COST] = 1, cost
            state[MACS] += j + 1
            return
        west >>= 1
        if symbol:
            west |= 4
            set_bit(line, j)
        cost += costs[p if symbol else PROBABILITY_ONE - p]
        if size < RANGE_FLOOR:
            state[RANGE], state[POINT] = size, point
            renormalise(state, data)
            size, point, slack = state[RANGE], state[POINT], state[SLACK]
    state[RANGE], state[POINT], state[COST] = size, point, cost
    state[MACS] += side
    extend_runs(up, line, side)


@kernel
def _code_line(state, data, costs, net, lm, cache, tables, source, i, by_lm, scratch):
    """Codes row `i` of the source: skipped pixels by a sum of learned numbers, the others by a network."""
    lines, up, side = source.lines, source.up, source.head[SIDE]
    near, line = lines[MARGIN - 2 :], lines[MARGIN + i]
    which, selected, right, layers = scratch.which, scratch.selected, scratch.right, scratch.layers
    strokes, strokes_here, left = survey_row(lines[MARGIN + i - 1], side, right), 0, BORDER
    for j in range(side):
        symbol, context = get_bit(line, j), near_context(near, i, j)
        select_rows(side, i, j, up[j], left, right[j], strokes, strokes_here, selected)
        if is_skipped(tables.near, context):
            index = min(max(skipped_logit(tables, context, selected) + LOGIT_LIMIT, 0), 2 * LOGIT_LIMIT - 1)
            symbol = code_decision(state, data, costs, np.int64(net.sigmoid[index]), symbol)
            state[MACS] += SELECTED
        elif by_lm:
            active = gather_window(lines, i, j, LM_ROWS_ABOVE, LM_COLUMNS_ASIDE, which)
            symbol = _code_token(state, data, costs, lm, cache, selected, which, active, symbol)
        else:
            active = gather_window(lines, i, j, ROWS_ABOVE, COLUMNS_ASIDE, which)
            add_rows(layers.first, net.rows, selected)
            add_ink(layers.first, net.first, which, active)
            state[MACS] += (SELECTED + active) * net.rows.shape[1] + run_second(net, layers)
            symbol = code_tree(state, data, costs, net, layers.last, 0, symbol)
        if state[EXHAUSTED]:
            return
        if symbol:
            set_bit(line, j)
            strokes_here += 1 if left < 0 else 0
        left = extend_run(left, symbol)
        up[j] = extend_run(up[j], symbol)


@kernel
def _code_token(state, data, costs, lm, cache, selected, which, active, symbol):
    """Codes a pixel by the transformer, or by logits that were computed elsewhere."""
    progress = cache.progress
    if cache.given.shape[0]:
        if progress[CODED] == progress[GIVEN]:
            ask(state, cache, selected, which, active)
            return 0
        state[MACS] += token_macs(lm, progress[CODED], SELECTED + active) + lm.nodes.shape[1]
        symbol = code_decision(state, data, costs, np.int64(lm.sigmoid[cache.given[progress[CODED]]]), symbol)
        progress[CODED] += 1
        if cache.asked.shape[0]:
            cache.asked[OUTCOME] = symbol
        return symbol
    state[MACS] += run_token(lm, cache, selected, which, active)
    symbol = code_tree(state, data, costs, lm, cache.y, 0, symbol)
    if not state[EXHAUSTED]:
        remember(lm, cache, symbol)
    return symbol


@kernel
def _render_row(state, data, costs, exceptions, lines, single, start, stop, peak, left, r, line):
    """Renders row `r` of the box into a line of the image and codes rounding exceptions; returns the pixels coded."""
    low, high = ink_in(lines, MARGIN + start[r], MARGIN + stop[r])
    for x in range(line.shape[0]):
        c = x - left
        value = np.int64(0)
        if 0 <= c < BOX:
            state[MACS] += (stop[r] - start[r]) * (stop[c] - start[c])
            if bits_of(low, high, start[c] + PAD, stop[c] - start[c]):
                area = box_area(lines, -MARGIN, single, start, stop, r, c)
                value, exception = gray_level(area, peak)
                if exception != value:
                    probability = np.int64(exceptions[1 if value == WHITE else 0])
                    if code_decision(state, data, costs, probability, 1 if line[x] != value else 0):
                        value = exception
                    if state[EXHAUSTED]:
                        return 0
        line[x] = min(value, WHITE)
    return line.shape[0]
