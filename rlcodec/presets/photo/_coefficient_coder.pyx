"""Codes the areas of a strip, in either direction; `rlcodec.presets.photo.coefficient_coder` says how."""

import numpy as np

from libc.math cimport fabsf, log2f, rintf
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from rlcodec.core._adaptive cimport Adaptation, Counter, Counters, code_adaptive, probability_of
from rlcodec.core._mixing cimport MIXED, STRETCH_LIMIT, Mixers, Mixture, code_mixed
from rlcodec.core._range_coder cimport ENCODE, PROBABILITY_ONE, RangeCoder, code_decision
from rlcodec.presets.photo._transform cimport (
    CHROMA_LIMIT, CHROMA_UNIT, MOST_BLOCKS, WHOLE, BlockPlace, dequantised, first_frequency, places_of
)

cdef enum:
    HALF = PROBABILITY_ONE >> 1
    GRID = SPAN * SPAN
    LARGEST_INPUT = 32704
    LARGEST_VALUE = 32767
    ESCAPE_DIGITS = 14
    FIRST_NONZERO = MORE_COUNTERS
    FIRST_GREATER = FIRST_NONZERO + NONZERO_COUNTERS
    FIRST_CONSTANT = FIRST_GREATER + GREATER_COUNTERS
    FIRST_SIDE = FIRST_CONSTANT + CONSTANT_COUNTERS
    RELATIVE_BITS = 12  # of the factors by which offsets change the step
    MEAN_BITS = 4  # of the fraction of a cell's mean
    STATES = 4  # of dependent quantisation
    FIRST_TAIL = LONGEST_CHAIN  # counter of a chain from which on the number of digits of the rest is coded
    FIRST_SHIFTED = 28  # counter of a chain before those of the shifted quantiser
    SHIFTED_NODES = 2  # decisions of the shifted quantiser that have counters of their own
    FIRST_MORE_PLACE = FIRST_SIDE + SIDE_COUNTERS
    FIRST_MORE_SIDES = FIRST_MORE_PLACE + MORE_PLACE_COUNTERS
    FIRST_MORE_SUMS = FIRST_MORE_SIDES + MORE_SIDES_COUNTERS
    FIRST_NONZERO_PLACE = FIRST_MORE_SUMS + MORE_SUMS_COUNTERS
    FIRST_NONZERO_PARTS = FIRST_NONZERO_PLACE + NONZERO_PLACE_COUNTERS
    FIRST_NONZERO_PATTERN = FIRST_NONZERO_PARTS + NONZERO_PARTS_COUNTERS
    FIRST_GREATER_PLACE = FIRST_NONZERO_PATTERN + NONZERO_PATTERN_COUNTERS
    FIRST_GREATER_PARTS = FIRST_GREATER_PLACE + GREATER_PLACE_COUNTERS
    FIRST_GREATER_PATTERN = FIRST_GREATER_PARTS + GREATER_PARTS_COUNTERS
    MIX_MORE = 0
    MIX_MORE_REACH = MIX_MORE + KINDS * 4
    MIX_NONZERO = MIX_MORE_REACH + 16 * 17
    MIX_NONZERO_LEVEL = MIX_NONZERO + KINDS * 4 * 3 * 4 * 2
    MIX_GREATER = MIX_NONZERO_LEVEL + LEVELS * KINDS
    MIX_GREATER_LEVEL = MIX_GREATER + KINDS * 4 * 14

cdef extern from "bits.h":
    int rl_log2(uint64_t) noexcept nogil

cdef float IMPOSSIBLE = 1e30
# If all coefficients of a slice are smaller, in steps, and it takes fewer bits to say so, nothing is sent.
cdef float SMALLEST_SENT = 0.5, CHEAP_END = 1.5
cdef int[STATES][2] NEXT_STATE
NEXT_STATE[0][0], NEXT_STATE[0][1] = 0, 1
NEXT_STATE[1][0], NEXT_STATE[1][1] = 2, 3
NEXT_STATE[2][0], NEXT_STATE[2][1] = 1, 0
NEXT_STATE[3][0], NEXT_STATE[3][1] = 3, 2


cdef inline int shift_of(int state) noexcept nogil:
    """Whether the quantiser of a state is shifted by half a step."""
    return state & 1


cdef class StripState:
    """What has been coded of a strip of areas, of which there is nothing at first.

    Args:
        rows: of areas.
        columns: of areas.
        counters: with which the strip begins.
        mixers: with which the strip begins.
        weights: int16 (EXPECTATIONS, PLANES, TRANSFORMS, SLICES, INPUTS), of the expected magnitude by all inputs, by those of
            the block, and by the others.
        relative: int32 (2 * OFFSET_LIMIT + 1,), factors of the step by offset, in 1/4096.

    Attributes:
        values: int16 (rows, columns, PLANES, AREA_PIXELS), quantised coefficients.
        splits: uint8 (rows, columns), how areas are split.
        offsets: int8 (rows, columns), of the step.
        chroma: int8 (rows, columns, PLANES - 1), multipliers of luma.
        repairs: uint8 (rows, columns), level of repair.
    """

    def __init__(
        self, rows, columns, Counters counters, Mixers mixers, const int16_t[:, :, :, :, ::1] weights,
        const int32_t[::1] relative,
    ):
        cells = (rows * AREA_CELLS + 2 * CELL_PAD, columns * AREA_CELLS + 2 * CELL_PAD)
        self.values = np.zeros((rows, columns, PLANES, AREA_PIXELS), np.int16)
        self.splits = np.full((rows, columns), WHOLE, np.uint8)
        self.offsets = np.zeros((rows, columns), np.int8)
        self.chroma = np.zeros((rows, columns, PLANES - 1), np.int8)
        self.repairs = np.zeros((rows, columns), np.uint8)
        self.magnitudes = np.zeros((PLANES, *cells, BANDS), np.uint16)
        self.sums = np.zeros((PLANES, *cells, CELL_DIAGONALS), np.int32)
        self.means = np.zeros((PLANES, *cells), np.int32)
        self.differences = np.zeros((PLANES, *cells), np.int32)
        self.known = np.zeros(cells, np.uint8)
        self.sizes = np.full(cells, 1, np.uint8)
        self.grids = np.zeros(PLANES * GRID, np.int16)
        self.counters, self.mixers, self.weights, self.relative = counters, mixers, weights, relative
        if len(counters) != COUNTERS or len(mixers) != MIXERS:
            raise ValueError(f"the model has {len(counters)} counters and {len(mixers)} mixers, not {COUNTERS} and {MIXERS}")
        if tuple(np.shape(weights)) != (EXPECTATIONS, PLANES, TRANSFORMS, SLICES, INPUTS):
            raise ValueError("the weights of the expected magnitude have another shape")
        if relative.shape[0] != 2 * OFFSET_LIMIT + 1 or np.min(relative) < 1:
            raise ValueError("the factors of the step do not fit")


cdef struct Source:
    # What an encoder codes; all pointers are NULL when decoding.
    const float* coefficients  # (AREA_PIXELS) of the block's plane
    const float* luma  # dequantised values of the block's luma
    const float* scales  # of the block's frequencies
    float relative
    float multiplier  # of luma
    float weight  # squared quantiser steps that a bit is worth


cdef inline int level_of(int64_t amount) noexcept nogil:
    """Four levels an octave of an amount in 1/4096; 0 below 16."""
    cdef int digits
    if amount < 16:
        return 0
    digits = rl_log2(<uint64_t>amount)
    return min((digits - 4) * 4 + <int>((amount >> (digits - 2)) & 3) + 1, LEVELS - 1)


cdef inline int last_diagonal(int transform, int slice) noexcept nogil:
    """The last diagonal of a slice; as `rlcodec.presets.photo.transform.LAST_DIAGONALS`."""
    if slice == 0:
        return 0
    if slice == 4:
        return (16 << transform) - 2
    if slice == 1:
        return 1 << transform
    if slice == 2:
        return 3 if transform == 0 else (6 if transform == 1 else 13)
    return 6 if transform == 0 else (13 if transform == 1 else 27)


cdef inline int first_of(int diagonal, int side) noexcept nogil:
    return diagonal - side + 1 if diagonal >= side else 0


cdef inline int past_of(int diagonal, int side) noexcept nogil:
    return min(diagonal, side - 1) + 1


cdef int64_t code_tail(RangeCoder coder, const Adaptation* adaptation, Counter* chain, int64_t rest) noexcept nogil:
    """Codes a number by an Exp-Golomb code of order 0, whose number of digits is adaptive."""
    cdef int64_t digits = 0, i, out = 0
    cdef bint more
    while digits < ESCAPE_DIGITS:
        more = code_adaptive(coder, adaptation, chain + min(digits, 12), rest >= (<int64_t>1 << digits)) != 0
        if coder.state.exhausted:
            return 0
        if not more:
            break
        rest -= <int64_t>1 << digits
        digits += 1
    for i in range(digits - 1, -1, -1):
        out = 2 * out + code_decision(coder, HALF, (rest >> i) & 1)
        if coder.state.exhausted:
            return 0
    return out + (<int64_t>1 << digits) - 1


cdef inline int64_t code_greater(
    RangeCoder coder, const Adaptation* adaptation, Counter* chain, int64_t magnitude, int shift
) noexcept nogil:
    """Codes a magnitude that is not 0 along a chain of counters."""
    cdef int64_t node
    for node in range(1, LONGEST_CHAIN):
        if not code_adaptive(coder, adaptation, chain + node_counter(node, shift), magnitude > node):
            return node
    return LONGEST_CHAIN + code_tail(coder, adaptation, chain + FIRST_TAIL, magnitude - LONGEST_CHAIN)


cdef void find_block(
    StripState strip, Block* block, const BlockPlace* place, int64_t y, int64_t x, int plane, int slice
) noexcept nogil:
    """Finds a plane of a block, and what its neighbours tell of a slice."""
    cdef int64_t row = y * AREA_CELLS + place.row + CELL_PAD, column = x * AREA_CELLS + place.column + CELL_PAD
    block.plane, block.transform, block.side, block.slice = plane, place.transform, place.side, slice
    block.kind = plane * TRANSFORMS + place.transform
    block.cells = place.side >> 3
    block.low = last_diagonal(place.transform, slice - 1) + 1 if slice else 0
    block.high = last_diagonal(place.transform, slice)
    block.values = &strip.values[y, x, plane, place.at]
    block.grid = &strip.grids[plane * GRID + FREQUENCY_PAD * (SPAN + 1)]
    block.magnitudes = &strip.magnitudes[plane, row, column, 0]
    block.sums = &strip.sums[plane, row, column, 0]
    block.line = strip.magnitudes.shape[2]
    block.weights = &strip.weights[0, plane, place.transform, slice, 0]
    block.further = PLANES * TRANSFORMS * SLICES * INPUTS
    block.tier = strip.tier
    block.factor = strip.relative[OFFSET_LIMIT + strip.offsets[y, x]]
    block.opened = block.filled = False
    block.inverse = strip.relative[OFFSET_LIMIT - strip.offsets[y, x]]


cdef inline int32_t scaled(const Block* block, int64_t amount) noexcept nogil:
    """A magnitude of a cell in the block's own steps."""
    amount = (amount * block.inverse) >> RELATIVE_BITS
    return <int32_t>min(amount, LARGEST_INPUT)


cdef void survey_block(Block* block) noexcept nogil:
    """Finds the neighbours' magnitudes by diagonals of bands, and lays out those of the block before this slice."""
    cdef const int32_t* sums = block.sums
    cdef int64_t left, above, line = block.line * CELL_DIAGONALS
    cdef int32_t total = 0, across = 0
    cdef int diagonal, i, u, d, n = block.cells, shift = block.transform
    cdef int beyond_one = (1 << block.transform) - 1  # the largest remainder of a frequency in its band
    block.first_band, block.last_band = max(block.low - beyond_one, 0) >> block.transform, block.high >> block.transform
    block.beyond[15] = block.across[15] = 0  # no band lies on it
    for diagonal in range(min(block.last_band, 14), max(block.first_band - 1, 0) - 1, -1):
        left = above = 0
        for i in range(n):
            left += sums[i * line - CELL_DIAGONALS + diagonal]
            above += sums[i * CELL_DIAGONALS - line + diagonal]
        across += <int32_t>((left * block.inverse) >> (RELATIVE_BITS + shift))
        total += <int32_t>(((left + above) * block.inverse) >> (RELATIVE_BITS + shift))
        block.beyond[diagonal], block.across[diagonal] = total, across
    memset(block.grid - FREQUENCY_PAD * (SPAN + 1), 0, <size_t>((block.side + 2 * FREQUENCY_PAD) * SPAN) * sizeof(int16_t))
    for d in range(max(block.low - 2, 1), block.low):
        for u in range(first_of(d, block.side), past_of(d, block.side)):
            block.grid[u * SPAN + d - u] = magnitude_input(block.values[block.side * u + d - u])


cdef int32_t around_band(const Block* block, const int16_t* w, int band) noexcept nogil:
    """What the cells around contribute to an expected magnitude in a band."""
    cdef const uint16_t* cells = block.magnitudes
    cdef const int32_t* left = block.left
    cdef const int32_t* above = block.above
    cdef int64_t line = block.line * BANDS
    cdef int row = band >> 3, column = band & 7, diagonal = row + column, low_band, u, v, n = block.cells
    cdef int32_t amount = w[8] * left[band] + w[9] * above[band] + w[22] * UNIT, total = 0, other = 0
    if row:
        total, other = left[band - 8], above[band - 8]
    if column:
        total, other = total + left[band - 1], other + above[band - 1]
    if row < 7:
        total, other = total + left[band + 8], other + above[band + 8]
    if column < 7:
        total, other = total + left[band + 1], other + above[band + 1]
    amount += w[10] * (total >> 2) + w[11] * (other >> 2)
    amount += w[16] * scaled(block, cells[-line - BANDS + band]) + w[17] * scaled(block, cells[n * BANDS - line + band])
    amount += w[18] * scaled(block, cells[-2 * BANDS + band]) + w[19] * scaled(block, cells[-2 * line + band])
    if block.slice > 1 and diagonal > 0:
        low_band = max(block.first_band - 1, 1)
        u = (row * low_band + diagonal // 2) // diagonal
        v = max(low_band - u, 0)
        amount += w[20] * scaled(block, cells[n * BANDS + 8 * u + v]) + w[21] * scaled(block, cells[n * line + 8 * u + v])
    return amount


cdef void open_block(Block* block) noexcept nogil:
    """Computes what the neighbours contribute to expected magnitudes, unless that was done."""
    cdef const uint16_t* cells = block.magnitudes
    cdef int64_t total, other, line = block.line * BANDS
    cdef int band, diagonal, i, n = block.cells
    if block.opened:
        return
    block.opened = True
    for band in range(BANDS):
        diagonal = (band >> 3) + (band & 7)
        if not block.first_band - 1 <= diagonal <= block.last_band + 1:
            continue
        total = other = 0
        for i in range(n):
            total += cells[i * line - BANDS + band]
            other += cells[i * BANDS - line + band]
        block.left[band], block.above[band] = scaled(block, total >> block.transform), scaled(block, other >> block.transform)
    for band in range(BANDS):
        if not block.first_band <= (band >> 3) + (band & 7) <= block.last_band:
            continue
        block.near[band] = around_band(block, block.weights, band)
        if block.tier:
            block.apart[band] = around_band(block, block.weights + 2 * block.further, band)


cdef void close_block(Block* block) noexcept nogil:
    """Enters the magnitudes of a slice that is coded into the cells of the block."""
    cdef int per = block.side >> 3, band, diagonal, u, v, i, j, sum, value
    cdef int32_t[CELL_DIAGONALS] sums
    cdef int64_t amount, line = block.line
    cdef uint16_t* cell
    cdef int32_t* cell_sums
    memset(sums, 0, sizeof(sums))
    for band in range(BANDS):
        diagonal = (band >> 3) + (band & 7)
        if not block.first_band <= diagonal <= block.last_band:
            continue
        sum = 0
        for u in range((band >> 3) * per, ((band >> 3) + 1) * per):
            for v in range((band & 7) * per, ((band & 7) + 1) * per):
                value = block.values[block.side * u + v]
                sum += 0 if u + v == 0 else (-value if value < 0 else value)
        if sum == 0:
            continue
        amount = min((<int64_t>sum * HALF_UNIT * block.factor) >> (RELATIVE_BITS + 2 * block.transform), 65000)
        sums[diagonal] += <int32_t>amount
        for i in range(block.cells):
            cell = block.magnitudes + i * line * BANDS + band
            for j in range(block.cells):
                cell[j * BANDS] = <uint16_t>amount
    for i in range(block.cells):
        for j in range(block.cells):
            cell_sums = block.sums + (i * line + j) * CELL_DIAGONALS
            for diagonal in range(block.first_band, block.last_band + 1):
                cell_sums[diagonal] = sums[diagonal]


cdef int32_t expected_around(const Block* block, const int16_t* w, int32_t near, const int16_t* z) noexcept nogil:
    """What the neighbours and the planes before contribute to the expected magnitude of a coefficient.

    Args:
        block: of the coefficient.
        w: weights of the expected magnitude.
        near: what the cells around contribute.
        z: magnitude of the coefficient among those of the block.
    """
    cdef const int16_t* y
    cdef int32_t sum = near
    if block.plane:
        y = z - block.plane * GRID
        sum += w[12] * y[0] + w[13] * ((y[-1] + y[1] + y[-SPAN] + y[SPAN]) >> 2)
    if block.plane > 1:
        y = z - GRID
        sum += w[14] * y[0] + w[15] * ((y[-1] + y[1] + y[-SPAN] + y[SPAN]) >> 2)
    return sum


cdef int32_t expected_inside(const int16_t* w, const int16_t* row, const int16_t* above, const int16_t* below) noexcept nogil:
    """What the magnitudes of the block contribute to the expected magnitude of a coefficient.

    Args:
        w: weights of the expected magnitude.
        row: magnitudes of the block on the coefficient's diagonal, by vertical frequency, at the coefficient's.
        above: those of the diagonal before.
        below: those of the one before that.
    """
    return (
        w[0] * above[0] + w[1] * above[-1] + w[2] * below[-1] + w[3] * below[0] + w[4] * below[-2] + w[5] * row[-1]
        + w[6] * above[1] + w[7] * above[-2]
    )


cdef inline int level_of_sum(int32_t sum) noexcept nogil:
    return level_of(sum >> 6) if sum > 0 else 0


cdef inline float target_of(const Source* source, int at) noexcept nogil:
    """A coefficient in quantiser steps, less what luma predicts."""
    cdef float wanted = source.coefficients[at]
    if source.multiplier != 0:
        wanted -= source.multiplier * source.luma[at]
    return wanted / (source.scales[at] * source.relative)


cdef int frequency_class(int diagonal, int side) noexcept nogil:
    cdef int at = diagonal * 16 // side
    if at < 3:
        return at
    if at < 6:
        return 3
    if at < 10:
        return 4
    return 5 if at < 16 else 6


cdef struct Diagonal:
    # What the decisions on a diagonal have in common.
    int64_t more  # first counter of the decision whether anything is left, by what was sent so far
    int luma  # level of the planes before
    int reach  # level of what the neighbours have from here on
    int frequency  # class


cdef void find_rest(Block* block, bint planes_filled) noexcept nogil:
    """Sums of the planes before from each diagonal on; for luma of coarser frequencies to the right and below."""
    cdef int64_t total = 0, line = block.line * BANDS
    cdef int u, d, low
    cdef const int16_t* z
    if block.plane == 0:
        low = max(block.first_band - 1, 1)
        if block.slice > 1:
            for u in range(max(0, low - 7), min(low, 7) + 1):
                total += block.magnitudes[block.cells * BANDS + 7 * u + low]
                total += block.magnitudes[block.cells * line + 7 * u + low]
        total = 2 * ((total * block.inverse) >> RELATIVE_BITS)
        for d in range(block.low, block.high + 1):
            block.rest[d] = total
        return
    for d in range(block.high, block.low - 1, -1):
        if planes_filled:
            for u in range(first_of(d, block.side), past_of(d, block.side)):
                z = block.grid + u * SPAN + d - u
                total += z[-block.plane * GRID]
                if block.plane == 2:
                    total += 2 * z[-GRID]
        block.rest[d] = total


cdef inline void find_diagonal(const Block* block, int d, Diagonal* diagonal) noexcept nogil:
    cdef int u, v, sum = 0
    diagonal.reach = level_of(((<int64_t>block.beyond[d >> block.transform] * 8) << (2 * block.transform)) // 4 + 1) // 3
    diagonal.reach = min(diagonal.reach, 16)
    diagonal.luma = 0
    if block.plane:
        if block.before_filled:
            for v in range(d, d + 2):
                for u in range(first_of(v, block.side), past_of(v, block.side)):
                    sum += block.grid[u * SPAN + v - u - GRID]
        diagonal.luma = 1 if sum == 0 else (2 if sum <= 3 * UNIT else 3)
    diagonal.more = (((block.kind * SLICES + block.slice) * 16 + min(d - block.low, 15)) * 17 + diagonal.reach) * 16
    diagonal.frequency = block.kind * FREQUENCY_CLASSES + frequency_class(d, block.side)


cdef inline int level_so_far(int before, int earlier) noexcept nogil:
    """Level of the sums of magnitudes of the two diagonals before."""
    if before:
        return 2 if before <= 2 * UNIT else 3
    return 1 if earlier else 0


cdef inline int64_t more_counter(const Diagonal* diagonal, int before, int earlier) noexcept nogil:
    """Counter of the decision whether anything is left; sums of magnitudes of the two diagonals before."""
    return diagonal.more + level_so_far(before, earlier) * 4 + diagonal.luma


cdef inline int64_t nonzero_counter(const Diagonal* diagonal, int level, bint at_edge, int shift) noexcept nogil:
    return FIRST_NONZERO + (diagonal.frequency * LEVELS + level) * 4 + at_edge + 2 * shift


cdef inline int64_t chain_counter(const Block* block, int level) noexcept nogil:
    return FIRST_GREATER + (block.kind * LEVELS + level) * CHAIN


cdef inline int64_t node_counter(int64_t node, int shift) noexcept nogil:
    """Place of a decision in its chain."""
    return node + FIRST_SHIFTED if shift and node <= SHIFTED_NODES else node


cdef struct Survivor:
    # A path of the trellis: the best way so far into a state.
    float cost
    int sum, before, earlier  # sums of magnitudes of this and the two diagonals before
    int16_t[4][AREA + 2 * MARGIN] rows  # magnitudes of the last diagonals, by vertical frequency


cdef struct Trellis:
    Survivor[2][STATES] survivors
    int16_t[AREA_PIXELS][STATES] values
    uint8_t[AREA_PIXELS][STATES] sources


cdef float[PROBABILITY_ONE + 1] BITS


cdef void fill_bits() noexcept nogil:
    cdef int64_t i
    for i in range(1, PROBABILITY_ONE):
        BITS[i] = -log2f(<float>i / PROBABILITY_ONE)


fill_bits()


cdef inline float bits_of(const Counter* counter, bint decision) noexcept nogil:
    cdef int64_t probability = probability_of(counter)
    return BITS[probability if decision else PROBABILITY_ONE - probability]


cdef int choose_values(
    StripState strip, Block* block, const Source* source, int state, int before, Trellis* trellis, int16_t* chosen
) noexcept nogil:
    """Chooses the values of a slice of a block: a path through the states of least squared error plus weighted bits.

    Args:
        strip: with the counters that tell code lengths.
        block: surveyed.
        source: of the coefficients.
        state: of dependent quantisation before the block.
        before: sum of the magnitudes of the diagonal before the slice.
        trellis: memory.
        chosen: (side * side), receives the values in half steps at their frequencies.

    Returns:
        The last diagonal that is sent; the one before the first if none is.
    """
    cdef Counter* all = strip.counters.first
    cdef Counter* chain
    cdef Counter* nonzero
    cdef Survivor* now = trellis.survivors[0]
    cdef Survivor* then = trellis.survivors[1]
    cdef Survivor* survivor
    cdef Diagonal diagonal
    cdef float[2 * AREA + 1] energy
    cdef float[AREA_PIXELS] targets  # in steps
    cdef float[STATES] costs
    cdef int[STATES] origins
    cdef float best = IMPOSSIBLE, largest, least, target, cost, error, bits, reached, weight = source.weight
    cdef int side = block.side, k, d, u, v, at, step = 0, last = block.low - 1, best_state = state, best_step = 0
    cdef int shift, level, low, magnitude, passed, following, candidate, value
    cdef int32_t around
    energy[block.high + 1] = largest = 0
    for d in range(block.high, block.low - 1, -1):
        energy[d] = energy[d + 1]
        for u in range(first_of(d, side), past_of(d, side)):
            target = targets[side * u + d - u] = target_of(source, side * u + d - u)
            largest = max(largest, target * target)
            energy[d] += target * target
    if largest < SMALLEST_SENT * SMALLEST_SENT:
        find_diagonal(block, block.low, &diagonal)
        if bits_of(all + more_counter(&diagonal, before, 0), False) < CHEAP_END:
            return last
    open_block(block)
    for k in range(STATES):
        now[k].cost = IMPOSSIBLE
    survivor = &now[state]
    survivor.cost, survivor.before, survivor.earlier = 0, before, 0
    memset(survivor.rows, 0, sizeof(survivor.rows))
    for d in range(max(block.low - 2, 1), block.low):
        for u in range(first_of(d, side), past_of(d, side)):
            survivor.rows[d & 3][u + MARGIN] = block.grid[u * SPAN + d - u]
    for d in range(block.low, block.high + 1):
        find_diagonal(block, d, &diagonal)
        least = IMPOSSIBLE
        for k in range(STATES):
            survivor = &now[k]
            if survivor.cost >= IMPOSSIBLE:
                continue
            nonzero = all + more_counter(&diagonal, survivor.before, survivor.earlier)
            cost = survivor.cost + energy[d] + weight * bits_of(nonzero, False)
            if cost < best:
                best, best_state, best_step, last = cost, k, step, d - 1
            survivor.cost += weight * bits_of(nonzero, True)
            survivor.sum = 0
            memset(survivor.rows[d & 3], 0, sizeof(survivor.rows[0]))
            least = min(least, survivor.cost)
        if least >= best:
            break
        for u in range(first_of(d, side), past_of(d, side)):
            v = d - u
            at = side * u + v
            around = expected_around(
                block, block.weights, block.near[((u >> block.transform) << 3) + (v >> block.transform)],
                block.grid + u * SPAN + v,
            )
            target = 2 * fabsf(targets[at])  # in half steps
            for k in range(STATES):
                costs[k] = IMPOSSIBLE
            for k in range(STATES):
                survivor = &now[k]
                if survivor.cost >= IMPOSSIBLE:
                    continue
                shift = shift_of(k)
                level = level_of_sum(around + expected_inside(
                    block.weights, &survivor.rows[d & 3][u + MARGIN], &survivor.rows[(d - 1) & 3][u + MARGIN],
                    &survivor.rows[(d - 2) & 3][u + MARGIN],
                ))
                nonzero = all + nonzero_counter(&diagonal, level, u == 0 or v == 0, shift)
                chain = all + chain_counter(block, level)
                low = <int>((target + shift) * <float>0.5)
                passed, reached = 0, 0
                for candidate in range(3 if 0 < low <= 2 else 2):
                    magnitude = low + candidate if candidate < 2 else 0
                    if magnitude == 0:
                        bits = bits_of(nonzero, False)
                    else:
                        if passed == 0:
                            reached, passed = bits_of(nonzero, True) + 1, 1
                        while passed < min(magnitude, LONGEST_CHAIN):
                            reached += bits_of(chain + node_counter(passed, shift), True)
                            passed += 1
                        if magnitude < LONGEST_CHAIN:
                            bits = reached + bits_of(chain + node_counter(magnitude, shift), False)
                        else:
                            bits = reached + 2 * log2f(<float>(magnitude - LONGEST_CHAIN + 1)) + 1
                    value = 2 * magnitude - shift if magnitude else 0
                    error = (target - value) * <float>0.5
                    cost = survivor.cost + error * error + weight * bits
                    following = NEXT_STATE[k][magnitude & 1]
                    if cost < costs[following]:
                        costs[following], origins[following] = cost, k
                        trellis.values[step][following] = <int16_t>min(value, LARGEST_VALUE)
            for k in range(STATES):
                then[k].cost = costs[k]
                if costs[k] >= IMPOSSIBLE:
                    continue
                trellis.sources[step][k] = <uint8_t>origins[k]
                then[k] = now[origins[k]]
                then[k].cost = costs[k]
                then[k].rows[d & 3][u + MARGIN] = magnitude_input(trellis.values[step][k])
                then[k].sum += then[k].rows[d & 3][u + MARGIN]
            survivor = now
            now = then
            then = survivor
            step += 1
        for k in range(STATES):
            now[k].earlier, now[k].before = now[k].before, now[k].sum
    else:
        for k in range(STATES):
            if now[k].cost < best:
                best, best_state, best_step, last = now[k].cost, k, step, block.high
    for d in range(last, block.low - 1, -1):
        for u in range(past_of(d, side) - 1, first_of(d, side) - 1, -1):
            best_step -= 1
            at = side * u + d - u
            chosen[at] = trellis.values[best_step][best_state]
            if targets[at] < 0:
                chosen[at] = -chosen[at]
            best_state = trellis.sources[best_step][best_state]
    return last


cdef inline int step_level(int64_t magnitude, int most) noexcept nogil:
    """Whole steps of an input magnitude, `most` or less."""
    return <int>min(magnitude // UNIT, most)


cdef inline int32_t limited(int64_t input) noexcept nogil:
    return <int32_t>min(max(input, -STRETCH_LIMIT), STRETCH_LIMIT)


cdef struct Context:
    # What the contexts of a coefficient have in common.
    int sliced  # of plane, transform and slice
    int position  # among the frequencies of all transforms
    int level  # of the expected magnitude
    int inside, outside  # levels by what lies inside of the block, and by the rest
    int64_t sum  # the expected magnitude
    int edge  # 1 in the first row, 2 in the first column
    int shift
    int pattern  # of the magnitudes before
    int greater  # the same, finer
    int first  # whole steps of the two magnitudes just before


cdef inline bint code_more(
    RangeCoder coder, StripState strip, const Block* block, const Diagonal* diagonal, int d, int before, int earlier, bint more
) noexcept nogil:
    """Codes whether anything is left in the slice of a block from a diagonal on."""
    cdef Counter* counter = strip.counters.first + more_counter(diagonal, before, earlier)
    cdef Mixture mixture
    cdef int sliced = block.kind * (SLICES - 1) + block.slice - 1, n = block.cells * block.cells, across
    cdef int steps = min(d - block.low, 15)
    cdef int64_t total, planes
    coder.state.macs += 1
    if block.tier == 0:
        return code_adaptive(coder, &strip.counters.adaptation, counter, more) != 0
    total, across = block.beyond[d >> block.transform], block.across[d >> block.transform]
    planes = block.rest[d]
    coder.state.macs += 2 * MIXED
    mixture.count = 4
    mixture.counters[0] = counter
    mixture.counters[1] = strip.counters.first + FIRST_MORE_PLACE + (
        (block.kind * 63 + d) * 16 + min(level_of(planes // 4) // 2, 15)
    ) * 4 + level_so_far(before, earlier)
    mixture.counters[2] = strip.counters.first + FIRST_MORE_SIDES + (
        (sliced * 16 + min(level_of(across * n) // 3, 15)) * 16 + min(level_of((total - across) * n) // 3, 15)
    ) * 8 + (steps >> 1)
    mixture.counters[3] = strip.counters.first + FIRST_MORE_SUMS + (
        (sliced * 8 + (steps >> 1)) * 8 + step_level(before, 7)
    ) * 5 + step_level(earlier, 4)
    mixture.inputs[4] = level_of(total * n + 1) * 24 - 512
    mixture.inputs[5] = level_of(before) * 20 - 300
    mixture.inputs[6] = level_of(planes // 4 + 1) * 20 - 400
    mixture.inputs[7] = 256
    mixture.one = strip.mixers.first + MIXED * (MIX_MORE + sliced)
    mixture.other = strip.mixers.first + MIXED * (MIX_MORE_REACH + steps * 17 + diagonal.reach)
    return code_mixed(coder, &strip.counters.adaptation, &strip.mixers.tables, &mixture, more) != 0


cdef inline bint code_nonzero(
    RangeCoder coder, StripState strip, const Block* block, const Diagonal* diagonal, const Context* at, bint nonzero
) noexcept nogil:
    """Codes whether a coefficient is not zero."""
    cdef Counter* all = strip.counters.first
    cdef Mixture mixture
    mixture.counters[0] = all + nonzero_counter(diagonal, at.level, at.edge > 0, at.shift)
    coder.state.macs += INPUTS
    if block.tier == 0:
        return code_adaptive(coder, &strip.counters.adaptation, mixture.counters[0], nonzero) != 0
    coder.state.macs += INPUTS + 2 * MIXED
    mixture.count = 4
    mixture.counters[1] = all + FIRST_NONZERO_PLACE + at.shift + (
        (block.plane * FREQUENCIES + at.position) * 12 + (at.level >> 2)
    ) * 2
    mixture.counters[2] = all + FIRST_NONZERO_PARTS + at.shift + (
        (at.sliced * 24 + (at.inside >> 1)) * 24 + (at.outside >> 1)
    ) * 2
    mixture.counters[3] = all + FIRST_NONZERO_PATTERN + at.shift + (
        (at.pattern * PLANES + block.plane) * 16 + at.outside // 3
    ) * 2
    mixture.inputs[4] = limited(level_of(at.sum >> 2) * 24 - 500)
    mixture.inputs[5] = at.outside * 24 - 384
    mixture.inputs[6] = 0
    mixture.inputs[7] = 256
    mixture.one = strip.mixers.first + MIXED * (MIX_NONZERO + ((at.sliced * 3 + at.edge) * 4 + at.first) * 2 + at.shift)
    mixture.other = strip.mixers.first + MIXED * (MIX_NONZERO_LEVEL + at.level * KINDS + block.kind)
    return code_mixed(coder, &strip.counters.adaptation, &strip.mixers.tables, &mixture, nonzero) != 0


cdef int64_t code_size(
    RangeCoder coder, StripState strip, const Block* block, const Context* at, int64_t magnitude
) noexcept nogil:
    """Codes the magnitude of a coefficient that is not zero."""
    cdef Counter* all = strip.counters.first
    cdef Counter* chain = all + chain_counter(block, at.level)
    cdef const Adaptation* adaptation = &strip.counters.adaptation
    cdef Mixture mixture
    cdef int node
    if block.tier == 0:
        return code_greater(coder, adaptation, chain, magnitude, at.shift)
    mixture.count = 4
    for node in range(1, LONGEST_CHAIN):
        mixture.counters[0] = chain + node_counter(node, at.shift)
        mixture.counters[1] = all + FIRST_GREATER_PLACE + (
            (block.plane * FREQUENCIES + at.position) * (LONGEST_CHAIN - 1) + node - 1
        )
        mixture.counters[2] = all + FIRST_GREATER_PARTS + (
            (block.kind * 24 + (at.inside >> 1)) * 24 + (at.outside >> 1)
        ) * (LONGEST_CHAIN - 1) + node - 1
        mixture.counters[3] = all + FIRST_GREATER_PATTERN + (
            (at.greater * PLANES + block.plane) * 8 + at.outside // 6
        ) * (LONGEST_CHAIN - 1) + node - 1
        mixture.inputs[4] = limited(level_of(at.sum >> 2) * 24 - 600)
        mixture.inputs[5] = at.outside * 24 - 500
        mixture.inputs[6] = 0
        mixture.inputs[7] = 256
        mixture.one = strip.mixers.first + MIXED * (MIX_GREATER + at.sliced * (LONGEST_CHAIN - 1) + node - 1)
        mixture.other = strip.mixers.first + MIXED * (
            MIX_GREATER_LEVEL + (min(node - 1, 2) * LEVELS + at.level) * KINDS + block.kind
        )
        coder.state.macs += 2 * MIXED
        if not code_mixed(coder, adaptation, &strip.mixers.tables, &mixture, magnitude > node):
            return node
    return LONGEST_CHAIN + code_tail(coder, adaptation, chain + FIRST_TAIL, magnitude - LONGEST_CHAIN)


cdef inline void find_context(
    const Block* block, int u, int v, const int16_t* z, const int16_t* row, const int16_t* above, const int16_t* below,
    Context* at,
) noexcept nogil:
    """Finds what the contexts of a coefficient have in common; arguments as `expected_around` and `expected_inside`."""
    cdef int band = ((u >> block.transform) << 3) + (v >> block.transform)
    at.sum = expected_around(block, block.weights, block.near[band], z) + expected_inside(block.weights, row, above, below)
    at.sum = max(at.sum, 0)
    at.level = level_of(at.sum >> 6)
    at.edge = 1 if u == 0 else (2 if v == 0 else 0)
    if block.tier == 0:
        return
    at.sliced = block.kind * (SLICES - 1) + block.slice - 1
    at.position = first_frequency(block.transform) + block.side * u + v
    at.inside = level_of_sum(
        expected_inside(block.weights + block.further, row, above, below) + block.weights[block.further + 22] * UNIT
    )
    at.outside = level_of_sum(
        expected_around(block, block.weights + 2 * block.further, block.apart[band], z)
    )
    at.first = min(step_level(above[0], 2) + step_level(above[-1], 2), 3)
    at.pattern = (step_level(above[0], 2) * 3 + step_level(above[-1], 2)) * 3 + step_level(below[-1], 2)
    at.pattern = at.pattern * 3 + step_level(below[0], 2)
    at.pattern = (at.pattern * 2 + step_level(below[-2], 1)) * 2 + step_level(row[-1], 1)
    at.greater = (step_level(above[0], 3) * 4 + step_level(above[-1], 3)) * 4 + step_level(below[-1], 3)
    at.greater = at.greater * 3 + step_level(row[-1], 2)


cdef void code_block(
    RangeCoder coder, StripState strip, Block* block, int filled, const Source* source, Trellis* trellis
) noexcept nogil:
    """Codes a slice of a plane of a block.

    Args:
        coder: in its direction.
        strip: of the block.
        block: found.
        filled: bit k tells whether plane k of the block has anything in this slice.
        source: of the coefficients; NULL when decoding.
        trellis: memory; NULL when decoding.
    """
    cdef Diagonal diagonal
    cdef Context at
    cdef int16_t[AREA_PIXELS] chosen
    cdef int16_t[4][AREA + 2 * MARGIN] rows
    cdef int d, u, v, place, last = 0, side = block.side, before = 0, earlier = 0, sum
    cdef int state = strip.states[block.plane]
    cdef int64_t magnitude = 0
    cdef bint negative = False
    cdef int16_t* z
    survey_block(block)
    if block.tier:
        find_rest(block, filled > 0)
    memset(rows, 0, sizeof(rows))
    for d in range(max(block.low - 2, 1), block.low):
        before = 0
        for u in range(first_of(d, side), past_of(d, side)):
            rows[d & 3][u + MARGIN] = block.grid[u * SPAN + d - u]
            before += block.grid[u * SPAN + d - u]
    block.before_filled = block.plane > 0 and (filled >> (block.plane - 1)) & 1
    if source != NULL:
        last = choose_values(strip, block, source, state, before, trellis, chosen)
    for d in range(block.low, block.high + 1):
        find_diagonal(block, d, &diagonal)
        if not code_more(coder, strip, block, &diagonal, d, before, earlier, d <= last):
            break
        open_block(block)
        sum = 0
        memset(rows[d & 3], 0, sizeof(rows[0]))
        for u in range(first_of(d, side), past_of(d, side)):
            v = d - u
            place = side * u + v
            z = block.grid + u * SPAN + v
            find_context(
                block, u, v, z, &rows[d & 3][u + MARGIN], &rows[(d - 1) & 3][u + MARGIN], &rows[(d - 2) & 3][u + MARGIN],
                &at,
            )
            at.shift = shift_of(state)
            if source != NULL:
                negative = chosen[place] < 0
                magnitude = ((-chosen[place] if negative else chosen[place]) + at.shift) >> 1
            if code_nonzero(coder, strip, block, &diagonal, &at, magnitude > 0):
                magnitude = code_size(coder, strip, block, &at, magnitude)
                negative = code_decision(coder, HALF, negative) != 0
                if coder.state.exhausted:
                    break
                block.values[place] = <int16_t>min(2 * magnitude - at.shift, LARGEST_VALUE)
                block.filled = True
                z[0] = rows[d & 3][u + MARGIN] = magnitude_input(block.values[place])
                sum += z[0]
                if negative:
                    block.values[place] = -block.values[place]
            else:
                magnitude = 0
            state = NEXT_STATE[state][magnitude & 1]
        if coder.state.exhausted:
            return
        earlier, before = before, sum
    strip.states[block.plane] = state


cdef void code_constant(
    RangeCoder coder, StripState strip, const Block* block, int64_t row, int64_t column, const Source* source
) noexcept nogil:
    """Codes the constant coefficient of a plane of a block, as its difference from a prediction by the means around it."""
    cdef const Adaptation* adaptation = &strip.counters.adaptation
    cdef Counter* chain
    cdef int32_t* mean = &strip.means[block.plane, row, column]
    cdef int32_t* difference = &strip.differences[block.plane, row, column]
    cdef const uint8_t* known = &strip.known[row, column]
    cdef int64_t line = block.line, west = 0, north = 0, corner, expected, gradient = -1, value = 0, rest, magnitude
    cdef int i, j, n = block.cells, around, near
    if known[-1]:
        for i in range(n):
            west += mean[i * line - 1]
        west //= n
    if known[-line]:
        for i in range(n):
            north += mean[i - line]
        north //= n
    if known[-1] and known[-line]:
        corner = mean[-line - 1]
        gradient = (mean[-1] - corner if mean[-1] > corner else corner - mean[-1])
        gradient += mean[-line] - corner if mean[-line] > corner else corner - mean[-line]
        if corner >= max(west, north):
            expected = min(west, north)
        elif corner <= min(west, north):
            expected = max(west, north)
        else:
            expected = west + north - corner
    else:
        expected = west + north
    expected = (expected * block.side * block.inverse + (1 << (RELATIVE_BITS + MEAN_BITS - 1))) >> (RELATIVE_BITS + MEAN_BITS)
    around = CONSTANT_LEVELS - 1
    if gradient >= 0:
        around = min(level_of(((gradient * block.side * block.inverse * 16) >> RELATIVE_BITS) + 1) // 3, CONSTANT_LEVELS - 2)
    near = min(level_of((difference[-1] + difference[-line]) * 128 + 1) // 4, 11)
    chain = strip.counters.first + FIRST_CONSTANT + (
        (block.kind * CONSTANT_LEVELS + around) * 12 + near
    ) * CHAIN
    if source != NULL:
        value = <int64_t>rintf(source.coefficients[0] / (source.scales[0] * source.relative))
    rest = value - expected
    magnitude = -rest if rest < 0 else rest
    if code_adaptive(coder, adaptation, chain, magnitude > 0):
        magnitude = code_greater(coder, adaptation, chain, magnitude, 0)
        rest = -magnitude if code_decision(coder, HALF, rest < 0) else magnitude
    else:
        rest = magnitude = 0
    if coder.state.exhausted:
        return
    value = min(max(expected + rest, -LARGEST_VALUE), LARGEST_VALUE)
    block.values[0] = <int16_t>value
    value = (value * block.factor << MEAN_BITS >> RELATIVE_BITS) // block.side
    magnitude = min(magnitude, 400)
    for i in range(n):
        for j in range(n):
            mean[i * line + j] = <int32_t>value
            difference[i * line + j] = <int32_t>magnitude


cdef int64_t code_signed(
    RangeCoder coder, const Adaptation* adaptation, Counter* first, int64_t value, int64_t limit
) noexcept nogil:
    """Codes a small number within a limit either way, by 16 counters."""
    cdef int64_t size = -value if value < 0 else value, node
    cdef bint negative
    if not code_adaptive(coder, adaptation, first, value != 0):
        return 0
    negative = code_adaptive(coder, adaptation, first + 1, value < 0) != 0
    for node in range(1, limit + 1):
        if node == limit or not code_adaptive(coder, adaptation, first + 1 + min(node, 14), size > node):
            return -node if negative else node
    return 0


cdef void code_choices(RangeCoder coder, StripState strip, int64_t y, int64_t x) noexcept nogil:
    """Codes what was chosen for an area: offset of the step, split, chroma from luma, and level of repair."""
    cdef const Adaptation* adaptation = &strip.counters.adaptation
    cdef Counter* side = strip.counters.first + FIRST_SIDE
    cdef int64_t left = strip.offsets[y, x - 1] if x else 0, above = strip.offsets[y - 1, x] if y else left, expected, spread
    cdef int64_t row = y * AREA_CELLS + CELL_PAD, column = x * AREA_CELLS + CELL_PAD
    cdef int split = strip.splits[y, x], quadrant, plane, at, one, repair
    if not x:
        left = above
    expected = (left + above) >> 1
    spread = min(left - above if left > above else above - left, 3)
    strip.offsets[y, x] = <int8_t>min(max(expected + code_signed(
        coder, adaptation, side + 16 * spread, strip.offsets[y, x] - expected, 2 * OFFSET_LIMIT
    ), -OFFSET_LIMIT), OFFSET_LIMIT)
    one = code_adaptive(
        coder, adaptation, side + 64 + 4 * strip.sizes[row, column - 1] + strip.sizes[row - 1, column], split != WHOLE
    ) != 0
    if one:
        split = 0 if split == WHOLE else split
        for quadrant in range(4):
            at = <int>code_adaptive(
                coder, adaptation,
                side + 80 + 4 * strip.sizes[row + 2 * (quadrant >> 1), column + 2 * (quadrant & 1) - 1]
                + strip.sizes[row + 2 * (quadrant >> 1) - 1, column + 2 * (quadrant & 1)],
                (split >> quadrant) & 1,
            )
            split = (split & ~(1 << quadrant)) | (at << quadrant)
            set_sizes(strip, row + 2 * (quadrant >> 1), column + 2 * (quadrant & 1), 2, 1 - at)
    else:
        split = WHOLE
        set_sizes(strip, row, column, AREA_CELLS, 2)
    strip.splits[y, x] = <uint8_t>split
    for plane in range(PLANES - 1):
        left = strip.chroma[y, x - 1, plane] if x else 0
        above = strip.chroma[y - 1, x, plane] if y else left
        expected = ((left if x else above) + above) >> 1
        at = 96 + 128 * plane + 16 * min_size(<int>(left - above)) + 48 * (expected == 0)
        expected += code_signed(coder, adaptation, side + at, strip.chroma[y, x, plane] - expected, 2 * CHROMA_LIMIT)
        strip.chroma[y, x, plane] = <int8_t>min(max(expected, -CHROMA_LIMIT), CHROMA_LIMIT)
    at = 400 + 3 * ((strip.repairs[y, x - 1] if x else 1) * 3 + (strip.repairs[y - 1, x] if y else 1))
    repair = <int>code_adaptive(coder, adaptation, side + at, strip.repairs[y, x] > 0)
    if repair:
        repair += <int>code_adaptive(coder, adaptation, side + at + 1, strip.repairs[y, x] > 1)
    strip.repairs[y, x] = <uint8_t>repair


cdef inline int min_size(int value) noexcept nogil:
    """0, 1 or 2: whether a number is 0, 1 or more in size."""
    return min(-value if value < 0 else value, 2)


cdef void set_sizes(StripState strip, int64_t row, int64_t column, int count, int transform) noexcept nogil:
    cdef int i, j
    for i in range(count):
        for j in range(count):
            strip.sizes[row + i, column + j] = <uint8_t>transform


cdef void code_areas(
    RangeCoder coder, StripState strip, int slice, const float[:, :, :, ::1] coefficients, const float[:, ::1] scales,
    const float[:, :, :, ::1] centroids, const uint8_t[::1] slices, float weight, Trellis* trellis,
) noexcept nogil:
    cdef BlockPlace[MOST_BLOCKS] places
    cdef Block block
    cdef Source source
    cdef Source* used = NULL
    cdef float[AREA_PIXELS] luma
    cdef int64_t y, x, row, column
    cdef int i, j, plane, count, k, filled
    if coder.state.direction == ENCODE:
        used = &source
        source.weight, source.luma = weight, luma
    strip.tier = <int>code_decision(coder, HALF, strip.tier)
    for y in range(strip.values.shape[0]):
        for x in range(strip.values.shape[1]):
            if coder.state.exhausted:
                return
            if slice == 0:
                code_choices(coder, strip, y, x)
                if coder.state.exhausted:
                    return
            count = places_of(strip.splits[y, x], places)
            for i in range(count):
                row = y * AREA_CELLS + places[i].row + CELL_PAD
                column = x * AREA_CELLS + places[i].column + CELL_PAD
                filled = 0
                for plane in range(PLANES):
                    find_block(strip, &block, &places[i], y, x, plane, slice)
                    if used != NULL:
                        source.coefficients = &coefficients[y, x, plane, places[i].at]
                        source.scales = &scales[plane, first_frequency(places[i].transform)]
                        source.relative = <float>block.factor / (1 << RELATIVE_BITS)
                        source.multiplier = 0
                        if plane:
                            source.multiplier = <float>strip.chroma[y, x, plane - 1] * (<float>1 / CHROMA_UNIT)
                    if slice == 0:
                        code_constant(coder, strip, &block, row, column, used)
                    else:
                        code_block(coder, strip, &block, filled, used, trellis)
                        filled |= block.filled << plane
                    if coder.state.exhausted:
                        return
                    if block.filled:
                        close_block(&block)
                    if slice and used != NULL and plane == 0 and (strip.chroma[y, x, 0] or strip.chroma[y, x, 1]):
                        for j in range(block.side * block.side):
                            k = first_frequency(block.transform) + j
                            luma[j] = dequantised(
                                block.values[j], &centroids[0, block.transform, slices[k], 0]
                            ) * scales[0, k] * source.relative
                if slice == 0:
                    for j in range(block.cells):
                        for k in range(block.cells):
                            strip.known[row + j, column + k] = 1


def code_slice(
    RangeCoder coder, StripState strip, int index, const float[:, :, :, ::1] coefficients=None,
    const float[:, ::1] scales=None, const float[:, :, :, ::1] centroids=None, const uint8_t[::1] slices=None, float weight=0,
):
    """Codes a slice of a strip, until the data are exhausted.

    Args:
        coder: codes in its direction.
        strip: encoding reads `splits`, `offsets`, `chroma` and `repairs`, both directions write `values`.
        index: of the slice: 0 for the choices about areas and the constant coefficients, then from coarse to fine.
        coefficients: float32 (rows, columns, PLANES, AREA_PIXELS), of the strip's splits; needed for encoding, as all that
            follows.
        scales: float32 (PLANES, FREQUENCIES), the step of every frequency.
        centroids: float32 (PLANES, TRANSFORMS, SLICES, 3), what magnitudes lose.
        slices: uint8 (FREQUENCIES,), slice of every frequency.
        weight: squared quantiser steps that a bit is worth.
    """
    cdef int i
    cdef Trellis* trellis = NULL
    if not 0 <= index < SLICES:
        raise ValueError(f"there is no slice {index}")
    if coder.state.direction == ENCODE:
        if coefficients is None or scales is None or centroids is None or slices is None:
            raise ValueError("encoding takes coefficients and their quantiser")
        for i in range(4):
            if coefficients.shape[i] != strip.values.shape[i]:
                raise ValueError("the sizes of coefficients and strip do not fit")
        if scales.shape[0] != PLANES or scales.shape[1] != FREQUENCIES or slices.shape[0] != FREQUENCIES:
            raise ValueError("the steps have another shape")
        if (centroids.shape[0], centroids.shape[1], centroids.shape[2], centroids.shape[3]) != (PLANES, TRANSFORMS, SLICES, 3):
            raise ValueError("the centroids have another shape")
        trellis = <Trellis*>malloc(sizeof(Trellis))
        if trellis == NULL:
            raise MemoryError("no memory is left for the encoder's search")
    strip.states = [0, 0, 0]
    with nogil:
        code_areas(coder, strip, index, coefficients, scales, centroids, slices, weight, trellis)
        free(trellis)
