"""Kernels are compiled once for what they work on, wherever it comes from: compiling anew takes longer than the work."""

import numpy as np
import pytest
from numba import typeof

from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.int16_products import PAIRS
from rlcodec.core.integer_mlp import context_net
from rlcodec.envs.mnist.fit import known_of
from rlcodec.presets.mnist import planner
from rlcodec.presets.mnist.bilevel.transformer import lm_net
from rlcodec.presets.mnist.policy import encode_under_policy
from rlcodec.presets.mnist.weights import load_model


@pytest.mark.parametrize(("name", "made"), [("pixel_net", context_net), ("scan_lm", lm_net)])
def test_networks_just_made_are_like_those_loaded(name, made):
    loaded = getattr(load_model(), name)
    stored = {field: array for field, array in loaded._asdict().items() if not field.endswith(PAIRS)}
    turned = made(**{field: np.asfortranarray(array) for field, array in stored.items()})
    assert typeof(turned) == typeof(loaded)
    assert all(np.array_equal(a, b) for a, b in zip(turned, loaded, strict=True))


def test_objectives_in_whole_numbers_and_traces_are_like_any(digit, traced):
    model = load_model()
    policy = load_policy(None, model)
    encode_under_policy(policy, model, digit, Objective("mse", 1200.0, 1.0))
    before = planner._observe.signatures
    encode_under_policy(policy, model, digit, Objective("mse", 1200, 1))
    assert planner._observe.signatures == before
    assert {typeof(array).layout for array in known_of(traced)} == {"C"}
