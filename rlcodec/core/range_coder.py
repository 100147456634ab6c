"""A binary range coder in exact integers, one routine for both directions.

When to use it: for streams of a hundred bytes, where flushing two words at the end would cost several per cent. It keeps 48
bits of range, so rounding loses less than 2**-24 of the interval per decision, and **a payload with a code length of c bits
takes exactly ceil(c / 8) bytes**. The size of a file is therefore a function of the code lengths of its segments, and tables of
code lengths predict it exactly.

Source: Martin, "Range encoding" (1979), with the carry resolved in the buffer.
"""

from typing import Any

import numpy as np

from rlcodec.core.kernel import kernel

PROBABILITY_BITS = 16
PROBABILITY_ONE = 1 << PROBABILITY_BITS
COST_BITS = 20
COST_UNIT = 1 << COST_BITS
"""Code lengths are integers in units of 1/COST_UNIT bit."""

RANGE_BITS = 48
RANGE_TOP = 1 << RANGE_BITS
RANGE_FLOOR = 1 << (RANGE_BITS - 8)
WINDOW_BYTES = RANGE_BITS // 8

ENCODE, DECODE = 0, 1

# Fields of a coder's state, an int64 array.
POINT, RANGE, SLACK, POSITION, END, COST, EXHAUSTED, MACS, DIRECTION, PREVIOUS_TIER = range(10)
STATE_FIELDS = 10
"""POINT is, when encoding, the low end of the range, with a carry that is not propagated yet; when decoding, the payload's
value above the low end, in which missing bytes count as 0. With other missing bytes it is larger by at most SLACK. RANGE is the
width of the range; POSITION the next byte; END the length of the whole payload; COST the code length so far in 1/COST_UNIT bit;
MACS the multiply-accumulates spent on predictions; PREVIOUS_TIER the tier of the segment before."""
UNDETERMINED = -1
"""A decision that missing bytes could change."""


def _cost_table() -> np.ndarray:
    """Code length of a decision of probability p / 2**16, rounded up, computed in integers; int64 (PROBABILITY_ONE + 1,).

    Binary logarithm by repeated squaring (Knuth, TAOCP volume 1, exercise 1.2.2-25). Truncation makes the logarithm too small
    and so the code length too large; one more unit covers what the coder's own rounding loses.
    """
    probability = np.arange(1, PROBABILITY_ONE, dtype=np.int64)
    exponent = np.zeros_like(probability)
    for _ in range(PROBABILITY_BITS):
        exponent += (probability >> (exponent + 1)) > 0
    mantissa = probability << (30 - exponent)
    logarithm = exponent
    for _ in range(COST_BITS):
        mantissa = (mantissa * mantissa) >> 30
        carry = mantissa >> 31
        mantissa >>= carry
        logarithm = (logarithm << 1) | carry
    table = np.zeros(PROBABILITY_ONE + 1, np.int64)
    table[1:-1] = PROBABILITY_BITS * COST_UNIT - logarithm + 1
    return table


COSTS = _cost_table()
"""Code length of a decision by its probability in 1/65536, in 1/COST_UNIT bit."""


@kernel
def code_decision(state, data, costs, probability, bit):
    """Codes one binary decision.

    Args:
        state: int64 coder state, see `encoder_state` and `decoder_state`.
        data: uint8, the payload being written or read.
        costs: `COSTS`.
        probability: of a 1, in (0, 65536).
        bit: the decision when encoding; ignored when decoding.

    Returns:
        The decision. If the data end before it is determined, `state[EXHAUSTED]` is set and 0 is returned.
    """
    bit, size, point = decide(state[DIRECTION], bit, state[RANGE], state[POINT], state[SLACK], probability)
    if bit == UNDETERMINED:
        state[EXHAUSTED] = 1
        return 0
    state[RANGE], state[POINT] = size, point
    state[COST] += costs[probability if bit else PROBABILITY_ONE - probability]
    if size < RANGE_FLOOR:
        renormalise(state, data)
    return bit


@kernel
def decide(direction, bit, size, point, slack, probability):
    """Narrows the range by a decision, for loops that keep the fields of the state in local variables.

    The caller adds up the cost, and calls `renormalise` when the range is below RANGE_FLOOR.

    Args:
        direction: ENCODE or DECODE; this, `size` (RANGE), `point` and `slack` are fields of a coder's state.
        bit: as `code_decision`.
        size: see `direction`.
        point: see `direction`.
        slack: see `direction`.
        probability: as `code_decision`.

    Returns:
        The decision or UNDETERMINED, and the new RANGE and POINT.
    """
    bound = (size >> PROBABILITY_BITS) * probability
    if direction == DECODE:
        if point >= bound:
            bit = 0
        elif point + slack < bound:
            bit = 1
        else:
            bit = UNDETERMINED
    if bit == 0:
        point = point - bound if direction == DECODE else point + bound
        bound = size - bound
    return bit, bound, point


@kernel
def renormalise(state, data):
    """Writes or reads bytes until the range is at least RANGE_FLOOR."""
    if state[DIRECTION] == DECODE:
        while state[RANGE] < RANGE_FLOOR:
            state[RANGE] <<= 8
            state[POINT] <<= 8
            state[SLACK] <<= 8
            if state[POSITION] < state[END]:
                if state[POSITION] < data.shape[0]:
                    state[POINT] |= data[state[POSITION]]
                else:
                    state[SLACK] |= 255
            state[POSITION] += 1
        return
    if state[POINT] >= RANGE_TOP:
        state[POINT] -= RANGE_TOP
        _carry(data, state[POSITION] - 1)
    while state[RANGE] < RANGE_FLOOR:
        state[RANGE] <<= 8
        data[state[POSITION]] = state[POINT] >> (RANGE_BITS - 8)
        state[POSITION] += 1
        state[POINT] = (state[POINT] & (RANGE_FLOOR - 1)) << 8


@kernel
def _carry(data, position):
    while data[position] == 255:
        data[position] = 0
        position -= 1
    data[position] += 1


def encoder_state() -> np.ndarray:
    """State of a coder about to write."""
    state = np.zeros(STATE_FIELDS, np.int64)
    start_encoding(state)
    return state


@kernel
def start_encoding(state):
    """Resets a state to that of a coder about to write."""
    state[:] = 0
    state[RANGE], state[DIRECTION], state[PREVIOUS_TIER] = RANGE_TOP, ENCODE, 1


def decoder_state(data: np.ndarray, length: int) -> np.ndarray:
    """State of a coder about to read.

    Args:
        data: uint8, the bytes that are there.
        length: bytes of the whole payload. If `data` is shorter, decoding stops at the first decision that the missing bytes
            could change. Beyond `length` the payload reads as zeros.
    """
    state = np.zeros(STATE_FIELDS, np.int64)
    start_decoding(state, data, length)
    return state


@kernel
def start_decoding(state, data, length):
    """Resets a state to that of a coder about to read; arguments as `decoder_state`."""
    state[:] = 0
    state[RANGE], state[DIRECTION], state[PREVIOUS_TIER] = RANGE_TOP, DECODE, 1
    state[END], state[POSITION] = length, WINDOW_BYTES
    for i in range(WINDOW_BYTES):
        state[POINT] <<= 8
        state[SLACK] <<= 8
        if i < data.shape[0]:
            state[POINT] |= data[i]
        elif i < length:
            state[SLACK] |= 255


def payload_bytes(cost: Any) -> Any:
    """Bytes of a payload of a code length in 1/COST_UNIT bit; int, or int64 array."""
    return -(-cost // (8 * COST_UNIT))


def finish(state: np.ndarray, data: np.ndarray) -> bytes:
    """Ends an encoder and returns its payload, of `payload_bytes(state[COST])` bytes."""
    return data[: end_payload(state, data)].tobytes()


@kernel
def end_payload(state, data):
    """Ends an encoder; returns the length of its payload, which is the front of `data`.

    The interval that is left is at least one unit of the next byte wide, so one more byte suffices to name a point in it.
    """
    length = -(-state[COST] // (8 * COST_UNIT))
    if length == 0:
        return length
    position = state[POSITION]
    last = (state[POINT] + RANGE_FLOOR - 1) >> (RANGE_BITS - 8)
    if last > 255:
        _carry(data, position - 1)
        last -= 256
    data[position] = last
    for i in range(position + 1, length):
        data[i] = 0
    return length
