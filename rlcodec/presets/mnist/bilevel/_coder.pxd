from libc.stdint cimport int32_t, int64_t, uint8_t

from rlcodec.core._integer_mlp cimport ContextNet, Layers
from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.presets.mnist.bilevel._context cimport SELECTED, SourceState, SourceTables
from rlcodec.presets.mnist.bilevel._geometry cimport BOX, MAX_SIDE
from rlcodec.presets.mnist.bilevel._transformer cimport LM_INPUTS, KvCache, LmNet

cpdef enum:
    PLACE_ORIGIN = BOX  # added to the place of a box, which may be negative, before it is coded
    # Window of the network of tier `context`.
    ROWS_ABOVE = 6
    COLUMNS_ASIDE = 7

cdef enum:
    GROUP = 5  # inputs whose weights are added up beforehand, for every combination of ink
    GROUP_SUMS = 1 << GROUP
    GROUPS_IN_ROW = 3  # of the window, above the pixel
    GROUPS = (ROWS_ABOVE + 1) * GROUPS_IN_ROW


cdef class SourceNet(ContextNet):
    cdef const int32_t[:, ::1] sums  # `rows`, and behind them the sums of each group by its ink


cdef class SourceScratch:
    cdef int64_t[SELECTED + GROUPS] selected  # learned rows, and sums of groups
    cdef int64_t[LM_INPUTS] which  # ink in the window of tier `lm`
    cdef int64_t[MAX_SIDE] right  # runs to the right
    cdef int64_t[MAX_SIDE] places  # of the columns
    cdef Layers layers


cdef void unfold(
    SourceTables tables, int64_t side, int64_t[:, ::1] single, int64_t[::1] start, int64_t[::1] stop
) noexcept nogil
cdef void code_source_head(RangeCoder coder, SourceTables tables, SourceState source) noexcept nogil
cdef int64_t code_source_row(
    RangeCoder coder, SourceNet net, LmNet lm, KvCache cache, SourceTables tables, SourceState source, SourceScratch scratch,
    uint8_t* line, int64_t width, int64_t y, int64_t tier,
) noexcept nogil
