"""The network of tier `network`: what does not fit is refused, and extreme outputs code pictures all the same."""

from dataclasses import replace

import numpy as np
import pytest

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.presets.photo._network import HIDDEN, NETWORK_INPUTS, NODES, SECOND, Network
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.strips import decode_areas

LIMIT = 1 << 30
SHAPES = {
    "first": ((NETWORK_INPUTS, HIDDEN), np.int16),
    "rows": ((36, HIDDEN), np.int32),
    "second": ((HIDDEN, SECOND), np.int16),
    "second_bias": ((SECOND,), np.int32),
    "last": ((SECOND, NODES), np.int16),
    "last_bias": ((NODES,), np.int32),
}


def arrays(**others: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, kind) for name, (shape, kind) in SHAPES.items()} | others


@pytest.mark.parametrize(("name", "axis"), [*((name, -1) for name in SHAPES), ("first", 0), ("second", 0), ("last", 0)])
def test_other_shapes_are_refused(name, axis):
    shape, kind = SHAPES[name]
    other = list(shape)
    other[axis] -= 1
    with pytest.raises(ValueError, match="shape"):
        Network(**arrays(**{name: np.zeros(other, kind)}))


@pytest.mark.parametrize("name", ["rows", "second_bias", "last_bias"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_sums_that_might_overflow_are_refused(name, sign):
    layer = {"rows": "first", "second_bias": "second", "last_bias": "last"}[name]
    weights = np.zeros(*SHAPES[layer])
    weights[:, -1] = sign * 1000
    bias = np.zeros(*SHAPES[name])
    largest = LIMIT - 1 - 1000 * len(weights) * ACTIVATION_MAX
    bias[..., -1] = -sign * largest
    Network(**arrays(**{layer: weights, name: bias}))
    bias[..., -1] = -sign * (largest + 1)
    with pytest.raises(ValueError, match="might not fit into 32 bits"):
        Network(**arrays(**{layer: weights, name: bias}))


@pytest.mark.parametrize("bias", [-(1 << 20), 1 << 20])
def test_logits_are_limited(photograph, bias):
    """A network that is sure of everything, and often wrong: pictures still come back."""
    picture = np.ascontiguousarray(np.asarray(photograph)[60:124, 100:164])
    weights = replace(installed_weights(), network_last_bias=np.full(NODES, bias, np.int32))
    coded = PictureCoder(weights, picture, predictor="network").code(150, ALLOCATIONS["psnr"], keep=True)
    areas, _ = decode_areas(weights, np.frombuffer(coded.payload(), np.uint8).copy(), picture.shape[:2])
    assert np.array_equal(areas.values, coded.areas.values)
