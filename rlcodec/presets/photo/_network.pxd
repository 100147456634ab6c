from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core._mixing cimport STRETCH_LIMIT

cpdef enum:
    NETWORK_INPUTS = 32
    HIDDEN = 32  # units of the first layer
    SECOND = 16  # of the second
    NODES = 16  # outputs; the last is not used
    INPUT_UNIT = 64  # of an input of 1
    WEIGHT_BITS = 10  # of the fraction of a weight
    FIRST_SHIFT = 9  # sums of the layers, in 1/65536, 1/131072 and 1/131072, become activations in 1/128 and logits in 1/256
    SECOND_SHIFT = 10
    LAST_SHIFT = 9


cdef class Network:
    cdef readonly const int32_t[:, ::1] rows
    cdef readonly const int32_t[::1] second_bias
    cdef readonly const int32_t[::1] last_bias
    cdef const int16_t[:, :, ::1] first_pairs
    cdef const int16_t[:, :, ::1] second_pairs
    cdef const int16_t[:, :, ::1] last_pairs


cdef void run_network(Network network, const int16_t* inputs, int64_t row, int32_t* sums) noexcept nogil


cdef inline int32_t logit_of(int32_t sum) noexcept nogil:
    """Log odds in 1/256, limited as stretched probabilities are, of a sum of the last layer."""
    return min(max((sum + (1 << (LAST_SHIFT - 1))) >> LAST_SHIFT, -STRETCH_LIMIT), STRETCH_LIMIT)
