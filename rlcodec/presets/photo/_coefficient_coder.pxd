from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t

from rlcodec.core._adaptive cimport Counters
from rlcodec.core._mixing cimport Mixers
from rlcodec.presets.photo._transform cimport (
    AREA, AREA_CELLS, AREA_PIXELS, FREQUENCIES, OFFSET_LIMIT, PLANES, SLICES, TRANSFORMS, BlockPlace
)

cpdef enum:
    CELL_PAD = 2  # empty cells around a strip, so that contexts need no special case at edges
    FREQUENCY_PAD = 2  # empty frequencies around a block
    SPAN = AREA + 2 * FREQUENCY_PAD
    MARGIN = 4  # empty frequencies around the magnitudes of a diagonal
    UNIT = 64  # a magnitude of a whole step among the inputs of the expected magnitude
    WEIGHT_UNIT = 4096  # a weight of 1
    INPUTS = 24  # of the expected magnitude; the last is not used
    LEVELS = 48  # of the expected magnitude
    BANDS = 64  # frequencies of a cell
    CELL_DIAGONALS = 15  # of these
    LONGEST_CHAIN = 15  # greater magnitudes are coded as this and an Exp-Golomb code of the rest
    CHAIN = 32  # counters of a magnitude: of a chain, of the number of digits of the rest, and of the shifted quantiser's chain
    CONSTANT_LEVELS = 16  # of what surrounds a constant coefficient
    FREQUENCY_CLASSES = 7
    # Counters: flags of what follows on further diagonals, of coefficients that are not zero, of greater magnitudes, of
    # constant coefficients, and of the choices about areas.
    MORE_COUNTERS = PLANES * TRANSFORMS * SLICES * 16 * 17 * 16
    NONZERO_COUNTERS = PLANES * TRANSFORMS * FREQUENCY_CLASSES * LEVELS * 4
    GREATER_COUNTERS = PLANES * TRANSFORMS * LEVELS * CHAIN
    CONSTANT_COUNTERS = PLANES * TRANSFORMS * CONSTANT_LEVELS * 12 * CHAIN
    SIDE_COUNTERS = 1024
    # The same decisions in further contexts, which tier `context` mixes.
    KINDS = PLANES * TRANSFORMS
    MORE_PLACE_COUNTERS = KINDS * 63 * 16 * 4
    MORE_SIDES_COUNTERS = KINDS * 4 * 16 * 16 * 8
    MORE_SUMS_COUNTERS = KINDS * 4 * 8 * 8 * 5
    NONZERO_PLACE_COUNTERS = PLANES * FREQUENCIES * 12 * 2
    NONZERO_PARTS_COUNTERS = KINDS * 4 * 24 * 24 * 2
    NONZERO_PATTERN_COUNTERS = 324 * PLANES * 16 * 2
    GREATER_PLACE_COUNTERS = PLANES * FREQUENCIES * 14
    GREATER_PARTS_COUNTERS = KINDS * 24 * 24 * 14
    GREATER_PATTERN_COUNTERS = 192 * PLANES * 8 * 14
    COUNTERS = (
        MORE_COUNTERS + NONZERO_COUNTERS + GREATER_COUNTERS + CONSTANT_COUNTERS + SIDE_COUNTERS + MORE_PLACE_COUNTERS
        + MORE_SIDES_COUNTERS + MORE_SUMS_COUNTERS + NONZERO_PLACE_COUNTERS + NONZERO_PARTS_COUNTERS + NONZERO_PATTERN_COUNTERS
        + GREATER_PLACE_COUNTERS + GREATER_PARTS_COUNTERS + GREATER_PATTERN_COUNTERS
    )
    MIXERS = KINDS * 4 + 16 * 17 + KINDS * 4 * 3 * 4 * 2 + LEVELS * KINDS + KINDS * 4 * 14 + 3 * LEVELS * KINDS
    LARGEST_MAGNITUDE = 1022  # in half steps, among the inputs
    HALF_UNIT = 32  # a magnitude of half a step among them
    EXPECTATIONS = 3  # weights of the expected magnitude: by all inputs, by those of the block, by the others


cdef class StripState:
    cdef readonly int16_t[:, :, :, ::1] values
    cdef readonly uint8_t[:, ::1] splits
    cdef readonly int8_t[:, ::1] offsets
    cdef readonly int8_t[:, :, ::1] chroma
    cdef readonly uint8_t[:, ::1] repairs
    cdef uint16_t[:, :, :, ::1] magnitudes  # of cells, by band, in 1/UNIT of the picture's step
    cdef int32_t[:, :, :, ::1] sums  # of these magnitudes by diagonal
    cdef int32_t[:, :, ::1] means  # of cells, in 1/16 of the picture's step
    cdef int32_t[:, :, ::1] differences  # of constant coefficients from their prediction
    cdef uint8_t[:, ::1] known  # cells whose constant coefficient is known
    cdef uint8_t[:, ::1] sizes  # index of the transform of cells
    cdef int16_t[::1] grids
    cdef int[PLANES] states  # of dependent quantisation, by plane
    cdef const int16_t[:, :, :, :, ::1] weights
    cdef const int32_t[::1] relative
    cdef public int tier  # of the segment: 0 `table`, 1 `context`; an encoder sets it
    cdef readonly Counters counters
    cdef readonly Mixers mixers


cdef struct Block:
    # One plane of a block, with what is known around it.
    int plane, transform, side, cells, slice
    int kind  # of plane and transform
    int low, high  # first and last diagonal of the slice
    int first_band, last_band  # diagonals of the bands of cells that the slice covers
    int16_t* values
    int16_t* grid  # magnitudes of the first frequency, in rows of SPAN; those of the plane before are GRID before
    uint16_t* magnitudes  # of the first cell
    int32_t* sums  # of the first cell
    int64_t line  # cells from one row to the next
    const int16_t* weights  # of the expected magnitude by all inputs; those by others are `further` apart
    int64_t further
    int tier
    bint opened  # whether the contexts of coefficients are ready
    bint filled  # whether the slice has anything
    bint before_filled  # whether that of the plane before has
    int64_t[2 * AREA] rest  # see `find_rest`
    int32_t[BANDS] near  # what the neighbours contribute to the expected magnitude
    int32_t[BANDS] apart  # what they contribute to the expected magnitude by others
    int32_t[BANDS] left  # magnitudes of the neighbours, by band
    int32_t[BANDS] above
    int32_t[16] beyond  # sums of the neighbours' magnitudes from each diagonal of bands on
    int32_t[16] across  # of the left ones alone
    int64_t factor  # of the step, in 1/4096
    int64_t inverse  # factor of magnitudes of cells, in 1/4096


cdef inline int16_t magnitude_input(int64_t value) noexcept nogil:
    """A value in half steps as an input of the expected magnitude."""
    return <int16_t>(min(-value if value < 0 else value, LARGEST_MAGNITUDE) * HALF_UNIT)


cdef void find_block(
    StripState strip, Block* block, const BlockPlace* place, int64_t y, int64_t x, int plane, int slice
) noexcept nogil
cdef void survey_block(Block* block) noexcept nogil
cdef void open_block(Block* block) noexcept nogil
cdef void close_block(Block* block) noexcept nogil
cdef int32_t around_band(const Block* block, const int16_t* w, int band) noexcept nogil
cdef int32_t expected_around(const Block* block, const int16_t* w, int32_t near, const int16_t* z) noexcept nogil
cdef int32_t expected_inside(
    const int16_t* w, const int16_t* row, const int16_t* above, const int16_t* below
) noexcept nogil
