from libc.stdint cimport int8_t, int16_t, int32_t, int64_t

from rlcodec.core._integer_mlp cimport ContextNet, Layers
from rlcodec.core._range_coder cimport RangeCoder


cdef class LatentCoder:
    cdef ContextNet net
    cdef const int32_t[:, :, ::1] frequencies
    cdef int16_t[:, :, ::1] buffer
    cdef const int64_t[::1] offsets
    cdef Layers layers


cdef int64_t code_slice(
    RangeCoder coder, LatentCoder latents, int8_t[:, :, ::1] latent, int64_t index, int64_t count, bint use_network
) noexcept nogil
