from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t

from rlcodec.core._adaptive cimport Counter, Counters
from rlcodec.core._mixing cimport CounterPointer, Mixers
from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.presets.raster._least_squares cimport Fit

cpdef enum:
    MOST_PLANES = 4
    PAD = 8  # columns on either side of a row, so that contexts need no special case at edges
    ROWS_ABOVE = 3  # rows above the first
    # Tiers.
    TABLE = 0
    CONTEXT = 1
    ENSEMBLE = 2
    # Decisions about a quantised residual, which have a counter in each context.
    NODES = 16
    CLASSES = 3  # of planes: the first, the second, and all others
    LEVELS = 32  # of the errors around
    FRACTIONS = 5  # of the prediction
    SIGNED = 11  # levels of a difference
    PAIRS = SIGNED * SIGNED  # more than there are textures
    GROUPS = 8  # of contexts; the first is that of tier `table`, the first four are those of tier `context`
    LEVEL_COUNTERS = CLASSES * LEVELS * FRACTIONS * NODES
    PAIR_COUNTERS = CLASSES * (LEVELS // 2) * PAIRS * NODES
    COARSE_COUNTERS = CLASSES * (LEVELS // 4) * PAIRS * NODES
    TAIL_COUNTERS = CLASSES * 32
    FIRST_PAIR = LEVEL_COUNTERS + TAIL_COUNTERS
    FIRST_COARSE = FIRST_PAIR + PAIR_COUNTERS
    SAMPLE_COUNTERS = FIRST_COARSE + (GROUPS - 2) * COARSE_COUNTERS
    STEPS = 8  # of the size of residuals that one decision tells apart
    LEVEL_MIXERS = CLASSES * LEVELS * NODES
    STEP_MIXERS = CLASSES * STEPS * NODES
    HALF_MIXERS = LEVEL_MIXERS + STEP_MIXERS
    SAMPLE_MIXERS = 3 * HALF_MIXERS  # of tier `context`, and of either half of the counters of tier `ensemble`
    OWN_INPUTS = 10  # of a fit: samples of the plane, and of each plane before
    OTHER_INPUTS = 4
    WIDE_OWN_INPUTS = 18
    WIDE_OTHER_INPUTS = 6

cdef enum:
    SIMPLE = 6  # predictions by fixed formulas
    PREDICTIONS = 8
    TEXTURES = 64


cdef struct Plane:
    int16_t* values  # of the first row
    uint16_t* errors  # (PREDICTIONS, 2, stride), absolute errors of each prediction in 1/16, in this row and the one above
    uint16_t* absolute  # (2, stride), of the final prediction in 1/8
    int16_t* residuals  # (2, stride)
    int32_t* biases  # (BIASES,), mean errors in 1/4096
    int32_t slope  # of the error by the error in the plane before, in 1/256
    int32_t product
    int32_t square
    Fit fit
    Fit wide


cdef struct Contexts:
    # Of the decisions about a residual.
    CounterPointer[GROUPS] groups  # the first counter of each
    int32_t* by_level  # mixing weights
    int32_t* by_step
    Counter* tail  # of large residuals
    int step_bits  # within a step


cdef class SampleCoder:
    cdef Plane[MOST_PLANES] state
    cdef int64_t[WIDE_OWN_INPUTS] near  # places of the inputs of fits, relative to a sample
    cdef int64_t[WIDE_OTHER_INPUTS] near_others
    cdef int planes, tier, max_error
    cdef int64_t rows, width, stride
    cdef Counters counters
    cdef Mixers mixers
    cdef Counter* first
    cdef int32_t* first_mixer
    cdef object memory
    cdef void begin_row(self, int64_t y) noexcept nogil
    cdef void begin_sample(self, int64_t y, int64_t x) noexcept nogil
    cdef void leave(self, int plane, int64_t y, int64_t x) noexcept nogil
    cdef void skip(self, int plane, int64_t y, int64_t x, int64_t value) noexcept nogil
    cdef int64_t code(
        self, RangeCoder coder, int plane, int64_t y, int64_t x, int64_t value, int64_t least, int64_t most
    ) noexcept nogil
    cdef int64_t fitted(
        self, Fit* fit, int plane, int64_t x, const int16_t* here, int64_t reference, int own, int others
    ) noexcept nogil
    cdef void gather(self, Fit* fit, int plane, const int16_t* here, int64_t reference, int own, int others) noexcept nogil
    cdef int64_t code_residual(self, RangeCoder coder, Contexts* contexts, int64_t residual) noexcept nogil
    cdef int64_t decide(self, RangeCoder coder, Contexts* contexts, int node, bint decision) noexcept nogil
    cdef void close_sample(self, Plane* state, int64_t y, int64_t x) noexcept nogil
