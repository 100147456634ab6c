from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t

from rlcodec.core._adaptive cimport LEAST_PROBABILITY, Adaptation, Counter, update
from rlcodec.core._range_coder cimport PROBABILITY_ONE, RangeCoder, code_decision

cpdef enum:
    MIXED = 8  # weights of a set
    STRETCHES = 4096  # entries of either table
    STRETCH_LIMIT = 2047  # of stretched probabilities: 256 times their log odds
    WEIGHT_LIMIT = 1 << 20  # of weights, in 1/65536
    RATE_BITS = 1  # errors in 1/65536 are halved before weights follow them

cdef extern from "mixing.h":
    int32_t rl_mix(const int32_t*, const int32_t*, const int32_t*) noexcept nogil
    void rl_learn(const int32_t*, int32_t, int32_t, int32_t*, int32_t*) noexcept nogil


cdef struct Tables:
    const int16_t* stretched  # 256 times the log odds of a probability in 1/4096
    const uint16_t* squashed  # inverse, in 1/65536, of a number from -2048 on


cdef class Mixers:
    cdef int32_t[:, ::1] weights
    cdef const int16_t[::1] stretched_table
    cdef const uint16_t[::1] squashed_table
    cdef Tables tables
    cdef int32_t* first
    cdef int take(self, int32_t[:, ::1] weights, const int16_t[::1] stretched, const uint16_t[::1] squashed) except -1


ctypedef Counter* CounterPointer

cdef struct Mixture:
    # The parts of a mixed prediction.
    CounterPointer[MIXED] counters
    int32_t[MIXED] inputs  # stretched probabilities of the counters, and further inputs; the last is constant
    int32_t* one  # sets of weights, which are added
    int32_t* other
    int count  # of counters


cdef inline int64_t code_mixed(
    RangeCoder coder, const Adaptation* adaptation, const Tables* tables, Mixture* mixture, int64_t bit
) noexcept nogil:
    """Codes a decision with the mixture of the probabilities of some counters; all of them and the weights follow it.

    The caller sets the counters, the two sets of weights, and the inputs after those of the counters.
    """
    cdef int i
    cdef int64_t probability
    for i in range(mixture.count):
        mixture.inputs[i] = tables.stretched[mixture.counters[i].probability >> 4]
    probability = tables.squashed[rl_mix(mixture.inputs, mixture.one, mixture.other) + 2048]
    probability = min(max(probability, LEAST_PROBABILITY), PROBABILITY_ONE - LEAST_PROBABILITY)
    bit = code_decision(coder, probability, bit)
    rl_learn(
        mixture.inputs, <int32_t>(((PROBABILITY_ONE if bit else 0) - probability) >> RATE_BITS), WEIGHT_LIMIT, mixture.one,
        mixture.other,
    )
    for i in range(mixture.count):
        update(adaptation, mixture.counters[i], bit)
    return bit
