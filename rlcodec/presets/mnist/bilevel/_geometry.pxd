from libc.stdint cimport int64_t, uint64_t

cpdef enum:
    BOX = 20  # side in pixels of the square, the box, that a source is resampled to
    MIN_SIDE = 20
    MAX_SIDE = 110
    SIDES = 91
    # Width of a source pixel, and the part of it that is covered if the pixel is split between two pixels of the box.
    PIXEL_UNITS = 100
    COVERED_UNITS = 99
    WEIGHT_SCALE = 1 << 14
    TIE_SHIFT = 10  # areas within 2**-TIE_SHIFT of the brightest area of a boundary between gray levels are ties
    AREA_BITS = 30  # single-precision areas are in units of 2**-AREA_BITS along each axis
    MIDDLE = 128
    WHITE = 255
    WORDS = 2
    PAD = 8  # bits before the first column of a source in the words that hold a row
    PRIOR_CONTEXTS = 2048

cdef enum:
    MANTISSA_BITS = 24
    USUAL_BITS = 60  # bits of the areas of most pixels of the box


cdef struct Words:
    # The bits of a row of a source, the lowest first.
    uint64_t low
    uint64_t high


cdef struct Neighbours:
    # The nearest of the source pixels that are coded before one, by row; those that count are the lowest bits.
    int64_t west
    Words north
    Words far_north


cdef struct Levels:
    # A gray level, and that of a rounding exception; the same unless there is a tie.
    int64_t level
    int64_t exception


cdef int64_t box_area(
    const uint64_t* rows, const int64_t* single, int64_t width, const int64_t* start, const int64_t* stop, int64_t r, int64_t c
) noexcept nogil
cdef Levels gray_level(int64_t area, int64_t peak) noexcept nogil


cdef inline int64_t get_bit(const uint64_t* row, int64_t column) noexcept nogil:
    """A pixel of a row of a source, WORDS words."""
    cdef int64_t bit = column + PAD
    return (row[bit >> 6] >> (bit & 63)) & 1


cdef inline void set_bit(uint64_t* row, int64_t column) noexcept nogil:
    """Sets a pixel of a row of a source to ink."""
    cdef int64_t bit = column + PAD
    row[bit >> 6] |= <uint64_t>1 << (bit & 63)


cdef inline int64_t bits_of(uint64_t low, uint64_t high, int64_t first, int64_t count) noexcept nogil:
    """`count` bits of two words, fewer than 64, from bit `first` on."""
    cdef uint64_t value = low
    if first >= 64:
        value = high >> (first - 64)
    elif first:
        value = low >> first | high << (64 - first)
    return <int64_t>(value & ((<uint64_t>1 << count) - 1))


cdef inline int64_t get_bits(const uint64_t* row, int64_t first, int64_t count) noexcept nogil:
    """`count` bits of a row from bit `first` on."""
    return bits_of(row[0], row[1], first, count)


cdef inline Words from_bit(const uint64_t* row, int64_t first) noexcept nogil:
    """A row shifted down by `first` bits, 1 to 63."""
    cdef Words words
    words.low, words.high = row[0] >> first | row[1] << (64 - first), row[1] >> first
    return words


cdef inline Words without_first(Words words) noexcept nogil:
    """Two words shifted down by one bit."""
    words.low, words.high = words.low >> 1 | words.high << 63, words.high >> 1
    return words


cdef inline Words ink_in(const uint64_t* rows, int64_t start, int64_t stop) noexcept nogil:
    """The ink of rows `start` to `stop` combined by OR."""
    cdef Words words
    cdef int64_t i
    words.low = words.high = 0
    for i in range(start, stop):
        words.low |= rows[WORDS * i]
        words.high |= rows[WORDS * i + 1]
    return words


cdef inline int64_t first_fresh(const int64_t[::1] start, const int64_t[::1] stop, int64_t r) noexcept nogil:
    """The first source row, or column, that pixel `r` of the box covers and no pixel before it."""
    return start[r] if r == 0 else max(start[r], stop[r - 1])


cdef inline int64_t near_context(const uint64_t* rows, int64_t x) noexcept nogil:
    """The eleven nearest of the source pixels that are coded before (y, x), as 11 bits.

    Args:
        rows: rows y - 2 to y.
        x: column.
    """
    cdef int64_t bit = x + PAD
    return (
        get_bits(rows + 2 * WORDS, bit - 3, 3) | get_bits(rows + WORDS, bit - 2, 5) << 3 | get_bits(rows, bit - 1, 3) << 8
    )


cdef inline Neighbours first_neighbours(const uint64_t* row) noexcept nogil:
    """The neighbours of the first pixel of a row, which two rows precede."""
    cdef Neighbours near
    near.west, near.north, near.far_north = 0, from_bit(row - WORDS, PAD - 2), from_bit(row - 2 * WORDS, PAD - 1)
    return near


cdef inline int64_t context_of(const Neighbours* near) noexcept nogil:
    """As `near_context`, of the pixel that the neighbours belong to."""
    return near.west | <int64_t>(near.north.low & 31) << 3 | <int64_t>(near.far_north.low & 7) << 8


cdef inline void move_on(Neighbours* near, int64_t symbol) noexcept nogil:
    """Goes on to the next pixel of the row, after one with a symbol."""
    near.west = near.west >> 1 | symbol << 2
    near.north, near.far_north = without_first(near.north), without_first(near.far_north)
