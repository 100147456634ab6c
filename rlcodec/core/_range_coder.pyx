"""The binary range coder that `rlcodec.core.range_coder` describes."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

cdef enum:
    FIRST_CAPACITY = 256

cdef int32_t[PROBABILITY_ONE + 1] COSTS


cdef void fill_costs() noexcept nogil:
    """Computes code lengths of decisions of probability p / 2**16, rounded up, in integers.

    Binary logarithm by repeated squaring (Knuth, TAOCP volume 1, exercise 1.2.2-25). Truncation makes the logarithm too small
    and so the code length too large; one more unit covers what the coder's own rounding loses.
    """
    cdef int64_t probability, exponent, mantissa, logarithm, carry
    cdef int _bit
    for probability in range(1, PROBABILITY_ONE):
        exponent = 0
        while probability >> (exponent + 1):
            exponent += 1
        mantissa = probability << (30 - exponent)
        logarithm = exponent
        for _bit in range(COST_BITS):
            mantissa = (mantissa * mantissa) >> 30
            carry = mantissa >> 31
            mantissa >>= carry
            logarithm = (logarithm << 1) | carry
        COSTS[probability] = <int32_t>(PROBABILITY_BITS * COST_UNIT - logarithm + 1)


fill_costs()


def cost_table():
    """Code lengths of decisions by their probability in 1/65536, in 1/COST_UNIT bit: int32 (PROBABILITY_ONE + 1,)."""
    return (<int32_t[:PROBABILITY_ONE + 1]>COSTS).copy()


cdef class RangeCoder:
    """A range coder: without arguments about to write, with them about to read.

    Args:
        data: bytes of the payload that are there.
        length: bytes of the whole payload. If `data` is shorter, decoding stops at the first decision that the missing bytes
            could change. Beyond `length` the payload reads as zeros.
    """

    def __cinit__(self, const uint8_t[::1] data=None, int64_t length=0):
        self.costs = COSTS
        self.owner = data
        if data is None:
            start_encoding(self)
        else:
            start_decoding(self, &data[0] if data.shape[0] else NULL, data.shape[0], length)

    def __dealloc__(self):
        free(self.written)

    @property
    def cost(self):
        """Code length so far in 1/COST_UNIT bit."""
        return self.state.cost

    @property
    def macs(self):
        """Multiply-accumulates spent on predictions so far."""
        return self.state.macs

    @property
    def exhausted(self):
        """Whether the data end before the next decision is determined."""
        return self.state.exhausted != 0

    @property
    def encoding(self):
        """Whether the coder writes."""
        return self.state.direction == ENCODE

    @property
    def previous_tier(self):
        """Tier of the segment before."""
        return self.state.previous_tier

    def code(self, int64_t probability, int64_t bit=0):
        """Codes one binary decision.

        Args:
            probability: of a 1, in 1/65536, above 0 and below 1.
            bit: the decision when encoding; ignored when decoding.

        Returns:
            The decision; 0 if the coder is now exhausted.
        """
        if not 0 < probability < PROBABILITY_ONE:
            raise ValueError(f"the probability of a decision is {probability} / {PROBABILITY_ONE}")
        return code_decision(self, probability, bit)

    def finish(self):
        """Ends an encoder and returns its payload, of as many bytes as its code length fills."""
        cdef int64_t length = end_payload(self)
        if self.state.exhausted:
            raise MemoryError("no memory is left for the payload")
        return <bytes>self.written[:length]


cdef void start_encoding(RangeCoder coder) noexcept nogil:
    """Resets a coder to one about to write."""
    memset(&coder.state, 0, sizeof(CoderState))
    coder.state.range, coder.state.direction, coder.state.previous_tier = RANGE_TOP, ENCODE, 1


cdef void start_decoding(RangeCoder coder, const uint8_t* payload, int64_t available, int64_t length) noexcept nogil:
    """Resets a coder to one about to read; the caller keeps the payload alive."""
    cdef CoderState* state = &coder.state
    cdef int64_t i
    memset(state, 0, sizeof(CoderState))
    coder.payload, coder.available = payload, available
    state.range, state.direction, state.previous_tier = RANGE_TOP, DECODE, 1
    state.end, state.position = length, WINDOW_BYTES
    for i in range(WINDOW_BYTES):
        state.point <<= 8
        state.slack <<= 8
        if i < available:
            state.point |= payload[i]
        elif i < length:
            state.slack |= 255


cdef void renormalise(RangeCoder coder) noexcept nogil:
    """Writes or reads bytes until the range is at least RANGE_FLOOR."""
    cdef CoderState* state = &coder.state
    if state.direction == DECODE:
        while state.range < RANGE_FLOOR:
            state.range <<= 8
            state.point <<= 8
            state.slack <<= 8
            if state.position < state.end:
                if state.position < coder.available:
                    state.point |= coder.payload[state.position]
                else:
                    state.slack |= 255
            state.position += 1
        return
    if state.point >= RANGE_TOP:
        state.point -= RANGE_TOP
        carry(coder.written, state.position - 1)
    while state.range < RANGE_FLOOR:
        state.range <<= 8
        if make_room(coder, state.position + 1):
            coder.written[state.position] = <uint8_t>(state.point >> (RANGE_BITS - 8))
            state.position += 1
        state.point = (state.point & (RANGE_FLOOR - 1)) << 8


cdef bint make_room(RangeCoder coder, int64_t size) noexcept nogil:
    """Grows an encoder's buffer to at least `size` bytes; if it cannot, the coder is exhausted and false is returned."""
    cdef int64_t capacity = coder.capacity
    cdef void* grown
    if size <= capacity:
        return True
    capacity = max(FIRST_CAPACITY, 2 * capacity, size)
    grown = realloc(coder.written, <size_t>capacity)
    if grown == NULL:
        coder.state.exhausted = 1
        return False
    coder.written, coder.capacity = <uint8_t*>grown, capacity
    return True


cdef inline void carry(uint8_t* written, int64_t position) noexcept nogil:
    while written[position] == 255:
        written[position] = 0
        position -= 1
    written[position] += 1


cdef int64_t end_payload(RangeCoder coder) noexcept nogil:
    """Ends an encoder; returns the length of its payload, which is the front of `written`.

    The interval that is left is at least one unit of the next byte wide, so one more byte suffices to name a point in it.
    """
    cdef CoderState* state = &coder.state
    cdef int64_t length = (state.cost + 8 * COST_UNIT - 1) // (8 * COST_UNIT)
    cdef int64_t last
    if length == 0 or not make_room(coder, max(length, state.position + 1)):
        return 0
    last = (state.point + RANGE_FLOOR - 1) >> (RANGE_BITS - 8)
    if last > 255:
        carry(coder.written, state.position - 1)
        last -= 256
    coder.written[state.position] = <uint8_t>last
    if length > state.position + 1:
        memset(coder.written + state.position + 1, 0, <size_t>(length - state.position - 1))
    return length
