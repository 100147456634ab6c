from libc.stdint cimport int32_t, int64_t, uint8_t

from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.presets.mnist._pixel_coder cimport PixelCoder
from rlcodec.presets.mnist.bilevel._coder cimport SourceNet, SourceScratch
from rlcodec.presets.mnist.bilevel._context cimport SourceState, SourceTables
from rlcodec.presets.mnist.bilevel._transformer cimport KvCache, LmNet


cdef class RowCoder:
    cdef readonly PixelCoder pixels
    cdef readonly SourceNet source_net
    cdef readonly LmNet source_lm
    cdef readonly KvCache cache
    cdef readonly SourceTables source_tables
    cdef readonly SourceState source
    cdef SourceScratch scratch


cdef struct CodedRows:
    int64_t segments  # coded, the stop mark included
    int64_t rows  # complete rows in all
    int64_t pixels  # of the row after them


cdef int64_t code_row(
    RangeCoder coder, RowCoder rows, uint8_t[:, ::1] image, int64_t y, int64_t budget, int64_t tier
) noexcept nogil
cdef CodedRows code_pixel_rows(
    RangeCoder coder, RowCoder rows, uint8_t[:, ::1] image, int64_t start, int64_t budget, int64_t[::1] choices,
    int64_t[::1] spent, int64_t[::1] macs,
) noexcept nogil
cdef void fill_rows(
    const uint8_t[:, ::1] reconstruction, const uint8_t[:, ::1] image, int64_t rows, const int32_t[::1] weights,
    uint8_t[:, ::1] out,
) noexcept nogil
