from libc.stdint cimport int64_t

from rlcodec.core._segment_choice cimport TIER_COUNT

cpdef enum:
    STOP_ACTION = 0
    FIRST_TIER_ACTION = 1
    BUDGET_PHASE = 0
    LATENT_PHASE = 1
    PIXEL_PHASE = 2
    FIRST_ROW = 1  # class of the first row of pixels
    SEGMENT_CLASSES = 3

# Of naming a tier, by segment class and tier before, in 1/COST_UNIT bit and in bits; infinite where it is illegal.
cdef double[SEGMENT_CLASSES][TIER_COUNT][TIER_COUNT] change_cost
cdef double[SEGMENT_CLASSES][TIER_COUNT][TIER_COUNT] change_bits
# The legal actions about a segment, by its class and the tier before: bit a of each is 1 where action a is legal.
cdef int64_t[SEGMENT_CLASSES][TIER_COUNT] legal_actions
# Of the mark that stops a stream, and of going on; the second where the pixels begin behind latents.
cdef int64_t[2] stop_cost
cdef int64_t[2] go_cost
cdef double[2] stop_bits
cdef double[2] go_bits


cdef inline int64_t class_at(int64_t position, int64_t slices) noexcept nogil:
    """As `rlcodec.presets.mnist.decisions.segment_class`."""
    return (position > slices) - (position < slices) + FIRST_ROW


cdef inline int64_t before_pixels(int64_t column, int64_t first_row, int64_t kept) noexcept nogil:
    """Whether a column is the first row behind latents, of which `kept` slices are sent; an index into costs above."""
    return column == first_row and kept > 0


cdef inline int64_t cost_of_tier(int64_t position, int64_t slices, int64_t before, int64_t tier) noexcept nogil:
    """As `tier_cost`."""
    return go_cost[before_pixels(position, slices, slices)] + <int64_t>change_cost[class_at(position, slices)][before][tier]
