from libc.stdint cimport int64_t, uint8_t, uint64_t

from rlcodec.presets.mnist.bilevel._geometry cimport MIDDLE, MIN_SIDE, TIE_SHIFT, WHITE

cpdef enum:
    LARGEST_SIDE = 72  # sides above this have nearly all gray levels; one digit in a hundred has such a source
    LEVEL_SIDES = LARGEST_SIDE - MIN_SIDE + 1

cdef enum:
    LEVEL_WORDS = (WHITE + 1) >> 6


cdef struct Bounds:
    int64_t low
    int64_t high


cdef class LevelTables:
    cdef readonly uint8_t[:, ::1] kinds
    cdef readonly uint64_t[:, :, :, :, ::1] levels


cdef inline Bounds level_bounds(int64_t level, int64_t peak) noexcept nogil:
    """Smallest and largest WHITE * area that can give a gray level if `peak` is the brightest area, ties included."""
    cdef Bounds bounds
    cdef int64_t slack = peak >> TIE_SHIFT
    if level == 0:
        bounds.low = bounds.high = 0
        return bounds
    bounds.low = (level - 1 if level <= MIDDLE else level) * peak - slack
    bounds.high = (level if level < MIDDLE or level == WHITE else level + 1) * peak + slack
    return bounds


cdef inline bint is_level_possible(
    LevelTables tables, int64_t s, int64_t p, int64_t r, int64_t c, int64_t level
) noexcept nogil:
    """Whether a source of side MIN_SIDE + s can render to a gray level at (r, c) of the box, with brightest area p."""
    return (tables.levels[s, p, tables.kinds[s, r], tables.kinds[s, c], level >> 6] >> (level & 63)) & 1
