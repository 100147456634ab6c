# cython: cdivision=True
"""Codes the areas of a strip, in either direction; `rlcodec.presets.photo.coefficient_coder` says how."""

import numpy as np

from libc.math cimport fabsf, log2f, rintf
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from rlcodec.core._adaptive cimport Adaptation, Counter, Counters, code_adaptive, code_tail, update
from rlcodec.core._mixing cimport MIXED, STRETCH_LIMIT, Mixers, Mixture, code_mixed, rl_four, stretched
from rlcodec.core._range_coder cimport ENCODE, PROBABILITY_ONE, RangeCoder, code_half
from rlcodec.presets.photo._network cimport HIDDEN, NETWORK_INPUTS, NODES, SECOND, Network, logit_of, run_network
from rlcodec.presets.photo._transform cimport (
    CHROMA_LIMIT, CHROMA_UNIT, MOST_BLOCKS, RASTER, WHOLE, BlockPlace, dequantised, first_frequency, places_of
)

cdef enum:
    GRID = SPAN * SPAN
    LARGEST_INPUT = 32704
    LARGEST_VALUE = 32767
    ESCAPE_DIGITS = 14
    TAIL = 13  # counters of the number of digits
    UNIT_BITS = 6
    CODE_LENGTH_BITS = 11  # of probabilities whose code lengths the encoder looks up
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
    PLACE_LEVELS = 12  # of the expected magnitude, beside a frequency
    PARTS = 24  # levels of what lies inside and outside of the block, as contexts of one counter
    MIX_MORE = 0
    MIX_MORE_REACH = MIX_MORE + KINDS * 4
    MIX_NONZERO = MIX_MORE_REACH + 16 * 17
    MIX_NONZERO_LEVEL = MIX_NONZERO + KINDS * 4 * 3 * 4 * 2
    MIX_GREATER = MIX_NONZERO_LEVEL + LEVELS * KINDS
    MIX_GREATER_LEVEL = MIX_GREATER + KINDS * 4 * 14
    FIRST_NONZERO_LOGIT = FIRST_GREATER_PATTERN + GREATER_PATTERN_COUNTERS
    FIRST_GREATER_LOGIT = FIRST_NONZERO_LOGIT + NONZERO_LOGIT_COUNTERS
    LOGARITHMS = 512  # of magnitudes in 1/16 step, beyond which all are alike
    NETWORK_MACS = NETWORK_INPUTS * HIDDEN + HIDDEN * SECOND + SECOND * NODES

cdef extern from "bits.h":
    int rl_log2(uint64_t) noexcept nogil

cdef extern from "context_sums.h":
    void rl_two_sums(
        const int16_t*, const int16_t*, int16_t, const int16_t*, const int16_t*, int32_t*, int32_t*
    ) noexcept nogil

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
        network: of tier `network`.
        values: int16 (rows, columns, PLANES, AREA_PIXELS), zeros that the strip overwrites; new ones if None.

    Attributes:
        values: int16 (rows, columns, PLANES, AREA_PIXELS), quantised coefficients.
        splits: uint8 (rows, columns), how areas are split; both directions leave out areas that are RASTER.
        offsets: int8 (rows, columns), of the step.
        chroma: int8 (rows, columns, PLANES - 1), multipliers of luma.
        repairs: uint8 (rows, columns), level of repair.
    """

    def __init__(
        self, rows, columns, Counters counters, Mixers mixers, const int16_t[:, :, :, :, ::1] weights,
        const int32_t[::1] relative, Network network, int16_t[:, :, :, ::1] values=None,
    ):
        cells = (rows * AREA_CELLS + 2 * CELL_PAD, columns * AREA_CELLS + 2 * CELL_PAD)
        shape = rows, columns, PLANES, AREA_PIXELS
        if values is not None and tuple(np.shape(values)) != shape:
            raise ValueError(f"the values have the shape {tuple(np.shape(values))}, not {shape}")
        self.values = np.zeros(shape, np.int16) if values is None else values
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
        self.network = network
        self.record(np.zeros((0, NETWORK_INPUTS), np.int16), np.zeros((0, 2), np.uint8))
        if len(counters) != COUNTERS or len(mixers) != MIXERS:
            raise ValueError(f"the model has {len(counters)} counters and {len(mixers)} mixers, not {COUNTERS} and {MIXERS}")
        if tuple(np.shape(weights)) != (EXPECTATIONS, PLANES, TRANSFORMS, SLICES, INPUTS):
            raise ValueError("the weights of the expected magnitude have another shape")
        if relative.shape[0] != 2 * OFFSET_LIMIT + 1 or np.min(relative) < 1:
            raise ValueError("the factors of the step do not fit")

    def record(self, int16_t[:, ::1] inputs, uint8_t[:, ::1] values):
        """Lets coding in tier `network` record what the network sees, until there is no more room.

        Args:
            inputs: int16 (n, NETWORK_INPUTS), receives the inputs of coefficients.
            values: uint8 (n, 2), receives their class, and their magnitude as its decisions say it, at most NODES.
        """
        if inputs.shape[1] != NETWORK_INPUTS or values.shape[0] != inputs.shape[0] or values.shape[1] != 2:
            raise ValueError("the arrays have other shapes")
        self.recorded, self.recorded_values, self.records = inputs, values, 0


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
    amount = max(amount, 15)  # of which the level is 0
    digits = rl_log2(<uint64_t>amount)
    return min((digits - 4) * 4 + <int>((amount >> (digits - 2)) & 3) + 1, LEVELS - 1)


cdef int16_t[LOGARITHMS] LOGARITHM


cdef void fill_logarithms() noexcept nogil:
    """64 times the binary logarithm of one more, rounded down, in integers: digits of the 64th power by repeated squaring."""
    cdef int64_t i, mantissa, digits, out
    cdef int _bit
    for i in range(LOGARITHMS):
        digits = rl_log2(<uint64_t>(i + 1))
        mantissa, out = ((i + 1) << 30) >> digits, digits
        for _bit in range(6):
            mantissa = (mantissa * mantissa) >> 30
            out = 2 * out + (mantissa >> 31)
            mantissa >>= mantissa >> 31
        LOGARITHM[i] = <int16_t>out


fill_logarithms()


cdef inline int16_t logarithm(int32_t magnitude) noexcept nogil:
    """An input of the network: 64 times the binary logarithm of one more than a magnitude in 1/16 step, up to 511 of these."""
    return LOGARITHM[min(magnitude >> 2, LOGARITHMS - 1)]


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


cdef inline int64_t code_greater(
    RangeCoder coder, const Adaptation* adaptation, Counter* chain, int64_t magnitude, int shift
) noexcept nogil:
    """Codes a magnitude that is not 0 along a chain of counters."""
    cdef int64_t node
    for node in range(1, LONGEST_CHAIN):
        if not code_adaptive(coder, adaptation, chain + node_counter(node, shift), magnitude > node):
            return node
    return LONGEST_CHAIN + code_tail(coder, adaptation, chain + FIRST_TAIL, TAIL, ESCAPE_DIGITS, magnitude - LONGEST_CHAIN)


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
    block.totals = &strip.totals[plane * 2 * AREA]
    memset(block.totals, 0, 2 * AREA * sizeof(int32_t))
    block.factor = strip.relative[OFFSET_LIMIT + strip.offsets[y, x]]
    block.opened = block.filled = False
    block.inverse = strip.relative[OFFSET_LIMIT - strip.offsets[y, x]]
    block.counters = strip.counters.first


cdef inline void find_mixtures(StripState strip, Block* block) noexcept nogil:
    """Finds the counters and mixing weights of a slice of a plane of a block, in the tiers that mix."""
    cdef int sliced = sliced_kind(block), frequency = block.plane * FREQUENCIES + first_frequency(block.transform)
    cdef int32_t* mixers = strip.mixers.first
    block.nonzero_place = block.counters + FIRST_NONZERO_PLACE + frequency * PLACE_LEVELS * 2
    block.nonzero_parts = block.counters + FIRST_NONZERO_PARTS + sliced * PARTS * PARTS * 2
    block.greater_place = block.counters + FIRST_GREATER_PLACE + frequency * (LONGEST_CHAIN - 1)
    block.greater_parts = block.counters + FIRST_GREATER_PARTS + block.kind * PARTS * PARTS * (LONGEST_CHAIN - 1)
    if block.tier > 1:
        mixers += MIXED * VALUE_MIXERS
    block.mix_nonzero = mixers + MIXED * (MIX_NONZERO + sliced * 3 * 4 * 2)
    block.mix_level = mixers + MIXED * (MIX_NONZERO_LEVEL + block.kind)
    block.mix_greater = mixers + MIXED * (MIX_GREATER + sliced * (LONGEST_CHAIN - 1))
    block.mix_greater_level = mixers + MIXED * (MIX_GREATER_LEVEL + block.kind)


cdef inline int sliced_kind(const Block* block) noexcept nogil:
    """Index of plane, transform and slice, but the first slice."""
    return block.kind * (SLICES - 1) + block.slice - 1


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
    block.first_band, block.last_band = max(block.low - beyond_one, 0) >> block.transform, min(
        block.high >> block.transform, CELL_DIAGONALS - 1
    )
    block.beyond[15] = block.across[15] = 0  # no band lies on it
    for diagonal in range(block.last_band, max(block.first_band - 1, 0) - 1, -1):
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


cdef void find_neighbours(const Block* block, int band, int32_t* amounts) noexcept nogil:
    """Finds the inputs of the expected magnitude that come from the cells around a band; `amounts` is (NEIGHBOURS,)."""
    cdef const uint16_t* cells = block.magnitudes
    cdef const int32_t* left = block.left
    cdef const int32_t* above = block.above
    cdef int64_t line = block.line * BANDS
    cdef int row = band >> 3, column = band & 7, diagonal = row + column, low_band, u, v, n = block.cells
    cdef int32_t total = 0, other = 0
    if row:
        total, other = left[band - 8], above[band - 8]
    if column:
        total, other = total + left[band - 1], other + above[band - 1]
    if row < 7:
        total, other = total + left[band + 8], other + above[band + 8]
    if column < 7:
        total, other = total + left[band + 1], other + above[band + 1]
    amounts[0], amounts[1], amounts[2], amounts[3] = left[band], above[band], total >> 2, other >> 2
    amounts[4], amounts[5] = scaled(block, cells[-line - BANDS + band]), scaled(block, cells[n * BANDS - line + band])
    amounts[6], amounts[7] = scaled(block, cells[-2 * BANDS + band]), scaled(block, cells[-2 * line + band])
    amounts[8] = amounts[9] = 0
    if block.slice > 1 and diagonal > 0:
        low_band = max(block.first_band - 1, 1)
        u = (row * low_band + diagonal // 2) // diagonal
        v = max(low_band - u, 0)
        amounts[8], amounts[9] = scaled(block, cells[n * BANDS + 8 * u + v]), scaled(block, cells[n * line + 8 * u + v])
    amounts[10] = UNIT


cdef int32_t around_band(const int16_t* w, const int32_t* amounts) noexcept nogil:
    """What the cells around contribute to an expected magnitude in a band, from `find_neighbours`."""
    cdef int32_t amount = w[8] * amounts[0]
    cdef int i
    for i in range(1, 4):
        amount += w[8 + i] * amounts[i]
    for i in range(4, NEIGHBOURS):
        amount += w[12 + i] * amounts[i]
    return amount


cdef void open_block(Block* block) noexcept nogil:
    """Computes what the neighbours contribute to expected magnitudes, unless that was done."""
    cdef const uint16_t* cells = block.magnitudes
    cdef int64_t total, other, line = block.line * BANDS
    cdef int32_t[NEIGHBOURS] amounts
    cdef int band, diagonal, i, n = block.cells
    if block.opened:
        return
    block.opened = True
    memset(block.sizes, 0, sizeof(block.sizes))
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
        find_neighbours(block, band, amounts)
        block.near[band] = around_band(block.weights, amounts)
        if block.tier:
            block.apart[band] = around_band(block.weights + 2 * block.further, amounts)
        if block.tier > 1:
            for i in range(NEIGHBOURS - 1):
                block.told[band][i] = logarithm(amounts[i])


cdef void close_block(Block* block) noexcept nogil:
    """Enters the magnitudes of a slice that is coded into the cells of the block."""
    cdef int band, diagonal, row, column, i, j
    cdef int32_t[CELL_DIAGONALS] sums
    cdef int64_t amount, line = block.line
    cdef uint16_t* cell
    cdef int32_t* cell_sums
    memset(sums, 0, sizeof(sums))
    for row in range(min(block.last_band, 7) + 1):
        for column in range(max(block.first_band - row, 0), min(block.last_band - row, 7) + 1):
            band, diagonal = 8 * row + column, row + column
            amount = block.magnitudes[band]
            if block.sizes[band]:
                amount += (<int64_t>block.sizes[band] * HALF_UNIT * block.factor) >> (RELATIVE_BITS + 2 * block.transform)
                amount = min(amount, 65000)
                for i in range(block.cells):
                    cell = block.magnitudes + i * line * BANDS + band
                    for j in range(block.cells):
                        cell[j * BANDS] = <uint16_t>amount
            sums[diagonal] += <int32_t>amount
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


cdef void expected_inside(
    const int16_t* w, const int16_t* others, const int16_t* row, const int16_t* above, const int16_t* below, int32_t* sum,
    int32_t* other,
) noexcept nogil:
    """What the magnitudes of the block contribute to the expected magnitude of a coefficient.

    Args:
        w: weights of the expected magnitude.
        others: other weights of it.
        row: magnitudes of the block on the coefficient's diagonal, by vertical frequency, at the coefficient's.
        above: those of the diagonal before.
        below: those of the one before that.
        sum: receives the sum by the weights.
        other: receives the sum by the other weights.
    """
    rl_two_sums(above - 2, below - 2, row[-1], w, others, sum, other)


cdef inline int level_of_sum(int32_t sum) noexcept nogil:
    return level_of(sum >> 6)


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


cdef void find_rest(Block* block) noexcept nogil:
    """Sums of the planes before from each diagonal on; for luma of coarser frequencies to the right and below."""
    cdef int64_t total = 0, line = block.line * BANDS
    cdef int u, d, low
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
        total += block.totals[d - block.plane * 2 * AREA]
        if block.plane == 2:
            total += 2 * block.totals[d - 2 * AREA]
        block.rest[d] = total


cdef inline void find_diagonal(const Block* block, int d, Diagonal* diagonal) noexcept nogil:
    cdef int32_t sum
    diagonal.reach = level_of(((<int64_t>block.beyond[d >> block.transform] * 8) << (2 * block.transform)) // 4 + 1) // 3
    diagonal.reach = min(diagonal.reach, 16)
    diagonal.luma = 0
    if block.plane:
        sum = block.totals[d - 2 * AREA] + block.totals[d + 1 - 2 * AREA]
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
    return node + FIRST_SHIFTED * (shift & (node <= SHIFTED_NODES))


cdef struct Survivor:
    # A path of the trellis: the best way so far into a state.
    float cost
    int sum, before, earlier  # sums of magnitudes of this and the two diagonals before
    int16_t[4][AREA + 2 * MARGIN] rows  # magnitudes of the last diagonals, by vertical frequency


cdef struct Trellis:
    Survivor[2][STATES] survivors
    int16_t[AREA_PIXELS][STATES] values
    uint8_t[AREA_PIXELS][STATES] sources


cdef void copy_survivor(Survivor* to, const Survivor* survivor, int d, int side) noexcept nogil:
    """Copies what the rest of a diagonal and those after it need of a path."""
    cdef int i, row
    to.sum, to.before, to.earlier = survivor.sum, survivor.before, survivor.earlier
    for i in range(3):
        row = (d - i) & 3
        if side == 8:
            memcpy(to.rows[row], survivor.rows[row], (8 + 2 * MARGIN) * sizeof(int16_t))
        elif side == 16:
            memcpy(to.rows[row], survivor.rows[row], (16 + 2 * MARGIN) * sizeof(int16_t))
        else:
            memcpy(to.rows[row], survivor.rows[row], sizeof(to.rows[0]))


cdef float[1 << CODE_LENGTH_BITS] CODE_LENGTHS


cdef void fill_code_lengths() noexcept nogil:
    cdef int i
    for i in range(1 << CODE_LENGTH_BITS):
        CODE_LENGTHS[i] = -log2f((<float>i + <float>0.5) / (1 << CODE_LENGTH_BITS))


fill_code_lengths()


cdef inline float bits_of(const Counter* counter, bint decision) noexcept nogil:
    """Code length of a decision by a counter, about; a small table, since it is read at random."""
    cdef int probability = counter.probability ^ (0 if decision else PROBABILITY_ONE - 1)
    return CODE_LENGTHS[probability >> (16 - CODE_LENGTH_BITS)]


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
    cdef int32_t around, inside, input
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
                expected_inside(
                    block.weights, block.weights, &survivor.rows[d & 3][u + MARGIN], &survivor.rows[(d - 1) & 3][u + MARGIN],
                    &survivor.rows[(d - 2) & 3][u + MARGIN], &inside, &inside,
                )
                level = level_of_sum(around + inside)
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
                copy_survivor(&then[k], &now[origins[k]], d, side)
                input = magnitude_input(trellis.values[step][k])
                then[k].rows[d & 3][u + MARGIN] = <int16_t>input
                then[k].sum += input
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
    return <int>min(magnitude >> UNIT_BITS, most)


cdef inline int32_t limited(int64_t input) noexcept nogil:
    return <int32_t>min(max(input, -STRETCH_LIMIT), STRETCH_LIMIT)


cdef struct Context:
    # What the contexts of a coefficient have in common.
    int place  # among the frequencies of the block
    int band
    int level  # of the expected magnitude
    int fine  # the same, from smaller magnitudes on
    int inside, outside  # levels by what lies inside of the block, and by the rest
    int edge  # 1 in the first row, 2 in the first column
    int shift
    const int16_t* row  # magnitudes of the block on the diagonal and the two before, at the coefficient's
    const int16_t* above
    const int16_t* below
    int32_t[HIDDEN] sums  # of the network


cdef void predict(
    StripState strip, const Block* block, int d, int before, int earlier, const int16_t* z, int16_t* inputs, Context* at
) noexcept nogil:
    """Runs the network for a coefficient.

    Args:
        strip: of the block.
        block: of the coefficient.
        d: diagonal of the coefficient.
        before: sum of the magnitudes of the diagonal before.
        earlier: of the one before that.
        z: magnitude of the coefficient among those of the block.
        inputs: (NETWORK_INPUTS,), written.
        at: the coefficient's; the sums are written.
    """
    cdef const int16_t* y
    cdef int i
    for i in range(4):
        inputs[i] = logarithm(at.above[i - 2])
    for i in range(3):
        inputs[4 + i] = logarithm(at.below[i - 2])
    inputs[7] = logarithm(at.row[-1])
    for i in range(NEIGHBOURS - 1):
        inputs[8 + i] = block.told[at.band][i]
    for i in range(4):
        inputs[18 + i] = 0
    if block.plane:
        y = z - block.plane * GRID
        inputs[18], inputs[19] = logarithm(y[0]), logarithm((y[-1] + y[1] + y[-SPAN] + y[SPAN]) >> 2)
    if block.plane > 1:
        y = z - GRID
        inputs[20], inputs[21] = logarithm(y[0]), logarithm((y[-1] + y[1] + y[-SPAN] + y[SPAN]) >> 2)
    inputs[22] = <int16_t>(((at.place >> (3 + block.transform)) << 6) >> block.transform)
    inputs[23] = <int16_t>(((at.place & (block.side - 1)) << 6) >> block.transform)
    inputs[24] = <int16_t>(at.shift << 6)
    inputs[25] = <int16_t>(level_of(before) << 4)
    inputs[26] = <int16_t>(level_of(block.beyond[d >> block.transform] << (2 * block.transform)) << 4)
    inputs[27] = <int16_t>(at.fine << 4)
    inputs[28] = <int16_t>(at.inside << 4)
    inputs[29] = <int16_t>(at.outside << 4)
    inputs[30] = <int16_t>(level_of(block.rest[d]) << 4)
    inputs[31] = <int16_t>(level_of(earlier) << 4)
    run_network(strip.network, inputs, sliced_kind(block), at.sums)


cdef inline int logit_level(int logit) noexcept nogil:
    return (logit + 2048) >> 6


cdef inline int mixer_level(int logit) noexcept nogil:
    return ((logit + 2048) * LEVELS) >> 12


cdef inline bint code_more(
    RangeCoder coder, StripState strip, const Block* block, const Diagonal* diagonal, int d, int before, int earlier, bint more
) noexcept nogil:
    """Codes whether anything is left in the slice of a block from a diagonal on."""
    cdef Counter* all = strip.counters.first
    cdef Mixture mixture
    cdef int sliced = sliced_kind(block), n = block.cells * block.cells, across
    cdef int steps = min(d - block.low, 15)
    cdef int64_t total, planes
    coder.state.macs += 1
    mixture.counters[0] = all + more_counter(diagonal, before, earlier)
    if block.tier == 0:
        return code_adaptive(coder, &strip.counters.adaptation, mixture.counters[0], more) != 0
    total, across = block.beyond[d >> block.transform], block.across[d >> block.transform]
    planes = block.rest[d]
    coder.state.macs += 2 * MIXED
    mixture.counters[1] = all + FIRST_MORE_PLACE + (
        (block.kind * 63 + d) * 16 + min(level_of(planes // 4) // 2, 15)
    ) * 4 + level_so_far(before, earlier)
    mixture.counters[2] = all + FIRST_MORE_SIDES + (
        (sliced * 16 + min(level_of(across * n) // 3, 15)) * 16 + min(level_of((total - across) * n) // 3, 15)
    ) * 8 + (steps >> 1)
    mixture.counters[3] = all + FIRST_MORE_SUMS + (
        (sliced * 8 + (steps >> 1)) * 8 + step_level(before, 7)
    ) * 5 + step_level(earlier, 4)
    mixture.further = rl_four(
        level_of(total * n + 1) * 24 - 512, level_of(before) * 20 - 300, level_of(planes // 4 + 1) * 20 - 400, 256
    )
    mixture.one = strip.mixers.first + MIXED * (MIX_MORE + sliced)
    mixture.other = strip.mixers.first + MIXED * (MIX_MORE_REACH + steps * 17 + diagonal.reach)
    return code_mixed(coder, &strip.counters.adaptation, &strip.mixers.tables, &mixture, more) != 0


cdef inline bint code_nonzero(
    RangeCoder coder, StripState strip, const Block* block, const Diagonal* diagonal, const Context* at, bint nonzero
) noexcept nogil:
    """Codes whether a coefficient is not zero."""
    cdef Counter* likely
    cdef Mixture mixture
    cdef int first, second, third, pattern, logit
    mixture.counters[0] = block.counters + nonzero_counter(diagonal, at.level, at.edge > 0, at.shift)
    if block.tier == 0:
        return code_adaptive(coder, &strip.counters.adaptation, mixture.counters[0], nonzero) != 0
    first, second, third = step_level(at.above[0], 2), step_level(at.above[-1], 2), step_level(at.below[-1], 2)
    pattern = ((first * 3 + second) * 3 + third) * 3 + step_level(at.below[0], 2)
    pattern = (pattern * 2 + step_level(at.below[-2], 1)) * 2 + step_level(at.row[-1], 1)
    mixture.counters[1] = block.nonzero_place + at.place * PLACE_LEVELS * 2 + (at.level >> 2) * 2 + at.shift
    mixture.counters[2] = block.nonzero_parts + (at.inside >> 1) * PARTS * 2 + (at.outside >> 1) * 2 + at.shift
    mixture.counters[3] = block.counters + FIRST_NONZERO_PATTERN + (
        (pattern * PLANES + block.plane) * 16 + at.outside // 3
    ) * 2 + at.shift
    mixture.one = block.mix_nonzero + MIXED * (at.edge * 8 + min(first + second, 3) * 2 + at.shift)
    mixture.other = block.mix_level + MIXED * KINDS * at.level
    if block.tier == 1:
        mixture.further = rl_four(limited(at.fine * 24 - 500), at.outside * 24 - 384, 0, 256)
        return code_mixed(coder, &strip.counters.adaptation, &strip.mixers.tables, &mixture, nonzero) != 0
    logit = logit_of(at.sums[0])
    mixture.other = block.mix_level + MIXED * KINDS * mixer_level(logit)
    likely = block.counters + FIRST_NONZERO_LOGIT + (block.kind * LOGIT_LEVELS + logit_level(logit)) * 2 + at.shift
    mixture.further = rl_four(
        logit, stretched(&strip.mixers.tables, likely), at.outside * 24 - 384, 256
    )
    nonzero = code_mixed(coder, &strip.counters.adaptation, &strip.mixers.tables, &mixture, nonzero) != 0
    update(&strip.counters.adaptation, likely, nonzero)
    return nonzero


cdef inline int64_t code_size(
    RangeCoder coder, StripState strip, const Block* block, const Context* at, int64_t magnitude
) noexcept nogil:
    """Codes the magnitude of a coefficient that is not zero."""
    cdef Counter* chain = block.counters + chain_counter(block, at.level)
    cdef Counter* place
    cdef Counter* parts
    cdef Counter* pattern
    cdef int32_t* others
    cdef const Adaptation* adaptation = &strip.counters.adaptation
    cdef Counter* likely
    cdef Mixture mixture
    cdef int node, about, logit
    cdef bint more
    if block.tier == 0:
        return code_greater(coder, adaptation, chain, magnitude, at.shift)
    about = (step_level(at.above[0], 3) * 4 + step_level(at.above[-1], 3)) * 4 + step_level(at.below[-1], 3)
    about = about * 3 + step_level(at.row[-1], 2)
    place = block.greater_place + at.place * (LONGEST_CHAIN - 1) - 1
    parts = block.greater_parts + ((at.inside >> 1) * PARTS + (at.outside >> 1)) * (LONGEST_CHAIN - 1) - 1
    pattern = block.counters + FIRST_GREATER_PATTERN - 1 + (
        (about * PLANES + block.plane) * 8 + at.outside // 6
    ) * (LONGEST_CHAIN - 1)
    others = block.mix_greater_level + MIXED * KINDS * at.level
    likely = NULL
    mixture.further = rl_four(limited(at.fine * 24 - 600), at.outside * 24 - 500, 0, 256)
    for node in range(1, LONGEST_CHAIN):
        mixture.counters[0] = chain + node_counter(node, at.shift)
        mixture.counters[1], mixture.counters[2], mixture.counters[3] = place + node, parts + node, pattern + node
        mixture.one = block.mix_greater + MIXED * (node - 1)
        mixture.other = others + MIXED * LEVELS * KINDS * min(node - 1, 2)
        if block.tier > 1:
            logit = logit_of(at.sums[node])
            mixture.other = block.mix_greater_level + MIXED * KINDS * (mixer_level(logit) + LEVELS * min(node - 1, 2))
            likely = block.counters + FIRST_GREATER_LOGIT + (
                (block.kind * LOGIT_LEVELS + logit_level(logit)) * (LONGEST_CHAIN - 1) + node - 1
            )
            mixture.further = rl_four(
                logit, stretched(&strip.mixers.tables, likely), at.outside * 24 - 500, 256
            )
        more = code_mixed(coder, adaptation, &strip.mixers.tables, &mixture, magnitude > node) != 0
        if likely != NULL:
            update(adaptation, likely, more)
        if not more:
            coder.state.macs += 2 * MIXED * node
            return node
    coder.state.macs += 2 * MIXED * (LONGEST_CHAIN - 1)
    return LONGEST_CHAIN + code_tail(coder, adaptation, chain + FIRST_TAIL, TAIL, ESCAPE_DIGITS, magnitude - LONGEST_CHAIN)


cdef inline void find_context(
    const Block* block, int u, int v, const int16_t* z, const int16_t* row, const int16_t* above, const int16_t* below,
    Context* at,
) noexcept nogil:
    """Finds what the contexts of a coefficient have in common; arguments as `expected_around` and `expected_inside`."""
    cdef const int16_t* w = block.weights
    cdef const int16_t* inner = w + block.further
    cdef int32_t sum, inside
    cdef int digits
    at.band = ((u >> block.transform) << 3) + (v >> block.transform)
    expected_inside(w, inner, row, above, below, &sum, &inside)
    sum += expected_around(block, w, block.near[at.band], z)
    at.edge = 1 if u == 0 else (2 if v == 0 else 0)
    if block.tier == 0:
        at.level = level_of_sum(sum)
        return
    # The levels of sum >> 2 and sum >> 6, which are four octaves apart.
    sum = max(sum, 63)
    digits = rl_log2(<uint64_t>sum)
    at.fine = (digits - 6) * 4 + ((sum >> (digits - 2)) & 3) + 1
    at.level = min(max(at.fine - 16, 0), LEVELS - 1)
    at.fine = min(at.fine, LEVELS - 1)
    at.place = block.side * u + v
    at.inside = level_of_sum(inside + inner[22] * UNIT)
    at.outside = level_of_sum(expected_around(block, inner + block.further, block.apart[at.band], z))
    at.row, at.above, at.below = row, above, below


cdef void record_coefficient(StripState strip, const Block* block, const int16_t* inputs, int64_t magnitude) noexcept nogil:
    memcpy(&strip.recorded[strip.records, 0], inputs, NETWORK_INPUTS * sizeof(int16_t))
    strip.recorded_values[strip.records, 0] = <uint8_t>sliced_kind(block)
    strip.recorded_values[strip.records, 1] = <uint8_t>min(magnitude, NODES)
    strip.records += 1


cdef void code_block(
    RangeCoder coder, StripState strip, Block* block, const Source* source, Trellis* trellis
) noexcept nogil:
    """Codes a slice of a plane of a block.

    Args:
        coder: in its direction.
        strip: of the block.
        block: found.
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
    cdef int sign
    cdef int16_t* z
    cdef int16_t[NETWORK_INPUTS] inputs
    cdef int64_t macs = 0, spent = 2 * (INPUTS + MIXED) + (NETWORK_MACS if block.tier > 1 else 0) if block.tier else INPUTS
    survey_block(block)
    if block.tier:
        find_rest(block)
        find_mixtures(strip, block)
    memset(rows, 0, sizeof(rows))
    for d in range(max(block.low - 2, 1), block.low):
        before = 0
        for u in range(first_of(d, side), past_of(d, side)):
            rows[d & 3][u + MARGIN] = block.grid[u * SPAN + d - u]
            before += block.grid[u * SPAN + d - u]
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
            macs += spent
            if block.tier > 1:
                predict(strip, block, d, before, earlier, z, inputs, &at)
            if source != NULL:
                negative = chosen[place] < 0
                magnitude = ((-chosen[place] if negative else chosen[place]) + at.shift) >> 1
            if code_nonzero(coder, strip, block, &diagonal, &at, magnitude > 0):
                magnitude = code_size(coder, strip, block, &at, magnitude)
                sign = <int>code_half(coder, negative)
                if coder.state.exhausted:
                    break
                block.values[place] = <int16_t>min(2 * magnitude - at.shift, LARGEST_VALUE)
                block.filled = True
                z[0] = rows[d & 3][u + MARGIN] = magnitude_input(block.values[place])
                sum += z[0]
                block.sizes[at.band] += block.values[place]
                block.values[place] = <int16_t>((block.values[place] ^ -sign) + sign)
            else:
                magnitude = 0
            if block.tier > 1 and strip.records < strip.recorded.shape[0]:
                record_coefficient(strip, block, inputs, magnitude)
            state = NEXT_STATE[state][magnitude & 1]
        if coder.state.exhausted:
            return
        earlier, before, block.totals[d] = before, sum, sum
    strip.states[block.plane] = state
    coder.state.macs += macs


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
        west >>= block.transform
    if known[-line]:
        for i in range(n):
            north += mean[i - line]
        north >>= block.transform
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
        rest = -magnitude if code_half(coder, rest < 0) else magnitude
    else:
        rest = magnitude = 0
    if coder.state.exhausted:
        return
    value = min(max(expected + rest, -LARGEST_VALUE), LARGEST_VALUE)
    block.values[0] = <int16_t>value
    value = (value * block.factor << MEAN_BITS >> RELATIVE_BITS) >> (3 + block.transform)
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


cdef int code_tier(RangeCoder coder, int tier) noexcept nogil:
    """Codes the tier of a segment."""
    if not code_half(coder, tier > 0):
        return 0
    return 1 + <int>code_half(coder, tier > 1)


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
    cdef int i, j, plane, count, k
    if coder.state.direction == ENCODE:
        used = &source
        source.weight, source.luma = weight, luma
    strip.tier = code_tier(coder, strip.tier)
    for y in range(strip.values.shape[0]):
        for x in range(strip.values.shape[1]):
            if coder.state.exhausted:
                return
            if strip.splits[y, x] == RASTER:
                continue
            if slice == 0:
                code_choices(coder, strip, y, x)
                if coder.state.exhausted:
                    return
            count = places_of(strip.splits[y, x], places)
            for i in range(count):
                row = y * AREA_CELLS + places[i].row + CELL_PAD
                column = x * AREA_CELLS + places[i].column + CELL_PAD
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
                        code_block(coder, strip, &block, used, trellis)
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
