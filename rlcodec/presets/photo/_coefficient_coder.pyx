"""Codes the coefficients of a strip of blocks, in either direction; `rlcodec.presets.photo.coefficient_coder` says how."""

import numpy as np

from libc.math cimport fabs, floor, log2, rint
from libc.stdint cimport int16_t, int32_t, int64_t
from libc.string cimport memcpy

from rlcodec.core._int16_products cimport activate, multiply_columns
from rlcodec.core._integer_mlp cimport LOGIT_LIMIT, ContextNet, Layers, add_rows, clip, code_tree, run_dense
from rlcodec.core._range_coder cimport COST_UNIT, ENCODE, PROBABILITY_ONE, RangeCoder, code_decision
from rlcodec.core.compiler cimport cloned

from rlcodec.core.int16_products import to_pairs
from rlcodec.errors import ModelError

cdef enum:
    HALF = PROBABILITY_ONE >> 1
    BLOCK_LOGS = SPAN * SPAN

# Estimates by which `choose_extents` weighs coefficients before any network has run: bits of a zero, bits of a magnitude of 1,
# and the magnitude from which on a coefficient is sent.
cdef double ZERO_BITS = 0.1, ONE_BITS = 3.5, SMALLEST_SENT = 0.6
cdef double NEAR = 0.3  # fractions below are rounded down


cdef class PhotoNets:
    """The integer networks: one for the coefficients of luma, one for those of chroma, and one for the blocks' extents.

    Raises:
        ModelError: a network does not fit this version.
    """

    def __init__(self, ContextNet luma, ContextNet chroma, ContextNet extent):
        self.luma, self.chroma, self.extent = luma, chroma, extent
        for name, net, shape in (
            ("luma", luma, (INPUTS, ROWS)),
            ("chroma", chroma, (INPUTS, ROWS)),
            ("extent", extent, (EXTENT_INPUTS, EXTENT_ROWS)),
        ):
            if (len(net.first), len(net.rows)) != shape:
                raise ModelError(f"the weights of preset photo do not fit this version: {name} has {len(net.first)} inputs")
        if len(luma.nodes) != LONGEST_CHAIN or len(chroma.nodes) != LONGEST_CHAIN:
            raise ModelError(f"the networks of preset photo have {len(luma.nodes)} and {len(chroma.nodes)} decisions")
        if np.min(extent.children) < -DIAGONALS:
            raise ModelError(f"the network of extents codes more than {DIAGONALS} symbols")
        self.luma_nodes, self.chroma_nodes = (to_pairs(np.asarray(net.nodes).T) for net in (luma, chroma))


cdef class StripState:
    """What has been coded of a strip of blocks, of which there is nothing at first.

    Args:
        rows: of blocks.
        columns: of blocks.
        offsets: int64 (GATHERED,), from `rlcodec.presets.photo.coefficient_coder.gather_offsets`.
        log_table: int16 (n,), INPUT_SCALE * log2(1 + magnitude); magnitudes beyond count as n - 1.

    Attributes:
        values: int16 (PLANES, rows, columns, BLOCK, BLOCK), quantised coefficients.
        extents: int16 (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD).
        logs: int16 (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD, SPAN, SPAN), logarithms of magnitudes.
        diagonals: int32 (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD, DIAGONALS + 1), sums of magnitudes from each
            diagonal on.
    """

    def __init__(self, rows, columns, const int64_t[::1] offsets, const int16_t[::1] log_table):
        around = (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD)
        self.values = np.zeros((PLANES, rows, columns, BLOCK, BLOCK), np.int16)
        self.extents = np.zeros(around, np.int16)
        self.logs = np.zeros((*around, SPAN, SPAN), np.int16)
        self.diagonals = np.zeros((*around, DIAGONALS + 1), np.int32)
        self.offsets, self.log_table = offsets, log_table
        if offsets.shape[0] != GATHERED or not log_table.shape[0]:
            raise ValueError(f"contexts have {GATHERED} magnitudes around and a table of logarithms")


cdef class CoefficientLayers(Layers):
    """Layers of a network that codes coefficients.

    Attributes:
        nodes: int16, weights of all decisions in pairs: computing all of them takes no longer than computing one.
        logits: int32, sums of the decisions.
        shared: int32, sums of the first layer over what the contexts on a diagonal share.
    """

    def __init__(self, ContextNet net, const int16_t[:, :, ::1] nodes):
        super().__init__(net)
        self.nodes = nodes
        self.logits = np.zeros(nodes.shape[1], np.int32)
        self.shared = np.zeros(self.first.shape[0], np.int32)


cdef class ScratchBuffers:
    """Buffers that coding with some networks reuses: the layers of each network."""

    def __init__(self, PhotoNets nets):
        self.luma = CoefficientLayers(nets.luma, nets.luma_nodes)
        self.chroma = CoefficientLayers(nets.chroma, nets.chroma_nodes)
        self.extent = Layers(nets.extent)


cdef void find_block(StripState strip, Block* block, int64_t plane, int64_t y, int64_t x) noexcept nogil:
    """Finds a plane of a block in a strip, all but its sums."""
    cdef int64_t by = y + BLOCK_PAD, bx = x + BLOCK_PAD
    block.plane = plane
    block.values = &strip.values[plane, y, x, 0, 0]
    block.logs = &strip.logs[plane, by, bx, FREQUENCY_PAD, FREQUENCY_PAD]
    block.diagonals = &strip.diagonals[plane, by, bx, 0]
    block.extent = &strip.extents[plane, by, bx]
    block.line = strip.extents.shape[2]
    block.whole = block.line * strip.extents.shape[1]


cdef void open_block(Block* block) noexcept nogil:
    """Computes a block's sums of magnitudes by diagonal from those from each diagonal on, and the sum of all."""
    cdef int d
    for d in range(DIAGONALS):
        block.sums[d] = block.diagonals[d] - block.diagonals[d + 1]
    block.total = block.diagonals[0]


cdef void close_block(Block* block) noexcept nogil:
    """Inverse of `open_block`."""
    cdef int64_t total = 0
    cdef int d
    for d in range(DIAGONALS - 1, -1, -1):
        total += block.sums[d]
        block.diagonals[d] = <int32_t>total


cdef inline int16_t log_of(StripState strip, int64_t amount) noexcept nogil:
    return strip.log_table[min(amount, strip.log_table.shape[0] - 1)]


cdef inline int16_t reach(int64_t extent, int64_t diagonal) noexcept nogil:
    return <int16_t>(REACH_SCALE * max(extent - diagonal + 1, 0))


cdef inline int64_t gathered_of(int64_t plane) noexcept nogil:
    """How many inputs are magnitudes; the planes before are the last of them."""
    return GATHERED - (PLANES - 1 - plane) * ACROSS


cdef inline void diagonal_context(
    StripState strip, const Block* block, int64_t gain, int64_t d, int16_t* inputs, int64_t* selected
) noexcept nogil:
    """Writes what the contexts of all coefficients on a diagonal share; arguments as `context_of`."""
    cdef const int32_t* left = block.diagonals - (DIAGONALS + 1)
    cdef const int32_t* above = block.diagonals - block.line * (DIAGONALS + 1)
    cdef const int32_t* before = block.diagonals - block.whole * (DIAGONALS + 1)
    cdef const int16_t* extent = block.extent
    cdef int16_t* sums = inputs + GATHERED
    cdef int16_t* reaches = inputs + GATHERED + SUMS
    cdef int64_t i
    for i in range(gathered_of(block.plane), INPUTS):
        inputs[i] = 0
    sums[0], sums[1] = log_of(strip, left[d] - left[d + 1]), log_of(strip, left[d + 1])
    sums[2], sums[3] = log_of(strip, above[d] - above[d + 1]), log_of(strip, above[d + 1])
    if block.plane > 0:
        sums[7] = log_of(strip, before[d])
    selected[BY_LEFT_OVER] = FIRST_LEFT_OVER + DIAGONALS
    selected[BY_GAIN] = FIRST_GAIN + gain
    if d == 0:
        return
    sums[4], sums[5] = log_of(strip, block.sums[d - 1]), log_of(strip, block.sums[d - 2] if d > 1 else 0)
    sums[6] = log_of(strip, block.total)
    reaches[0], reaches[1] = reach((extent - 1)[0], d), reach((extent - block.line)[0], d)
    reaches[2], reaches[3] = reach(extent[1], d), reach(extent[block.line], d)
    for i in range(block.plane):
        reaches[BESIDE + i] = reach(extent[-(i + 1) * block.whole], d)
    selected[BY_LEFT_OVER] = FIRST_LEFT_OVER + extent[0] - d


cdef inline int64_t frequency_context(
    StripState strip, const Block* block, int64_t u, int64_t v, int16_t* inputs, int64_t* selected
) noexcept nogil:
    """Writes the rest of the context of a coefficient, and returns how many magnitudes around it are not 0."""
    cdef const int16_t* near = block.logs + u * SPAN + v
    cdef const int64_t* offsets = &strip.offsets[0]
    cdef int64_t i, count = 0
    cdef int16_t value
    for i in range(gathered_of(block.plane)):
        value = near[offsets[i]]
        inputs[i] = value
        count += value != 0
    selected[BY_FREQUENCY] = (block.plane * BLOCK + u) * BLOCK + v
    return count


cdef void context_of(
    StripState strip, const Block* block, int64_t gain, int64_t u, int64_t v, int16_t* inputs, int64_t* selected
) noexcept nogil:
    """Writes the context of one coefficient: the network's inputs and its learned rows.

    Args:
        strip: what is known.
        block: of the coefficient, with the sums of its magnitudes so far.
        gain: index of the quantiser's step.
        u: vertical frequency.
        v: horizontal frequency; both are 0 of the constant coefficient.
        inputs: INPUTS or more, receives the inputs.
        selected: SELECTED, receives the learned rows.
    """
    diagonal_context(strip, block, gain, u + v, inputs, selected)
    frequency_context(strip, block, u, v, inputs, selected)


cdef int64_t record_magnitude(StripState strip, Block* block, int64_t u, int64_t v, int64_t magnitude) noexcept nogil:
    """Enters a magnitude into the context of what follows; returns what it adds to sums over diagonals."""
    cdef int64_t small = min(magnitude, strip.log_table.shape[0] - 1)
    block.logs[u * SPAN + v] = strip.log_table[small]
    return small


def choose_extents(const float[:, :, :, :, ::1] coefficients, double weight, StripState strip):
    """Chooses the extents: how many diagonals of each block are worth their bits.

    Args:
        coefficients: float32 (PLANES, rows, columns, BLOCK, BLOCK), in quantiser steps.
        weight: squared quantiser steps that a bit is worth.
        strip: receives the extents.
    """
    cdef int64_t plane, y, x
    check_coefficients(coefficients, strip)
    with nogil:
        for plane in range(PLANES):
            for y in range(coefficients.shape[1]):
                for x in range(coefficients.shape[2]):
                    strip.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD] = extent_of(&coefficients[plane, y, x, 0, 0], weight)


cdef int16_t extent_of(const float* block, double weight) noexcept nogil:
    cdef double[DIAGONALS] worth
    cdef double zero = weight * ZERO_BITS, best = 0, total = 0, size, rest
    cdef int16_t extent = 0
    cdef int d, u, v
    for d in range(DIAGONALS):
        worth[d] = 0
    for u in range(BLOCK):
        for v in range(BLOCK):
            size = fabs(<double>block[BLOCK * u + v])
            worth[u + v] -= zero
            if size > SMALLEST_SENT:
                rest = size - floor(size + 0.5)
                worth[u + v] += size * size - rest * rest - weight * (ONE_BITS + 2 * log2(size + 0.5))
    for d in range(1, DIAGONALS):
        total += worth[d]
        if total > best:
            best, extent = total, <int16_t>d
    return extent


cdef void extent_context(const Block* block, int64_t gain, int16_t* inputs, int64_t* selected) noexcept nogil:
    """Writes the context of a block's extent: EXTENT_INPUTS inputs and EXTENT_SELECTED learned rows."""
    cdef const int16_t* extent = block.extent
    inputs[0] = (extent - 1)[0] * EXTENT_SCALE
    inputs[1] = extent[-block.line] * EXTENT_SCALE
    inputs[2] = extent[-block.line - 1] * EXTENT_SCALE
    inputs[3] = extent[-block.line + 1] * EXTENT_SCALE
    inputs[4] = (extent - 2)[0] * EXTENT_SCALE
    inputs[5] = extent[-block.whole] * EXTENT_SCALE if block.plane > 0 else 0
    inputs[6] = extent[-2 * block.whole] * EXTENT_SCALE if block.plane > 1 else 0
    inputs[7] = block.logs[0] & -EXTENT_SCALE
    selected[0] = block.plane
    selected[1] = PLANES + gain


cdef int64_t code_number(RangeCoder coder, int64_t value, int64_t first) noexcept nogil:
    """Codes a number that is not negative by an Exp-Golomb code of order `first`."""
    cdef int64_t bits = first, one = 1, more
    while bits < first + ESCAPE_BITS:
        more = code_decision(coder, HALF, value >= one << bits)
        if coder.state.exhausted:
            return 0
        if not more:
            break
        value -= one << bits
        bits += 1
    return (one << bits) - (one << first) + code_bits(coder, value, bits)


cdef int64_t code_bits(RangeCoder coder, int64_t value, int64_t bits) noexcept nogil:
    """Codes the lowest `bits` binary digits of a number with probability 1/2 each."""
    cdef int64_t out = 0, i
    for i in range(bits - 1, -1, -1):
        out = 2 * out + code_decision(coder, HALF, (value >> i) & 1)
        if coder.state.exhausted:
            return 0
    return out


cdef inline int64_t probability_of(ContextNet net, const int32_t* logits, int64_t node) noexcept nogil:
    """As `rlcodec.core._integer_mlp.node_probability`, from the sums of all decisions."""
    cdef int64_t shift = net.shifts[2]
    cdef int32_t logit = (logits[node] + <int32_t>((1 << shift) >> 1)) >> shift
    return net.sigmoid[clip(logit + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)]


cdef inline int64_t code_magnitude(RangeCoder coder, ContextNet net, const int32_t* logits, int64_t value) noexcept nogil:
    """Codes a magnitude along the chain of the network's nodes."""
    cdef int64_t node
    for node in range(LONGEST_CHAIN):
        coder.state.macs += net.nodes.shape[1]
        if not code_decision(coder, probability_of(net, logits, node), value > node):
            return node
    return LONGEST_CHAIN + code_number(coder, value - LONGEST_CHAIN, 0)


cdef int64_t cheaper(
    RangeCoder coder, ContextNet net, const int32_t* logits, double target, double weight
) noexcept nogil:
    """The one of the two magnitudes around a target that has the smaller sum of squared error and `weight` times cost."""
    cdef int64_t low = <int64_t>target, p, cost_high
    cdef double below = target - <double>low, above = <double>(low + 1) - target
    if low >= LONGEST_CHAIN or below < NEAR:
        return <int64_t>(target + 0.5)
    p = probability_of(net, logits, low)
    cost_high = coder.costs[p]
    if low == 0:
        cost_high += COST_UNIT
    if low + 1 < LONGEST_CHAIN:
        cost_high += coder.costs[PROBABILITY_ONE - probability_of(net, logits, low + 1)]
    if below * below + weight * <double>coder.costs[PROBABILITY_ONE - p] <= above * above + weight * <double>cost_high:
        return low
    return low + 1


cdef int64_t predicted_constant(const int16_t* values, int64_t columns, int64_t y, int64_t x) noexcept nogil:
    """Prediction of a block's constant coefficient by its neighbours.

    Args:
        values: of the block; those of its row of blocks are before it, and those of the row above before them.
        columns: of blocks.
        y: row of the block.
        x: column of the block.
    """
    cdef int64_t west = values[-AREA] if x else 0, north = values[-columns * AREA] if y else 0, corner
    if x == 0 or y == 0:
        return west + north
    corner = values[-(columns + 1) * AREA]
    if corner >= max(west, north):
        return min(west, north)
    if corner <= min(west, north):
        return max(west, north)
    return west + north - corner


cdef int64_t constant_shift(StripState strip, const Block* block) noexcept nogil:
    """How many low binary digits of the constant's difference have probability 1/2, from the neighbours' differences."""
    cdef int64_t near = <int64_t>block.logs[-BLOCK_LOGS] + block.logs[-block.line * BLOCK_LOGS]
    return max(near // (2 * INPUT_SCALE) - 2, 0)


cdef int check_coefficients(const float[:, :, :, :, ::1] coefficients, StripState strip) except -1:
    cdef int i
    for i in range(5):
        if coefficients.shape[i] != strip.values.shape[i]:
            raise ValueError("the sizes of coefficients and strip do not fit")
    return 0


cdef int check_arguments(
    RangeCoder coder, StripState strip, const float[:, :, :, :, ::1] coefficients, int64_t gain
) except -1:
    if not 0 <= gain < GAINS:
        raise ValueError(f"gain {gain} is not from 0 to {GAINS - 1}")
    if coder.state.direction == ENCODE:
        if coefficients is None:
            raise ValueError("encoding takes coefficients")
        check_coefficients(coefficients, strip)
    return 0


cdef cloned add_row(int32_t* sums, const int32_t* others, const int32_t* row, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(width):
        sums[j] = others[j] + row[j]


cdef cloned add_product(int32_t* sums, const int16_t* row, int32_t value, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(width):
        sums[j] += value * row[j]


cdef inline int64_t nonzero_in(const int16_t* inputs, int64_t count) noexcept nogil:
    """How many inputs are not 0."""
    cdef int64_t i, nonzero = 0
    for i in range(count):
        nonzero += inputs[i] != 0
    return nonzero


cdef inline void reset_sums(ContextNet net, CoefficientLayers layers) noexcept nogil:
    """Sets the sums of the second layer and of the decisions to their biases.

    Sums are prepared well before they are needed: processors read them in wider pieces than they were written in, which takes
    long while they are on their way to memory.
    """
    memcpy(&layers.second[0], &net.second_bias[0], <size_t>net.second_bias.shape[0] * sizeof(int32_t))
    memcpy(&layers.logits[0], &net.node_bias[0], LONGEST_CHAIN * sizeof(int32_t))


cdef inline int64_t run_layers(ContextNet net, CoefficientLayers layers) noexcept nogil:
    """Computes `layers.logits` from the sums of the first layer; the other sums are their biases.

    Returns:
        Multiply-accumulates of the second layer with nonzero values.
    """
    cdef Py_ssize_t width = layers.second.shape[0], nodes = layers.nodes.shape[1]
    cdef int64_t count = activate(&layers.first[0], layers.first.shape[0], net.shifts[0], &layers.hidden[0])
    multiply_columns(
        &layers.hidden[0], &net.second_pairs[0, 0, 0], net.second_pairs.shape[0], 2 * width, width, &layers.second[0]
    )
    activate(&layers.second[0], width, net.shifts[1], &layers.last[0])
    multiply_columns(
        &layers.last[0], &layers.nodes[0, 0, 0], layers.nodes.shape[0], 2 * nodes, nodes, &layers.logits[0]
    )
    return count * net.second_bias.shape[0]


cdef void code_constant(
    RangeCoder coder, ContextNet net, CoefficientLayers layers, StripState strip, Block* block, int64_t expected,
    int64_t difference, int64_t gain,
) noexcept nogil:
    """Codes the difference of a constant coefficient from what is expected."""
    cdef int64_t shift = constant_shift(strip, block), size = -difference if difference < 0 else difference, magnitude
    cdef int64_t[SELECTED] selected
    cdef int16_t* inputs = &layers.inputs[0]
    cdef Py_ssize_t columns = net.first_pairs.shape[1]
    reset_sums(net, layers)
    context_of(strip, block, gain, 0, 0, inputs, selected)
    add_rows(&layers.first[0], net.rows, selected, SELECTED)
    multiply_columns(inputs, &net.first_pairs[0, 0, 0], INPUTS >> 1, 2 * columns, columns, &layers.first[0])
    coder.state.macs += (SELECTED + nonzero_in(inputs, INPUTS)) * net.rows.shape[1] + run_layers(net, layers)
    magnitude = code_magnitude(coder, net, &layers.logits[0], size >> shift) << shift
    magnitude += code_bits(coder, size, shift)
    if magnitude and not coder.state.exhausted and code_decision(coder, HALF, difference < 0):
        difference = -magnitude
    else:
        difference = magnitude
    if not coder.state.exhausted:
        block.values[0] = <int16_t>clip(expected + difference, -LARGEST_VALUE, LARGEST_VALUE)
        record_magnitude(strip, block, 0, 0, magnitude)


cdef void code_extent(RangeCoder coder, ContextNet net, Layers layers, Block* block, int64_t gain) noexcept nogil:
    """Codes how many diagonals of a block hold anything."""
    cdef int64_t[EXTENT_SELECTED] selected
    cdef int64_t extent
    extent_context(block, gain, &layers.inputs[0], selected)
    coder.state.macs += run_dense(net, layers, selected, EXTENT_SELECTED)
    extent = code_tree(coder, net, &layers.last[0], 0, block.extent[0])
    if not coder.state.exhausted:
        block.extent[0] = <int16_t>extent


cdef void code_all_constants(
    RangeCoder coder, PhotoNets nets, StripState strip, ScratchBuffers scratch,
    const float[:, :, :, :, ::1] coefficients, int64_t gain,
) noexcept nogil:
    cdef int64_t y, x, plane, expected, difference = 0
    cdef bint encoding = coder.state.direction == ENCODE
    cdef Block block
    for y in range(strip.values.shape[1]):
        for x in range(strip.values.shape[2]):
            for plane in range(PLANES):
                find_block(strip, &block, plane, y, x)
                expected = predicted_constant(block.values, strip.values.shape[2], y, x)
                if encoding:
                    difference = <int64_t>rint(coefficients[plane, y, x, 0, 0]) - expected
                if plane == 0:
                    code_constant(coder, nets.luma, scratch.luma, strip, &block, expected, difference, gain)
                else:
                    code_constant(coder, nets.chroma, scratch.chroma, strip, &block, expected, difference, gain)
                if coder.state.exhausted:
                    return
                code_extent(coder, nets.extent, scratch.extent, &block, gain)
                if coder.state.exhausted:
                    return


def code_constants(
    RangeCoder coder, PhotoNets nets, StripState strip, ScratchBuffers scratch, const float[:, :, :, :, ::1] coefficients,
    int64_t gain,
):
    """Codes the first slice: the constant coefficient and the extent of every block and plane, until the data are exhausted.

    Args:
        coder: codes in its direction.
        nets: the networks.
        strip: encoding reads `extents`, both directions write `values`.
        scratch: of the networks.
        coefficients: float32 (PLANES, rows, columns, BLOCK, BLOCK), in quantiser steps; only read when encoding, else None.
        gain: index of the quantiser's step.
    """
    check_arguments(coder, strip, coefficients, gain)
    with nogil:
        code_all_constants(coder, nets, strip, scratch, coefficients, gain)


cdef void code_block(
    RangeCoder coder, ContextNet net, CoefficientLayers layers, StripState strip, Block* block, const float* coefficients,
    int64_t gain, double weight, int64_t low, int64_t last,
) noexcept nogil:
    """Codes diagonals `low` to `last` of a block.

    What the contexts on a diagonal share is computed and multiplied once for all of them: the inputs after the gathered ones,
    and two of the learned rows.

    Args:
        coefficients: (BLOCK, BLOCK), in quantiser steps, or NULL when decoding.
        weight: squared quantiser steps that 1/COST_UNIT bit is worth.
    """
    cdef int16_t* inputs = &layers.inputs[0]
    cdef int32_t* shared = &layers.shared[0]
    cdef int32_t* first = &layers.first[0]
    cdef const int16_t* weights = &net.first_pairs[0, 0, 0]
    cdef Py_ssize_t width = net.rows.shape[1], columns = net.first_pairs.shape[1], stride = 2 * columns
    cdef Py_ssize_t gathered_pairs = (gathered_of(block.plane) + 1) >> 1
    cdef int64_t[SELECTED] selected
    cdef int64_t d, u, v, start, stop, nonzero, magnitude, small, change
    cdef const int32_t* row
    cdef float target = 0
    reset_sums(net, layers)
    open_block(block)
    for d in range(low, last + 1):
        diagonal_context(strip, block, gain, d, inputs, selected)
        nonzero = SELECTED + nonzero_in(inputs + GATHERED, INPUTS - GATHERED)
        add_row(shared, &net.rows[selected[BY_LEFT_OVER], 0], &net.rows[selected[BY_GAIN], 0], width)
        multiply_columns(
            inputs + GATHERED, weights + (GATHERED >> 1) * stride, (INPUTS - GATHERED) >> 1, stride, columns, shared
        )
        start, stop = max(0, d - BLOCK + 1), min(d, BLOCK - 1) + 1
        row = &net.rows[(block.plane * BLOCK + start) * BLOCK + d - start, 0]
        add_row(first, shared, row, width)
        for u in range(start, stop):
            v = d - u
            coder.state.macs += (nonzero + frequency_context(strip, block, u, v, inputs, selected)) * width
            multiply_columns(inputs, weights, gathered_pairs, stride, columns, first)
            coder.state.macs += run_layers(net, layers)
            row += (BLOCK - 1) * width  # of the next coefficient
            if u + 1 < stop:
                add_row(first, shared, row, width)
            magnitude = 0
            if coefficients:
                target = coefficients[u * BLOCK + v]
                magnitude = cheaper(coder, net, &layers.logits[0], fabs(target), weight)
            magnitude = code_magnitude(coder, net, &layers.logits[0], magnitude)
            reset_sums(net, layers)
            if magnitude and not coder.state.exhausted:
                small = min(magnitude, LARGEST_VALUE)
                block.values[u * BLOCK + v] = <int16_t>(-small if code_decision(coder, HALF, target < 0) else small)
                small = record_magnitude(strip, block, u, v, magnitude)
                block.sums[d] += small
                block.total += small
                change = log_of(strip, block.total) - inputs[ALL_SO_FAR]
                if change:
                    nonzero -= inputs[ALL_SO_FAR] != 0
                    inputs[ALL_SO_FAR] += <int16_t>change
                    nonzero += inputs[ALL_SO_FAR] != 0
                    add_product(shared, &net.first[ALL_SO_FAR, 0], <int32_t>change, width)
                    if u + 1 < stop:
                        add_row(first, shared, row, width)
            if coder.state.exhausted:
                return
    close_block(block)


cdef void code_all_diagonals(
    RangeCoder coder, PhotoNets nets, StripState strip, ScratchBuffers scratch,
    const float[:, :, :, :, ::1] coefficients, int64_t gain, double weight, int64_t low, int64_t high,
) noexcept nogil:
    cdef int64_t y, x, plane, last
    cdef bint encoding = coder.state.direction == ENCODE
    cdef const float* block_coefficients = NULL
    cdef Block block
    for y in range(strip.values.shape[1]):
        for x in range(strip.values.shape[2]):
            for plane in range(PLANES):
                find_block(strip, &block, plane, y, x)
                last = min(<int64_t>block.extent[0], high)
                if last < low:
                    continue
                if encoding:
                    block_coefficients = &coefficients[plane, y, x, 0, 0]
                if plane == 0:
                    code_block(
                        coder, nets.luma, scratch.luma, strip, &block, block_coefficients, gain, weight, low, last
                    )
                else:
                    code_block(
                        coder, nets.chroma, scratch.chroma, strip, &block, block_coefficients, gain, weight, low, last
                    )
                if coder.state.exhausted:
                    return


def code_diagonals(
    RangeCoder coder, PhotoNets nets, StripState strip, ScratchBuffers scratch, const float[:, :, :, :, ::1] coefficients,
    int64_t gain, double weight, int64_t low, int64_t high,
):
    """Codes a later slice: of every block and plane the coefficients on diagonals `low` to `high`, up to its extent.

    Args:
        coder: codes in its direction; it and the arguments up to `gain` are as in `code_constants`.
        weight: squared quantiser steps that 1/COST_UNIT bit is worth; only used when encoding.
        low: first diagonal, from 1 on.
        high: last diagonal.
    """
    check_arguments(coder, strip, coefficients, gain)
    if not 1 <= low <= high < DIAGONALS:
        raise ValueError(f"a slice cannot hold diagonals {low} to {high}")
    with nogil:
        code_all_diagonals(coder, nets, strip, scratch, coefficients, gain, weight, low, high)
