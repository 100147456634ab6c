from libc.stdint cimport int64_t, uint8_t

from rlcodec.core._integer_mlp cimport ContextNet, Layers
from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.presets.mnist.bilevel._context cimport SELECTED, SourceState, SourceTables
from rlcodec.presets.mnist.bilevel._geometry cimport BOX, MAX_SIDE
from rlcodec.presets.mnist.bilevel._transformer cimport LM_COLUMNS_ASIDE, LM_ROWS_ABOVE, KvCache, LmNet

cpdef enum:
    PLACE_ORIGIN = BOX  # added to the place of a box, which may be negative, before it is coded
    # Window of the network of tier `context`.
    ROWS_ABOVE = 6
    COLUMNS_ASIDE = 7

cdef enum:
    MAX_WINDOW_INPUTS = LM_ROWS_ABOVE * (2 * LM_COLUMNS_ASIDE + 1) + LM_COLUMNS_ASIDE  # the larger of the two windows


cdef class SourceScratch:
    cdef int64_t[MAX_WINDOW_INPUTS] which  # ink in a window
    cdef int64_t[SELECTED] selected  # learned rows
    cdef int64_t[MAX_SIDE] right  # runs to the right
    cdef Layers layers


cdef void unfold(
    SourceTables tables, int64_t side, int64_t[:, ::1] single, int64_t[::1] start, int64_t[::1] stop
) noexcept nogil
cdef void code_source_head(RangeCoder coder, SourceTables tables, SourceState source) noexcept nogil
cdef int64_t code_source_row(
    RangeCoder coder, ContextNet net, LmNet lm, KvCache cache, SourceTables tables, SourceState source, SourceScratch scratch,
    uint8_t* line, int64_t width, int64_t y, int64_t tier,
) noexcept nogil
