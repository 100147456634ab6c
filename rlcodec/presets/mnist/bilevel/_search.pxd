from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from rlcodec.presets.mnist.bilevel._geometry cimport BOX, MAX_SIDE, WORDS
from rlcodec.presets.mnist.bilevel._gray_levels cimport LevelTables
from rlcodec.presets.mnist.bilevel._grids cimport Grids

cdef enum:
    WINDOW = 10  # source rows that a state of the search holds: two of context, and those that a row of the box covers

cdef extern from *:
    """
    #define RL_NOT_FOUND (INT64_C(1) << 60)
    """
    const int64_t NOT_FOUND "RL_NOT_FOUND"


cdef struct State:
    # A source as far as it is chosen; its older rows are in `Beam.kept`.
    int64_t cost  # of the pixels chosen so far
    int64_t area  # of the current box pixel so far
    int64_t parent  # place of the state's ancestor after the previous row of the box
    uint64_t[WINDOW * WORDS] rows  # the current source rows


cdef struct Choice:
    # A state with one more pixel.
    int64_t cost
    int64_t area
    int32_t place  # of the state
    int32_t bit  # the pixel


cdef struct GrayPixel:
    uint8_t y  # from the first row with ink
    uint8_t x  # from the first column with ink
    uint8_t level


cdef struct Outcome:
    bint possible  # whether the gray levels allow the side
    bint found


cdef class Beam:
    cdef int64_t width
    cdef State* states  # two halves of 4 * width, which take turns
    cdef Choice* choices  # (8 * width,)
    cdef uint64_t* keys  # two halves of 8 * width, for sorting
    cdef uint64_t* kept  # (BOX, width, WINDOW, WORDS), the source rows that each row of the box completed
    cdef int32_t* origins  # (BOX, width), `State.parent` after each row of the box
    cdef int32_t* slots  # hash table of states
    cdef int64_t slot_count


cdef class SourceFinder:
    cdef Grids grids
    cdef LevelTables possible
    cdef const int32_t[:, ::1] prior
    cdef int64_t most_peaks  # the index of the brightest area is below
    # The image: the smallest rectangle around its ink, in it the pixels that are neither black nor white, and the gray levels of
    # the box.
    cdef int64_t top, bottom, left, right
    cdef GrayPixel[BOX * BOX] gray
    cdef int64_t gray_count
    cdef uint8_t[BOX * BOX] levels
    # What the gray levels determine of a source: its ink, and the pixels that are left open.
    cdef uint64_t[MAX_SIDE * WORDS] ink
    cdef uint64_t[MAX_SIDE * WORDS] open
    cdef uint64_t[MAX_SIDE * WORDS] candidate  # rows of the source of the last search
    # The cheapest source.
    cdef int64_t cost, side, peak, box_top, box_left
    cdef uint64_t[MAX_SIDE * WORDS] rows


cdef bint begin_search(SourceFinder finder, const uint8_t[:, ::1] pixels) noexcept nogil
cdef Outcome search_side(
    SourceFinder finder, const uint8_t[:, ::1] pixels, int64_t s, Beam first, Beam second
) noexcept nogil
