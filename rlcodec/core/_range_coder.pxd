from libc.stdint cimport int32_t, int64_t, uint8_t

cpdef enum:
    PROBABILITY_BITS = 16
    PROBABILITY_ONE = 1 << 16
    COST_BITS = 20
    COST_UNIT = 1 << 20  # code lengths are integers in units of 1/COST_UNIT bit

cdef enum:
    ENCODE = 0
    DECODE = 1
    RANGE_BITS = 48
    WINDOW_BYTES = 6
    UNDETERMINED = -1  # a decision that missing bytes could change

cdef extern from *:
    """
    #define RL_RANGE_TOP (INT64_C(1) << 48)
    #define RL_RANGE_FLOOR (INT64_C(1) << 40)
    """
    const int64_t RANGE_TOP "RL_RANGE_TOP"
    const int64_t RANGE_FLOOR "RL_RANGE_FLOOR"


cdef struct CoderState:
    # When encoding, `point` is the low end of the range, with a carry that is not propagated yet; when decoding, the payload's
    # value above the low end, in which missing bytes count as 0. With other missing bytes it is larger by at most `slack`.
    int64_t point
    int64_t range  # its width
    int64_t slack
    int64_t position  # of the next byte
    int64_t end  # length of the whole payload
    int64_t cost  # code length so far in 1/COST_UNIT bit
    int64_t macs  # multiply-accumulates spent on predictions
    int64_t previous_tier  # of the segment before
    int64_t exhausted  # whether the data end before the next decision is determined
    int64_t direction  # ENCODE or DECODE


cdef class RangeCoder:
    cdef CoderState state
    cdef const int32_t* costs  # code length of a decision by its probability in 1/65536, in 1/COST_UNIT bit
    cdef uint8_t* written  # payload of an encoder
    cdef int64_t capacity  # bytes of `written`
    cdef const uint8_t* payload  # of a decoder
    cdef int64_t available  # bytes of `payload` that are there
    cdef object owner  # keeps `payload` alive


cdef void start_encoding(RangeCoder coder) noexcept nogil
cdef void start_decoding(RangeCoder coder, const uint8_t* payload, int64_t available, int64_t length) noexcept nogil
cdef void renormalise(RangeCoder coder) noexcept nogil
cdef int64_t end_payload(RangeCoder coder) noexcept nogil


cdef inline int64_t decide(CoderState* state, int64_t probability, int64_t bit) noexcept nogil:
    """Narrows the range by a decision; for loops that keep the state in a local variable.

    The caller adds up the cost, and calls `renormalise` when the range is below RANGE_FLOOR.

    Args:
        state: of the coder.
        probability: of a 1, in (0, 65536).
        bit: the decision when encoding; ignored when decoding.

    Returns:
        The decision or UNDETERMINED.
    """
    cdef int64_t bound = (state.range >> PROBABILITY_BITS) * probability
    if state.direction == DECODE:
        if state.point >= bound:
            state.point -= bound
            state.range -= bound
            return 0
        if state.point + state.slack >= bound:
            return UNDETERMINED
        state.range = bound
        return 1
    if bit:
        state.range = bound
        return 1
    state.point += bound
    state.range -= bound
    return 0


cdef inline int64_t pass_decision(RangeCoder coder, int64_t probability, int64_t bit, bint priced) noexcept nogil:
    """The common part of `code_decision` and `code_unpriced`; a decoder's cost grows if `priced`."""
    bit = decide(&coder.state, probability, bit)
    if bit == UNDETERMINED:
        coder.state.exhausted = 1
        return 0
    if priced or coder.state.direction == ENCODE:
        coder.state.cost += coder.costs[probability if bit else PROBABILITY_ONE - probability]
    if coder.state.range < RANGE_FLOOR:
        renormalise(coder)
    return bit


cdef inline int64_t code_decision(RangeCoder coder, int64_t probability, int64_t bit) noexcept nogil:
    """Codes one binary decision in the coder's direction.

    Args:
        coder: its cost grows by the decision's.
        probability: of a 1, in (0, 65536).
        bit: the decision when encoding; ignored when decoding.

    Returns:
        The decision. If the data end before it is determined, `exhausted` is set and 0 is returned.
    """
    return pass_decision(coder, probability, bit, True)


cdef inline int64_t code_half(RangeCoder coder, int64_t bit) noexcept nogil:
    """As `code_unpriced` with a probability of one half, without a branch that depends on the decision."""
    cdef CoderState* state = &coder.state
    cdef int64_t bound = (state.range >> PROBABILITY_BITS) << (PROBABILITY_BITS - 1), chosen
    if state.direction == ENCODE or state.slack:
        return pass_decision(coder, PROBABILITY_ONE >> 1, bit, False)
    chosen = (state.point - bound) >> 63  # all ones if the decision is 1
    state.point -= bound & ~chosen
    state.range = ((state.range - bound) & ~chosen) | (bound & chosen)
    if state.range < RANGE_FLOOR:
        renormalise(coder)
    return chosen & 1


cdef inline int64_t code_unpriced(RangeCoder coder, int64_t probability, int64_t bit) noexcept nogil:
    """As `code_decision`, but the cost grows only when encoding: looking a code length up takes longer than decoding does."""
    return pass_decision(coder, probability, bit, False)
