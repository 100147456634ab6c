from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from rlcodec.core._adaptive cimport Counter, Counters
from rlcodec.core._mixing cimport Mixers
from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.presets.raster._sample_coder cimport MOST_PLANES, PAD, ROWS_ABOVE

cpdef enum:
    CANDIDATES = 4  # that are tried for a pixel
    SIZES = 4  # of the surroundings in which pixels are looked up
    MASK_COUNTERS = CANDIDATES << (2 * SIZES + 4)
    PATTERN_COUNTERS = CANDIDATES << 12
    PIXEL_COUNTERS = MASK_COUNTERS + PATTERN_COUNTERS
    BELIEF_MIXERS = CANDIDATES << (2 * SIZES)
    EQUAL_MIXERS = CANDIDATES << 4
    SHADES = 27  # of three neighbours in gray, by which mixing weights are chosen
    BIT_MIXERS = (MOST_PLANES + SHADES - 1) * 8
    NODE_MIXERS = MOST_PLANES * 256
    GRAY_COLOR_MIXERS = SHADES * 8 + 256  # of the mixture that only gray has
    COLOR_MIXERS = BIT_MIXERS + NODE_MIXERS
    GRAY_MIXERS = 2 * CANDIDATES * (SHADES + 16)
    GRAY_MIXTURES = 3  # of four counters each
    PIXEL_MIXERS = BELIEF_MIXERS + EQUAL_MIXERS + (GRAY_MIXTURES - 1) * COLOR_MIXERS + GRAY_COLOR_MIXERS + GRAY_MIXERS
    COLOR_CONTEXTS = 12  # of the bits of a gray pixel; colours have the first eight
    TABLES = COLOR_CONTEXTS  # of counters by hashes
    SMALL_BITS = 16  # places of a table of a small strip, in binary digits
    SMALL_HASHED = TABLES << SMALL_BITS
    SMALL_PIXELS = 1 << 13  # of a small strip, the most


cdef struct Match:
    uint32_t pixel  # that followed in a place with the same surroundings
    uint16_t check  # of the surroundings
    uint16_t hits  # how often it did since it differed; 0 if nothing is known


ctypedef Match* MatchPointer


cdef class PixelCoder:
    cdef int channels, tier, max_error, match_bits, hash_bits, misses
    cdef int64_t width, stride
    cdef bint small
    cdef uint32_t* pixels  # of the first row
    cdef Match* matches  # (SIZES, 1 << match_bits)
    cdef Counters counters, hashed
    cdef Mixers mixers
    cdef Counter* first
    cdef int32_t* first_mixer
    cdef object memory, match_memory
    # Of the pixel that is coded:
    cdef uint32_t[SIZES] hashes
    cdef MatchPointer[SIZES] found
    cdef int[SIZES] belief
    cdef uint32_t[CANDIDATES] candidates
    cdef uint32_t pattern, last_color, bright
    cdef int mixtures  # whose sum predicts a bit of a colour
    cdef uint32_t[COLOR_CONTEXTS] contexts
    cdef int shades  # around a gray pixel
    cdef int equal
    cdef void begin_row(self, int64_t y) noexcept nogil
    cdef bint code_candidate(self, RangeCoder coder, int64_t y, int64_t x, uint32_t* pixel) noexcept nogil
    cdef uint32_t code_color(self, RangeCoder coder, int64_t y, int64_t x, uint32_t pixel) noexcept nogil
    cdef void take(self, int64_t y, int64_t x, uint32_t pixel) noexcept nogil
    cdef void leave(self, int64_t y, int64_t x) noexcept nogil
    cdef int find_candidates(self, const uint32_t* here) noexcept nogil
    cdef void find_color_contexts(self, int64_t y, int64_t x) noexcept nogil
    cdef bint is_near(self, uint32_t pixel, uint32_t candidate) noexcept nogil
    cdef Counter* counter_at(self, int table, uint32_t hash) noexcept nogil
