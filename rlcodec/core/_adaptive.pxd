from libc.stdint cimport int64_t, uint16_t, uint32_t

from rlcodec.core._range_coder cimport PROBABILITY_ONE, RangeCoder, code_half, code_unpriced

cpdef enum:
    MOST_USES = 1023  # the most that a counter counts

cdef enum:
    LEAST_PROBABILITY = 32  # of either decision, in 1/65536


cdef struct Counter:
    uint16_t probability  # of a 1, in 1/65536
    uint16_t uses


cdef struct Adaptation:
    const uint16_t* rates  # by number of uses, in 1/65536
    int64_t limit  # number of uses, of at most MOST_USES, from which on a counter forgets


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
    """Moves a counter towards a decision; as `rl_follow` moves four."""
    cdef uint16_t decided = PROBABILITY_ONE - 1 if bit else 0, distance = counter.probability ^ decided
    distance -= <uint16_t>((<uint32_t>distance * adaptation.rates[counter.uses]) >> 16)
    counter.probability = distance ^ decided
    counter.uses = <uint16_t>min(counter.uses + 1, adaptation.limit)


cdef inline int64_t code_adaptive(
    RangeCoder coder, const Adaptation* adaptation, Counter* counter, int64_t bit
) noexcept nogil:
    """Codes a decision with the probability of a counter, which follows it; as `code_unpriced`."""
    bit = code_unpriced(coder, probability_of(counter), bit)
    update(adaptation, counter, bit)
    return bit


cdef inline int64_t code_tail(
    RangeCoder coder, const Adaptation* adaptation, Counter* chain, int counters, int most, int64_t rest
) noexcept nogil:
    """Codes a number by an Exp-Golomb code of order 0, whose number of digits is adaptive.

    Args:
        coder: codes in its direction.
        adaptation: of the counters.
        chain: counters of the decisions whether there is a further digit; all from the last on share it.
        counters: of the chain.
        most: digits.
        rest: the number, when encoding.

    Returns:
        The number; 0 if the coder is now exhausted.
    """
    cdef int64_t digits = 0, i, out = 0
    while digits < most and code_adaptive(
        coder, adaptation, chain + min(digits, counters - 1), rest >= (<int64_t>1 << digits)
    ):
        rest -= <int64_t>1 << digits
        digits += 1
    for i in range(digits - 1, -1, -1):
        out = 2 * out + code_half(coder, (rest >> i) & 1)
    return 0 if coder.state.exhausted else out + (<int64_t>1 << digits) - 1
