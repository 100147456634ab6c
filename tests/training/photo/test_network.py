"""Training of the network of preset `photo`: it learns a simple law, in integers, and is deterministic."""

import numpy as np
import pytest
import torch

from rlcodec.presets.photo._network import INPUT_UNIT, NETWORK_INPUTS, NODES
from rlcodec.presets.photo.weights import SHAPES
from rlcodec.training.photo import network
from rlcodec.training.photo.network import CLASSES, Records, fit_network

TELLING, OTHER = 5, 11
"""Inputs: magnitudes are 0 unless one is large, and the other says nothing."""
LIMIT = 2047


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small batches take less time in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(1)
    inputs = rng.integers(0, 4 * INPUT_UNIT, (4000, NETWORK_INPUTS)).astype(np.int16)
    values = np.zeros((len(inputs), 2), np.uint8)
    values[:, 0] = rng.integers(0, CLASSES, len(inputs))
    values[:, 1] = 3 * (inputs[:, TELLING] > 2 * INPUT_UNIT)
    return inputs, values


@pytest.fixture(scope="module")
def fitted(samples):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "BATCH", 128)
        yield fit_network(*samples, 200, seed=2)


def logits_of(arrays: dict[str, np.ndarray], inputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The integer network, as docs/format.md has it."""

    def shifted(sums: np.ndarray, by: int, low: int, high: int) -> np.ndarray:
        return np.clip((sums + (1 << (by - 1))) >> by, low, high)

    first, second, last = (arrays[f"network_{name}"].astype(np.int64) for name in ("first", "second", "last"))
    hidden = shifted(arrays["network_rows"][classes] + inputs @ first, 9, 0, 1023)
    hidden = shifted(arrays["network_second_bias"] + hidden @ second, 10, 0, 1023)
    return shifted(arrays["network_last_bias"] + hidden @ last, 9, -LIMIT, LIMIT)


def test_the_network_learns_a_law(samples, fitted):
    inputs, values = (part.astype(np.int64) for part in samples)
    clear = np.abs(inputs[:, TELLING] - 2 * INPUT_UNIT) > INPUT_UNIT // 4
    nonzero = logits_of(fitted, inputs, values[:, 0])[:, 0] > 0
    assert np.mean((nonzero == (values[:, 1] > 0))[clear]) > 0.98
    changed = inputs.copy()
    changed[:, OTHER] = 0
    assert np.mean(logits_of(fitted, changed, values[:, 0])[clear, 0] > 0) == pytest.approx(np.mean(nonzero[clear]), abs=0.02)
    more = logits_of(fitted, inputs[nonzero & clear], values[nonzero & clear, 0])
    assert np.mean(more[:, 1:3] > 0) > 0.99  # greater than 1, and than 2
    assert np.mean(more[:, 3] < 0) > 0.99  # not greater than 3


def test_arrays_are_those_of_a_weights_file(fitted):
    assert set(fitted) == {name for name in SHAPES if name.startswith("network")}
    assert all((array.shape, array.dtype) == SHAPES[name] for name, array in fitted.items())
    assert fitted["network_last_bias"].size == NODES


def test_training_is_deterministic(samples):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "BATCH", 64)
        one, two, other = (fit_network(*samples, 5, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["network_first"], other["network_first"])


def test_some_records_are_drawn():
    records = Records(10)
    records.inputs[:, 0] = records.values[:, 1] = range(10)
    inputs, values = records.drawn(6, 4, np.random.default_rng(1))
    assert np.array_equal(inputs[:, 0], values[:, 1])
    assert len(set(values[:, 1])) == 4
    assert values[:, 1].max() < 6
    assert len(records.drawn(3, 4, np.random.default_rng(1))[0]) == 3
