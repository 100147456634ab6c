"""Adaptive counters and mixing weights: copies go their own way, and what does not fit is refused."""

import numpy as np
import pytest

from rlcodec.core._adaptive import MOST_USES, Counters
from rlcodec.core._mixing import MIXED, STRETCH_LIMIT, STRETCHES, WEIGHT_LIMIT, Mixers

STRETCHED, SQUASHED = np.zeros(STRETCHES, np.int16), np.full(STRETCHES, 1 << 15, np.uint16)


def test_counters_are_copied():
    states = np.array([[1 << 15, 0], [100, MOST_USES]], np.uint16)
    counters = Counters(states, 250)
    states[0] = 7, 7
    assert len(counters) == 2
    assert counters.states.tolist() == [[1 << 15, 0], [100, MOST_USES]]
    assert np.array_equal(counters.copy().states, counters.states)
    counters.states[:] = 0
    assert counters.states.any()


@pytest.mark.parametrize(
    ("states", "limit", "told"),
    [
        (np.zeros((0, 2)), 250, "0 counters"),
        (np.zeros((3, 3)), 250, "3 counters"),
        (np.zeros((3, 2)), 0, "limit 0"),
        (np.zeros((3, 2)), MOST_USES + 1, f"limit {MOST_USES + 1}"),
        (np.full((3, 2), MOST_USES + 1), 250, f"has {MOST_USES + 1} uses"),
    ],
)
def test_counters_out_of_range_are_refused(states, limit, told):
    with pytest.raises(ValueError, match=told):
        Counters(states.astype(np.uint16), limit)


def test_mixing_weights_are_copied():
    weights = np.arange(2 * MIXED, dtype=np.int32).reshape(2, MIXED)
    mixers = Mixers(weights, STRETCHED, SQUASHED)
    weights[:] = -1
    assert len(mixers) == 2
    assert mixers.states.reshape(-1).tolist() == list(range(2 * MIXED))
    assert np.array_equal(mixers.copy().states, mixers.states)


@pytest.mark.parametrize(
    ("weights", "stretched", "squashed", "told"),
    [
        (np.zeros((0, MIXED)), STRETCHED, SQUASHED, "0 sets"),
        (np.zeros((2, MIXED + 1)), STRETCHED, SQUASHED, f"2 sets of {MIXED + 1}"),
        (np.zeros((2, MIXED)), STRETCHED[1:], SQUASHED, f"{STRETCHES - 1} and {STRETCHES}"),
        (np.zeros((2, MIXED)), STRETCHED, SQUASHED[1:], f"{STRETCHES} and {STRETCHES - 1}"),
        (np.zeros((2, MIXED)), STRETCHED + np.int16(STRETCH_LIMIT + 1), SQUASHED, "out of range"),
        (np.full((2, MIXED), -WEIGHT_LIMIT - 1), STRETCHED, SQUASHED, "out of range"),
    ],
)
def test_mixing_weights_out_of_range_are_refused(weights, stretched, squashed, told):
    with pytest.raises(ValueError, match=told):
        Mixers(weights.astype(np.int32), stretched, squashed)
