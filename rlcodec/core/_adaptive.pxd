from libc.stdint cimport int32_t, int64_t, uint16_t

from rlcodec.core._range_coder cimport PROBABILITY_ONE, RangeCoder, code_decision

cpdef enum:
    MOST_USES = 1023  # the most that a counter counts

cdef enum:
    LEAST_PROBABILITY = 32  # of either decision, in 1/65536


cdef struct Counter:
    uint16_t probability  # of a 1, in 1/65536
    uint16_t uses


cdef struct Adaptation:
    const uint16_t* rates  # by number of uses, in 1/65536
    int64_t limit  # number of uses from which on a counter forgets


cdef class Counters:
    cdef uint16_t[:, ::1] counters
    cdef Counter* first
    cdef Adaptation adaptation
    cdef int take(self, uint16_t[:, ::1] states, int64_t limit) except -1


cdef inline int64_t probability_of(const Counter* counter) noexcept nogil:
    """Probability of a 1, in 1/65536, that the range coder can code."""
    cdef int64_t probability = counter.probability
    if probability < LEAST_PROBABILITY:
        return LEAST_PROBABILITY
    return min(probability, PROBABILITY_ONE - LEAST_PROBABILITY)


cdef inline void update(const Adaptation* adaptation, Counter* counter, int64_t bit) noexcept nogil:
    """Moves a counter towards a decision."""
    cdef int64_t difference = (PROBABILITY_ONE - 1 if bit else 0) - <int64_t>counter.probability
    counter.probability = <uint16_t>(<int64_t>counter.probability + ((difference * adaptation.rates[counter.uses]) >> 16))
    if counter.uses < adaptation.limit:
        counter.uses += 1


cdef inline int64_t code_adaptive(
    RangeCoder coder, const Adaptation* adaptation, Counter* counter, int64_t bit
) noexcept nogil:
    """Codes a decision with the probability of a counter, which follows it; as `code_decision`."""
    bit = code_decision(coder, probability_of(counter), bit)
    update(adaptation, counter, bit)
    return bit


cdef inline int64_t cost_of(RangeCoder coder, const Counter* counter, int64_t bit) noexcept nogil:
    """Code length of a decision, in 1/COST_UNIT bit."""
    cdef int64_t probability = probability_of(counter)
    return coder.costs[probability if bit else PROBABILITY_ONE - probability]
