"""Contexts of coefficients and extents, as the coder forms them, for training its networks."""

import numpy as np

from libc.stdint cimport int16_t, int64_t
from libc.stdlib cimport llabs

from rlcodec.presets.photo._coefficient_coder cimport (
    EXTENT_INPUTS,
    EXTENT_SELECTED,
    INPUTS,
    LONGEST_CHAIN,
    SELECTED,
    Block,
    StripState,
    close_block,
    constant_shift,
    context_of,
    extent_context,
    find_block,
    open_block,
    predicted_constant,
    record_magnitude,
)
from rlcodec.presets.photo._transform cimport AREA, BLOCK, PLANES


cdef class Rows:
    """Contexts of symbols of one network, as they are collected.

    Args:
        most: room for so many.
        width: number of inputs.
        selected: number of learned rows.
    """

    cdef int16_t[:, ::1] inputs
    cdef int64_t[:, ::1] rows
    cdef int64_t[::1] symbols
    cdef int64_t count

    def __init__(self, most, width, selected):
        self.inputs, self.rows = np.empty((most, width), np.int16), np.empty((most, selected), np.int64)
        self.symbols, self.count = np.empty(most, np.int64), 0

    def arrays(self):
        """Inputs, int16 (n, width), learned rows, int64 (n, selected), and symbols, int64 (n,)."""
        inputs, rows, symbols = np.asarray(self.inputs), np.asarray(self.rows), np.asarray(self.symbols)
        return inputs[: self.count], rows[: self.count], symbols[: self.count]


cdef void add_coefficient(
    Rows rows, StripState strip, const Block* block, int64_t gain, int64_t u, int64_t v, int64_t symbol
) noexcept nogil:
    context_of(strip, block, gain, u, v, &rows.inputs[rows.count, 0], &rows.rows[rows.count, 0])
    rows.symbols[rows.count] = min(symbol, LONGEST_CHAIN)
    rows.count += 1


cdef void collect_block(Rows rows, StripState strip, Block* block, int64_t gain, int64_t low, int64_t last) noexcept nogil:
    """Collects the contexts of diagonals `low` to `last` of a block."""
    cdef int64_t d, u, magnitude, small
    open_block(block)
    for d in range(low, last + 1):
        for u in range(max(0, d - BLOCK + 1), min(d, BLOCK - 1) + 1):
            magnitude = llabs(block.values[u * BLOCK + d - u])
            add_coefficient(rows, strip, block, gain, u, d - u, magnitude)
            small = record_magnitude(strip, block, u, d - u, magnitude)
            block.sums[d] += small
            block.total += small
    close_block(block)


cdef void collect_constants(Rows luma, Rows chroma, Rows extents, StripState strip, int64_t gain) noexcept nogil:
    """Collects the contexts of constant coefficients and extents."""
    cdef int64_t columns = strip.values.shape[2], y, x, plane, difference, symbol
    cdef Block block
    for y in range(strip.values.shape[1]):
        for x in range(columns):
            for plane in range(PLANES):
                find_block(strip, &block, plane, y, x)
                difference = llabs(block.values[0] - predicted_constant(block.values, columns, y, x))
                symbol = difference >> constant_shift(strip, &block)
                if plane == 0:
                    add_coefficient(luma, strip, &block, gain, 0, 0, symbol)
                else:
                    add_coefficient(chroma, strip, &block, gain, 0, 0, symbol)
                record_magnitude(strip, &block, 0, 0, difference)
                extent_context(&block, gain, &extents.inputs[extents.count, 0], &extents.rows[extents.count, 0])
                extents.symbols[extents.count] = block.extent[0]
                extents.count += 1


cdef void collect_diagonals(
    Rows luma, Rows chroma, StripState strip, int64_t gain, int64_t low, int64_t high
) noexcept nogil:
    """Collects the contexts of a later slice."""
    cdef int64_t y, x, plane, last
    cdef Block block
    for y in range(strip.values.shape[1]):
        for x in range(strip.values.shape[2]):
            for plane in range(PLANES):
                find_block(strip, &block, plane, y, x)
                last = min(<int64_t>block.extent[0], high)
                if last < low:
                    continue
                if plane == 0:
                    collect_block(luma, strip, &block, gain, low, last)
                else:
                    collect_block(chroma, strip, &block, gain, low, last)


def collect(StripState strip, int64_t gain, slices):
    """Contexts of known quantised coefficients, in the order of the coder.

    Args:
        strip: of which `values` and `extents` are known; what has been coded of it grows to all of it.
        gain: index of the quantiser's step.
        slices: first and last diagonal of each.

    Returns:
        Inputs, learned rows and symbols, as `Rows.arrays` returns them, of luma, of chroma and of the extents.
    """
    cdef int64_t blocks = strip.values.shape[1] * strip.values.shape[2], low, high
    cdef Rows luma = Rows(blocks * AREA, INPUTS, SELECTED)
    cdef Rows chroma = Rows((PLANES - 1) * blocks * AREA, INPUTS, SELECTED)
    cdef Rows extents = Rows(PLANES * blocks, EXTENT_INPUTS, EXTENT_SELECTED)
    with nogil:
        collect_constants(luma, chroma, extents, strip, gain)
    for low, high in slices:
        with nogil:
            collect_diagonals(luma, chroma, strip, gain, low, high)
    return luma.arrays(), chroma.arrays(), extents.arrays()
