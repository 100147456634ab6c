from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from rlcodec.core._integer_mlp cimport ContextNet, Layers
from rlcodec.core._range_coder cimport RangeCoder

cpdef enum:
    ROWS_ABOVE = 7
    COLUMNS_ASIDE = 7
    VALUE_PLANE = 0
    INK_PLANE = 1
    SATURATED_PLANE = 2
    RECON_PLANE = 3
    PLANES = 4
    SATURATED = 250
    GRID = 28
    SUMMARIES = 11
    TRIVIAL_STATES = 4
    TABLE_CONTEXTS = 4 * 4 * 2 * 4

cdef enum:
    # Learned rows, selected by position and by running summaries of the image so far.
    POSITION_Y = 0
    POSITION_X = 1
    FROM_TOP = 2
    FROM_LEFT = 3
    FROM_RIGHT = 4
    BUDGET = 5
    INK = 6
    COLUMN_GAP = 7
    RUNS = 8
    MOMENT_X = 9
    MOMENT_Y = 10


cdef class PixelContext:
    cdef int16_t[:, :, ::1] buffer  # (PLANES, height + 2 * ROWS_ABOVE, width + 2 * COLUMNS_ASIDE)
    cdef int64_t[::1] last_ink  # the last row with ink of each column, or -1
    cdef int64_t first_row, left, right  # of the ink so far, or -1
    cdef int64_t ink_count, sum_x, sum_y  # of the ink so far
    cdef readonly int64_t height, width
    cdef const int64_t[::1] offsets  # of the window's inputs from a pixel in the flat buffer
    cdef Py_ssize_t window_inputs  # inputs before the flags; if they are all zero, so are the flags


cdef class PixelCoder:
    cdef ContextNet net
    cdef const int32_t[:, ::1] pixel
    cdef const int32_t[:, :, ::1] trivial
    cdef const int32_t[::1] escape
    cdef PixelContext context
    cdef int64_t[::1] which
    cdef int32_t[::1] values
    cdef int64_t[::1] selected
    cdef Layers layers


cdef void clear_context(PixelContext context) noexcept nogil
cdef void summarise(
    PixelContext context, int64_t y, int64_t x, int64_t budget, int64_t runs_above, int64_t runs_here, int64_t* out
) noexcept nogil
cdef int64_t runs_in_row(PixelContext context, int64_t y) noexcept nogil
cdef void record_pixel(PixelContext context, int64_t y, int64_t x, int64_t value) noexcept nogil
cdef bint is_trivial(PixelContext context, int64_t y, int64_t x) noexcept nogil
cdef int64_t table_context(PixelContext context, int64_t y, int64_t x, int64_t budget) noexcept nogil
cdef int64_t code_pixel_row(
    RangeCoder coder, PixelCoder pixels, uint8_t[:, ::1] image, int64_t y, int64_t budget, bint use_network
) noexcept nogil


cdef inline int64_t trivial_state(PixelContext context, int64_t budget) noexcept nogil:
    """Index of the static table for a pixel whose whole context is background."""
    return (2 if context.first_row >= 0 else 0) + (1 if budget > 0 else 0)


cdef inline int16_t* place(PixelContext context, int64_t y, int64_t x) noexcept nogil:
    """A pixel in the plane of values."""
    return &context.buffer[VALUE_PLANE, y + ROWS_ABOVE, x + COLUMNS_ASIDE]
