"""Kernels are compiled once for whatever they are given: compiling them again would take longer than their work."""

import numpy as np
import pytest
from numba import typeof

from rlcodec.control.actor import decide
from rlcodec.control.objective import Objective
from rlcodec.core.int16_products import PAIRS
from rlcodec.core.integer_mlp import context_net
from rlcodec.envs.tasks import task_of
from rlcodec.presets.mnist.bilevel.transformer import lm_net
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.observation import write_observations


@pytest.mark.parametrize(("name", "build"), [("pixel_net", context_net), ("source_lm", lm_net)])
def test_new_networks_have_the_types_of_loaded_ones(name, build):
    loaded = getattr(installed_weights(), name)
    stored = {field: array for field, array in loaded._asdict().items() if not field.endswith(PAIRS)}
    built = build(**{field: np.asfortranarray(array) for field, array in stored.items()})
    assert typeof(built) == typeof(loaded)
    assert all(np.array_equal(a, b) for a, b in zip(built, loaded, strict=True))


def test_integer_objectives_and_traces_need_no_further_compilation(digit, traced):
    task = task_of("mnist")
    task.encode_under(None, digit, Objective("mse", 1200.0, 1.0))
    before = write_observations.signatures
    task.encode_under(None, digit, Objective("mse", 1200, 1))
    policy = task.load_policy(None)
    decide(task.process(traced, policy.predictor), policy, Objective("mse", 1200.0, 1.0))
    assert write_observations.signatures == before
    assert {typeof(array).layout for array in vars(traced).values() if isinstance(array, np.ndarray)} == {"C"}
