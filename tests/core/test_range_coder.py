"""The range coder: what goes in comes out, in exactly the bytes that the code length asks for."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE, RangeCoder, payload_bytes

Decisions = list[tuple[int, int]]

probabilities = st.one_of(
    st.sampled_from([1, 2, 255, 256, 32767, 32768, 65280, 65534, 65535]), st.integers(1, PROBABILITY_ONE - 1)
)
decisions = st.lists(st.tuples(probabilities, st.integers(0, 1)), max_size=300)


def encode(sequence: Decisions) -> tuple[bytes, int]:
    """Payload and code length of decisions given as (probability of a 1, decision)."""
    coder = RangeCoder()
    for probability, bit in sequence:
        assert coder.code(probability, bit) == bit
    cost = coder.cost
    return coder.finish(), cost


def decode(payload: bytes, length: int, sequence: Decisions) -> tuple[list[int], int]:
    """The decisions that `payload`, of a whole of `length` bytes, determines, and their code length."""
    coder, found = RangeCoder(payload, length), []
    for probability, _ in sequence:
        bit = coder.code(probability)
        if coder.exhausted:
            break
        found.append(bit)
    return found, coder.cost


def mixed_decisions(count: int) -> Decisions:
    """A fixed sequence that mixes certain, even and surprising decisions."""
    value, sequence = 1, []
    for _ in range(count):
        value = value * 1103515245 + 12345 & 0x7FFFFFFF
        probability = 1 + (value >> 8) % (PROBABILITY_ONE - 1)
        value = value * 1103515245 + 12345 & 0x7FFFFFFF
        sequence.append((probability, int((value >> 8) % PROBABILITY_ONE < probability)))
    return sequence


@given(decisions)
@example([(65535, 0)] * 40)
@example([(1, 1)] * 40)
@example([(65535, 0)] * 20 + [(1, 1)] * 20)
@example([(32768, 0)] * 47 + [(65535, 1)])
def test_round_trip_in_exactly_the_bytes_of_the_code_length(sequence):
    payload, cost = encode(sequence)
    assert len(payload) == payload_bytes(cost)
    assert decode(payload, len(payload), sequence) == ([bit for _, bit in sequence], cost)


@given(decisions)
def test_code_length_is_the_information(sequence):
    _, cost = encode(sequence)
    chosen = [(p if bit else PROBABILITY_ONE - p) / PROBABILITY_ONE for p, bit in sequence]
    information = -np.log2(chosen).sum() * COST_UNIT if chosen else 0.0
    assert information - 1e-3 <= cost <= information + 3 * len(sequence)


@given(st.lists(st.tuples(probabilities, st.integers(0, 1)), min_size=1, max_size=60))
def test_a_cut_payload_decodes_a_correct_prefix_that_grows_with_every_byte(sequence):
    payload, _ = encode(sequence)
    truth, before = [bit for _, bit in sequence], 0
    for kept in range(len(payload) + 1):
        found, _ = decode(payload[:kept], len(payload), sequence)
        assert found == truth[: len(found)]
        assert len(found) >= before
        before = len(found)
    assert before == len(truth)


def test_a_cut_payload_gives_nearly_all_that_its_bytes_hold():
    sequence = mixed_decisions(500)
    payload, _ = encode(sequence)
    for kept in range(len(payload)):
        found, cost = decode(payload[:kept], len(payload), sequence)
        # The decision that the missing bytes could change is the only one held back, and it costs at most 16 bits.
        costliest = max(COSTS[p if bit else PROBABILITY_ONE - p] for p, bit in sequence[len(found) : len(found) + 1])
        assert cost + costliest >= 8 * kept * COST_UNIT - 8 * COST_UNIT


def test_nothing_coded_is_nothing_written():
    assert encode([]) == (b"", 0)
    assert payload_bytes(0) == 0
    assert payload_bytes(1) == 1
    assert payload_bytes(8 * COST_UNIT) == 1
    assert payload_bytes(8 * COST_UNIT + 1) == 2


def test_cost_table_is_never_below_the_information_and_hardly_above():
    probability = np.arange(1, PROBABILITY_ONE)
    information = (16 - np.log2(probability)) * COST_UNIT
    excess = COSTS[1:-1] - information
    assert excess.min() > 0
    assert excess.max() <= 3
    assert (np.diff(COSTS[1:-1]) <= 0).all()
    assert COSTS[PROBABILITY_ONE // 2] == COST_UNIT + 1


def test_golden_bytes():
    payload, cost = encode(mixed_decisions(200))
    assert payload.hex() == "63e67b17bb904b58e3978234faa794ffa74707"
    assert cost == 158366435


def test_golden_bytes_with_a_carry_through_fifteen_full_bytes():
    around_the_middle = [(32769, 1), (65534, 0)] + [(2, 1), (65534, 0)] * 4
    payload, cost = encode([*around_the_middle, (2, 0)])
    assert payload.hex() == "800000000000000000000000000000000001"
    assert cost == 142606348
    below, _ = encode([*around_the_middle, (2, 1)])
    assert below.hex().startswith("7fffffffffffffffffffffffffffffff")


@pytest.mark.parametrize("probability", [0, PROBABILITY_ONE, -1])
def test_impossible_probabilities_are_refused(probability):
    with pytest.raises(ValueError, match="probability"):
        RangeCoder().code(probability, 1)
