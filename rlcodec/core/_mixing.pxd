from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint64_t

from rlcodec.core._adaptive cimport LEAST_PROBABILITY, Adaptation, Counter
from rlcodec.core._range_coder cimport PROBABILITY_ONE, RangeCoder, code_unpriced

cpdef enum:
    MIXED = 8  # weights of a set
    BLENDED = 4  # counters whose probabilities are mixed; other inputs make up the rest
    STRETCHES = 4096  # entries of either table
    STRETCH_LIMIT = 2047  # of stretched probabilities: 256 times their log odds
    WEIGHT_LIMIT = 1 << 20  # of weights that coding begins with, in 1/65536
    MOST_MIXTURES = 4  # that are added up
    RATE_BITS = 1  # errors in 1/65536 are halved before weights follow them

cdef extern from "mixing.h":
    uint64_t rl_four(int32_t, int32_t, int32_t, int32_t) noexcept nogil
    int32_t rl_stretched(const void*, const int16_t*) noexcept nogil
    ctypedef struct rl_inputs:
        pass
    rl_inputs rl_gather(void**, const int16_t*, uint64_t) noexcept nogil
    int32_t rl_sum(rl_inputs, const int32_t*, const int32_t*) noexcept nogil
    int32_t rl_mix(rl_inputs, const int32_t*, const int32_t*) noexcept nogil
    const int RL_SUM_SHIFT
    void rl_learn(rl_inputs, int32_t, int32_t*, int32_t*) noexcept nogil
    void rl_follow(void**, const uint16_t*, int64_t, int64_t) noexcept nogil


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
    CounterPointer[BLENDED] counters  # whose stretched probabilities are the first inputs
    uint64_t further  # the other inputs, by `rl_four`
    int32_t* one  # sets of weights, which are added
    int32_t* other


cdef inline int32_t stretched(const Tables* tables, const Counter* counter) noexcept nogil:
    """Stretched probability of a counter."""
    return rl_stretched(counter, tables.stretched)


cdef inline int64_t code_mixed(
    RangeCoder coder, const Adaptation* adaptation, const Tables* tables, const Mixture* mixture, int64_t bit
) noexcept nogil:
    """Codes a decision with the mixture of the probabilities of some counters; all of them and the weights follow it.

    As with `code_adaptive`, the cost grows only when encoding.
    """
    cdef rl_inputs inputs = rl_gather(<void**>mixture.counters, tables.stretched, mixture.further)
    cdef int64_t probability = tables.squashed[rl_mix(inputs, mixture.one, mixture.other) + 2048]
    probability = min(max(probability, LEAST_PROBABILITY), PROBABILITY_ONE - LEAST_PROBABILITY)
    bit = code_unpriced(coder, probability, bit)
    rl_learn(inputs, <int32_t>(((PROBABILITY_ONE if bit else 0) - probability) >> RATE_BITS), mixture.one, mixture.other)
    rl_follow(<void**>mixture.counters, adaptation.rates, adaptation.limit, bit)
    return bit


cdef inline int64_t code_mixed_several(
    RangeCoder coder, const Adaptation* adaptation, const Tables* tables, const Mixture* mixtures, int count, int64_t bit
) noexcept nogil:
    """As `code_mixed`, with the sum of at most MOST_MIXTURES mixtures, whose counters and sets of weights all differ."""
    cdef rl_inputs[MOST_MIXTURES] inputs
    cdef int64_t sum = 0, probability
    cdef int32_t error
    cdef int i
    for i in range(count):
        inputs[i] = rl_gather(<void**>mixtures[i].counters, tables.stretched, mixtures[i].further)
        sum += rl_sum(inputs[i], mixtures[i].one, mixtures[i].other)
    probability = tables.squashed[min(max(sum >> RL_SUM_SHIFT, -STRETCH_LIMIT), STRETCH_LIMIT) + 2048]
    probability = min(max(probability, LEAST_PROBABILITY), PROBABILITY_ONE - LEAST_PROBABILITY)
    bit = code_unpriced(coder, probability, bit)
    error = <int32_t>(((PROBABILITY_ONE if bit else 0) - probability) >> RATE_BITS)
    for i in range(count):
        rl_learn(inputs[i], error, mixtures[i].one, mixtures[i].other)
        rl_follow(<void**>mixtures[i].counters, adaptation.rates, adaptation.limit, bit)
    return bit
