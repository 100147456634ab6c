from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core._integer_mlp cimport ContextNet, Layers
from rlcodec.presets.photo._transform cimport BLOCK, PLANES

cpdef enum:
    DIAGONALS = 2 * BLOCK - 1
    GAINS = 48  # number of gains, the indices of quantiser steps
    LONGEST_CHAIN = 15  # greater magnitudes are coded as this and an Exp-Golomb code of the rest
    # Every block is padded by FREQUENCY_PAD empty frequencies and the strip by BLOCK_PAD empty blocks, so that contexts need no
    # special case at edges.
    FREQUENCY_PAD = 2
    BLOCK_PAD = 2
    SPAN = BLOCK + 2 * FREQUENCY_PAD
    # Inputs that are magnitudes: 8 of this block, 6 each of the blocks to the left and above, 4 of further blocks, and ACROSS
    # of this block in each of the planes before.
    ACROSS = 5
    GATHERED = 8 + 2 * 6 + 4 + (PLANES - 1) * ACROSS
    # Inputs that are sums over diagonals: of the left and the upper block this diagonal and those beyond; of this block the two
    # diagonals before and all so far; of the plane before this diagonal and those beyond.
    SUMS = 8
    # Inputs that tell how far the extents of the four blocks around, and of the planes before, exceed the diagonal.
    REACHES = 6
    INPUTS = GATHERED + SUMS + REACHES
    INPUT_SCALE = 64
    SELECTED = 3
    ROWS = PLANES * BLOCK * BLOCK + DIAGONALS + 1 + GAINS
    EXTENT_INPUTS = 8
    EXTENT_ROWS = PLANES + GAINS
    EXTENT_SELECTED = 2

cdef enum:
    AREA = BLOCK * BLOCK
    BESIDE = 4
    REACH_SCALE = 32
    EXTENT_SCALE = 16
    ESCAPE_BITS = 15
    LARGEST_VALUE = 32767
    BY_FREQUENCY = 0
    BY_LEFT_OVER = 1
    BY_GAIN = 2
    FIRST_LEFT_OVER = PLANES * BLOCK * BLOCK
    FIRST_GAIN = PLANES * BLOCK * BLOCK + DIAGONALS + 1
    ALL_SO_FAR = GATHERED + 6


cdef class PhotoNets:
    cdef readonly ContextNet luma
    cdef readonly ContextNet chroma
    cdef readonly ContextNet extent
    cdef const int16_t[:, :, ::1] luma_nodes
    cdef const int16_t[:, :, ::1] chroma_nodes


cdef class StripState:
    cdef readonly int16_t[:, :, :, :, ::1] values
    cdef readonly int16_t[:, :, ::1] extents
    cdef int16_t[:, :, :, :, ::1] logs
    cdef int32_t[:, :, :, ::1] diagonals
    cdef const int64_t[::1] offsets
    cdef const int16_t[::1] log_table


cdef class CoefficientLayers(Layers):
    cdef const int16_t[:, :, ::1] nodes
    cdef int32_t[::1] shared
    cdef int32_t[::1] logits


cdef class ScratchBuffers:
    cdef CoefficientLayers luma
    cdef CoefficientLayers chroma
    cdef Layers extent


cdef struct Block:
    # One plane of a block, with what is known of it and around it.
    int64_t plane
    int16_t* values
    int16_t* logs  # of the constant coefficient
    int32_t* diagonals
    int16_t* extent
    int64_t line  # blocks from one to the one below
    int64_t whole  # blocks from one to the same in the next plane
    int64_t[DIAGONALS + 1] sums  # magnitudes so far by diagonal
    int64_t total  # their sum


cdef void find_block(StripState strip, Block* block, int64_t plane, int64_t y, int64_t x) noexcept nogil
cdef void open_block(Block* block) noexcept nogil
cdef void close_block(Block* block) noexcept nogil
cdef void context_of(
    StripState strip, const Block* block, int64_t gain, int64_t u, int64_t v, int16_t* inputs, int64_t* selected
) noexcept nogil
cdef void extent_context(const Block* block, int64_t gain, int16_t* inputs, int64_t* selected) noexcept nogil
cdef int64_t record_magnitude(StripState strip, Block* block, int64_t u, int64_t v, int64_t magnitude) noexcept nogil
cdef int64_t predicted_constant(const int16_t* values, int64_t columns, int64_t y, int64_t x) noexcept nogil
cdef int64_t constant_shift(StripState strip, const Block* block) noexcept nogil
