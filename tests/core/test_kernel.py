"""Kernels are compiled once for whatever they are given: compiling them again would take longer than their work."""

import numpy as np
import pytest
from numba import typeof

from rlcodec.core.int16_products import PAIRS
from rlcodec.core.integer_mlp import context_net
from rlcodec.presets.mnist.bilevel.transformer import lm_net
from rlcodec.presets.mnist.installed import installed_weights


@pytest.mark.parametrize(("name", "build"), [("pixel_net", context_net), ("source_lm", lm_net)])
def test_new_networks_have_the_types_of_loaded_ones(name, build):
    loaded = getattr(installed_weights(), name)
    stored = {field: array for field, array in loaded._asdict().items() if not field.endswith(PAIRS)}
    built = build(**{field: np.asfortranarray(array) for field, array in stored.items()})
    assert typeof(built) == typeof(loaded)
    assert all(np.array_equal(a, b) for a, b in zip(built, loaded, strict=True))
