"""Codes the head and the rows of a bilevel source, in either direction; `rlcodec.presets.mnist.bilevel.coder` says how."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

from rlcodec.core._integer_mlp cimport LOGIT_LIMIT, ContextNet, Layers, add_rows, clip, code_tree, run_second
from rlcodec.core._range_coder cimport (
    PROBABILITY_ONE, RANGE_FLOOR, UNDETERMINED, CoderState, RangeCoder, code_decision, decide, renormalise,
)
from rlcodec.core._segment_choice cimport LM, TABLE
from rlcodec.presets.mnist.bilevel._context cimport (
    ABSENT, BORDER, LEFT, MARGIN, PEAK, PEAK_BITS, PLACE_BITS, PRESENT, SELECTED, SELECTED_ROWS, SIDE, SIDE_BITS, STATUS, TOP,
    SourceState, SourceTables, extend_run, extend_runs, gather_window, is_skipped, place_of, select_rows, skipped_logit,
    survey_row,
)
from rlcodec.presets.mnist.bilevel._geometry cimport (
    BOX, MAX_SIDE, MIN_SIDE, PAD, WHITE, WORDS, Levels, Neighbours, Words, bits_of, box_area, context_of, first_fresh,
    first_neighbours, get_bit, get_bits, gray_level, ink_in, move_on, set_bit,
)
from rlcodec.presets.mnist.bilevel._transformer cimport (
    CODED, GIVEN, LM_COLUMNS_ASIDE, LM_ROWS_ABOVE, OUTCOME, KvCache, LmNet, ask, remember, run_token, token_macs,
)

from rlcodec.errors import ModelError

cdef uint8_t[GROUP_SUMS] INK_IN  # the number of bits that are 1
for i in range(GROUP_SUMS):
    INK_IN[i] = <uint8_t>i.bit_count()


cdef class SourceNet(ContextNet):
    """The network of tier `context`.

    Args:
        arrays: as `ContextNet` takes them.

    Raises:
        ModelError: their shapes do not fit each other, or not the contexts of bilevel sources.
    """

    def __init__(self, **arrays):
        super().__init__(**arrays)
        first, rows = arrays["first"], arrays["rows"]
        inputs, width = first.shape
        if inputs != ROWS_ABOVE * (2 * COLUMNS_ASIDE + 1) + COLUMNS_ASIDE or len(rows) != SELECTED_ROWS or len(self.nodes) != 1:
            raise ModelError(f"the network of bilevel sources has {inputs} inputs, {len(rows)} rows, {len(self.nodes)} nodes")
        ink = np.arange(GROUP_SUMS)[:, None] >> np.arange(GROUP) & 1
        weights = np.zeros((GROUPS * GROUP, width), np.int64)
        weights[:inputs] = first
        self.sums = np.concatenate([rows, (ink @ weights.reshape(GROUPS, GROUP, width)).reshape(-1, width).astype(np.int32)])


cdef class SourceScratch:
    """Scratch buffers for a network of tier `context`."""

    def __init__(self, SourceNet net):
        self.layers = Layers(net)


cdef void unfold(
    SourceTables tables, int64_t side, int64_t[:, ::1] single, int64_t[::1] start, int64_t[::1] stop
) noexcept nogil:
    """Writes the grid of a side, from the tables: `single`, (BOX, MAX_SIDE), `start` and `stop`, (BOX,)."""
    cdef int64_t s = side - MIN_SIDE, i, part, r, area
    memset(&single[0, 0], 0, BOX * MAX_SIDE * sizeof(int64_t))
    for r in range(BOX):
        start[r], stop[r] = MAX_SIDE, 0
    for i in range(side):
        for part in range(2):
            r, area = tables.cells[s, i] + part, tables.areas[s, i, part]
            if area > 0:
                single[r, i] = area
                start[r], stop[r] = min(start[r], i), max(stop[r], i + 1)


cdef int64_t code_number(RangeCoder coder, const int32_t* probabilities, int64_t bits, int64_t value) noexcept nogil:
    """Codes the binary digits of a number, most significant first, each with a probability selected by those before."""
    cdef int64_t node = 1, i
    for i in range(bits - 1, -1, -1):
        node = 2 * node + code_decision(coder, probabilities[node], (value >> i) & 1)
        if coder.state.exhausted:
            return 0
    return node - (<int64_t>1 << bits)


cdef void code_source_head(RangeCoder coder, SourceTables tables, SourceState source) noexcept nogil:
    """Codes whether there is a source, and what the renderer needs of it, in the coder's direction."""
    cdef int64_t* head = &source.head[0]
    cdef int64_t side, peak, top, left
    cdef int64_t absent = code_decision(coder, tables.absent[0], head[STATUS] == ABSENT)
    if coder.state.exhausted:
        return
    if absent:
        head[STATUS] = ABSENT
        return
    side = MIN_SIDE + code_number(coder, &tables.side[0], SIDE_BITS, head[SIDE] - MIN_SIDE)
    peak = code_number(coder, &tables.peak[0], PEAK_BITS, head[PEAK])
    top = code_number(coder, &tables.top[0], PLACE_BITS, head[TOP] + PLACE_ORIGIN) - PLACE_ORIGIN
    left = code_number(coder, &tables.left[0], PLACE_BITS, head[LEFT] + PLACE_ORIGIN) - PLACE_ORIGIN
    # A damaged stream may name a side or a brightest area that does not exist.
    side = min(side, MAX_SIDE)
    if tables.peaks[side - MIN_SIDE, peak] == 0:
        peak = 0
    if not coder.state.exhausted:
        head[STATUS], head[SIDE], head[PEAK], head[TOP], head[LEFT] = PRESENT, side, peak, top, left
        unfold(tables, side, source.single, source.start, source.stop)


cdef int64_t code_source_row(
    RangeCoder coder, SourceNet net, LmNet lm, KvCache cache, SourceTables tables, SourceState source, SourceScratch scratch,
    uint8_t* line, int64_t width, int64_t y, int64_t tier,
) noexcept nogil:
    """Codes one row of pixels by way of the source, in the coder's direction.

    Args:
        coder: its cost and multiply-accumulates grow by what the row takes.
        net: of tier `context`.
        lm: of tier `lm`.
        cache: its KV cache; tier `lm` requires that all rows above were coded in it.
        tables: the static tables.
        source: its head was coded.
        scratch: of `net`.
        line: the row of the image; read when encoding, for rounding exceptions alone, written when decoding.
        width: its pixels.
        y: its number.
        tier: TABLE, CONTEXT or LM.

    Returns:
        Pixels coded: the width, or 0 when the data are exhausted.
    """
    cdef int64_t r = y - source.head[TOP], i
    if r < 0 or r >= BOX:
        memset(line, 0, <size_t>width)
        return width
    if tier != TABLE:
        for i in range(source.head[SIDE]):
            scratch.places[i] = place_of(i, source.head[SIDE])
    for i in range(first_fresh(source.start, source.stop, r), source.stop[r]):
        if tier == TABLE:
            code_line_by_table(coder, &tables.near[0], source, i)
        else:
            code_line(coder, net, lm, cache, tables, source, scratch, i, tier == LM)
        if coder.state.exhausted:
            return 0
    return render_row(coder, tables, source, r, line, width)


cdef void code_line_by_table(RangeCoder coder, const int32_t* probabilities, SourceState source, int64_t i) noexcept nogil:
    """Codes row `i` of the source by the table of nearest neighbours, with the coder's state in a variable."""
    cdef CoderState state = coder.state
    cdef const int32_t* costs = coder.costs
    cdef uint64_t* line = &source.lines[MARGIN + i, 0]
    cdef Neighbours near = first_neighbours(line)
    cdef int64_t side = source.head[SIDE], j, p, symbol
    for j in range(side):
        p = probabilities[context_of(&near)]
        symbol = decide(&state, p, get_bit(line, j))
        if symbol == UNDETERMINED:
            state.exhausted = 1
            state.macs += j + 1
            coder.state = state
            return
        move_on(&near, symbol)
        if symbol:
            set_bit(line, j)
        state.cost += costs[p if symbol else PROBABILITY_ONE - p]
        if state.range < RANGE_FLOOR:
            coder.state = state
            renormalise(coder)
            state = coder.state
    state.macs += side
    coder.state = state
    extend_runs(&source.up[0], line, side)


cdef inline int64_t gather_groups(const uint64_t* line, int64_t x, int64_t* out, int64_t* active) noexcept nogil:
    """Lists the sums that belong to the ink in the window of tier `context`, of groups with ink.

    Args:
        line: the pixel's row of the source.
        x: its column.
        out: receives rows of `SourceNet.sums`.
        active: receives how much ink there is.

    Returns:
        How many sums there are.
    """
    cdef int64_t at = SELECTED_ROWS, count = 0, row, group, bits, ink
    active[0] = 0
    for row in range(ROWS_ABOVE + 1):
        bits = get_bits(
            line - WORDS * (ROWS_ABOVE - row), x + PAD - COLUMNS_ASIDE,
            2 * COLUMNS_ASIDE + 1 if row < ROWS_ABOVE else COLUMNS_ASIDE,
        )
        for group in range(GROUPS_IN_ROW):
            ink = bits >> (GROUP * group) & (GROUP_SUMS - 1)
            out[count] = at + ink
            count += ink != 0
            active[0] += INK_IN[ink]
            at += GROUP_SUMS
    return count


cdef void code_line(
    RangeCoder coder, SourceNet net, LmNet lm, KvCache cache, SourceTables tables, SourceState source, SourceScratch scratch,
    int64_t i, bint by_lm,
) noexcept nogil:
    """Codes row `i` of the source: skipped pixels by a sum of learned numbers, the others by a network."""
    cdef uint64_t* lines = &source.lines[0, 0]
    cdef uint64_t* line = lines + WORDS * (MARGIN + i)
    cdef int64_t* up = &source.up[0]
    cdef int64_t* selected = scratch.selected
    cdef int32_t* sums = &scratch.layers.first[0]
    cdef Neighbours near = first_neighbours(line)
    cdef int64_t side = source.head[SIDE], width = net.rows.shape[1], place = place_of(i, side)
    cdef int64_t strokes = survey_row(line - WORDS, side, scratch.right), strokes_here = 0, left = BORDER
    cdef int64_t j, symbol, context, active, groups, logit
    for j in range(side):
        symbol, context = get_bit(line, j), context_of(&near)
        select_rows(side, place, scratch.places[j], up[j], left, scratch.right[j], strokes, strokes_here, selected)
        if is_skipped(tables.near, context):
            logit = clip(skipped_logit(tables, context, selected) + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)
            symbol = code_decision(coder, net.sigmoid[logit], symbol)
            coder.state.macs += SELECTED
        elif by_lm:
            active = gather_window(lines, i, j, LM_ROWS_ABOVE, LM_COLUMNS_ASIDE, scratch.which)
            symbol = code_token(coder, lm, cache, selected, scratch.which, active, symbol)
        else:
            groups = gather_groups(line, j, selected + SELECTED, &active)
            add_rows(sums, net.sums, selected, SELECTED + groups)
            coder.state.macs += (SELECTED + active) * width + run_second(net, scratch.layers)
            symbol = code_tree(coder, net, &scratch.layers.last[0], 0, symbol)
        if coder.state.exhausted:
            return
        move_on(&near, symbol)
        if symbol:
            set_bit(line, j)
            strokes_here += left < 0
        left = extend_run(left, symbol)
        up[j] = extend_run(up[j], symbol)


cdef int64_t code_token(
    RangeCoder coder, LmNet lm, KvCache cache, const int64_t* selected, const int64_t* which, int64_t active, int64_t symbol
) noexcept nogil:
    """Codes a pixel by the transformer, or by logits that were computed elsewhere."""
    cdef int64_t coded
    if cache.given.shape[0]:
        coded = cache.progress[CODED]
        if coded == cache.progress[GIVEN]:
            ask(coder, cache, selected, SELECTED, which, active)
            return 0
        coder.state.macs += token_macs(lm, coded, SELECTED + active) + lm.nodes.shape[1]
        symbol = code_decision(coder, lm.sigmoid[cache.given[coded]], symbol)
        cache.progress[CODED] = coded + 1
        if cache.asked.shape[0]:
            cache.asked[OUTCOME] = symbol
        return symbol
    coder.state.macs += run_token(lm, cache, selected, SELECTED, which, active)
    symbol = code_tree(coder, lm, &cache.y[0], 0, symbol)
    if not coder.state.exhausted:
        remember(lm, cache, symbol)
    return symbol


cdef int64_t render_row(
    RangeCoder coder, SourceTables tables, SourceState source, int64_t r, uint8_t* line, int64_t width
) noexcept nogil:
    """Renders row `r` of the box into a line of the image and codes rounding exceptions; returns the pixels coded."""
    cdef const int64_t* start = &source.start[0]
    cdef const int64_t* stop = &source.stop[0]
    cdef const int64_t* single = &source.single[0, 0]
    cdef uint64_t* lines = &source.lines[0, 0]
    cdef int64_t first = source.head[LEFT], rows = stop[r] - start[r], x, c, columns, value
    cdef int64_t peak = tables.peaks[source.head[SIDE] - MIN_SIDE, source.head[PEAK]]
    cdef Words ink = ink_in(lines, MARGIN + start[r], MARGIN + stop[r])
    cdef Levels levels
    for x in range(width):
        c = x - first
        value = 0
        if 0 <= c < BOX:
            columns = stop[c] - start[c]
            coder.state.macs += rows * columns
            if bits_of(ink.low, ink.high, start[c] + PAD, columns):
                levels = gray_level(box_area(lines + WORDS * MARGIN, single, MAX_SIDE, start, stop, r, c), peak)
                value = levels.level
                if levels.exception != value:
                    if code_decision(coder, tables.slip[value == WHITE], line[x] != value):
                        value = levels.exception
                    if coder.state.exhausted:
                        return 0
        line[x] = <uint8_t>min(value, WHITE)
    return width
