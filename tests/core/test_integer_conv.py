"""The integer transforms: equal to an emulation in double precision, and defined for every size and budget."""

import numpy as np
import pytest
import torch

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.integer_conv import ConvLayer, analyse, keep_bits, latent_shape, run_layers, synthesise
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.training.mnist.autoencoder import AutoEncoder, export_transforms
from rlcodec.training.mnist.reconstructions import run_layers_batched


def emulate(layers: tuple[ConvLayer, ...], x: np.ndarray) -> np.ndarray:
    """`run_layers` on (height, width, channels) by torch in float64, where every sum is exact."""
    out = run_layers_batched(layers, torch.from_numpy(x.transpose(2, 0, 1)[None].copy()), dtype=torch.float64)
    return out[0].numpy().transpose(1, 2, 0)


def random_layers(seed: int) -> tuple[ConvLayer, ...]:
    """Layers of every kind whose sums come close to the ends of int32."""
    random = np.random.default_rng(seed)

    def layer(taps: int, inputs: int, filters: int, shift: int, low: int, high: int, stride: int, shuffle: int) -> ConvLayer:
        reach = min(32767, (2**31 - 2**24) // (taps * taps * inputs * ACTIVATION_MAX) - 1)
        weight = random.integers(-reach, reach + 1, (taps, taps, inputs, filters)).astype(np.int16)
        bias = random.integers(-(2**22), 2**22, filters).astype(np.int32)
        return ConvLayer(weight, bias, shift, low, high, stride, shuffle)

    return (
        layer(5, 1, 6, 16, 0, ACTIVATION_MAX, 2, 1),
        layer(3, 6, 8, 17, 0, ACTIVATION_MAX, 1, 2),
        layer(1, 2, 3, 0, -1, 0, 2, 1),
        layer(3, 3, 4, 7, 0, 255, 1, 2),
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 13)])
def test_random_networks_equal_double_precision(seed, size):
    layers = random_layers(seed)
    x = np.random.default_rng(seed).integers(0, ACTIVATION_MAX + 1, (*size, 1)).astype(np.int16)
    out = run_layers(layers, x)
    assert (out == emulate(layers, x)).all()
    assert len(np.unique(out)) > 1 or size == (1, 1)


def test_shipped_transforms_equal_double_precision(digits):
    weights = installed_weights()
    random = np.random.default_rng(0)
    for digit in digits[:8]:
        latent = analyse(weights.analysis, digit)
        emulated = emulate(weights.analysis, digit[..., None].astype(np.int16))
        assert (latent == np.where(emulated >= 0, 1, -1).transpose(2, 0, 1)).all()
        kept = keep_bits(latent, int(random.integers(0, latent.size + 1)))
        emulated = emulate(weights.synthesis, kept.transpose(1, 2, 0).astype(np.int16))
        assert (synthesise(weights.synthesis, kept, 28, 28) == emulated[..., 0]).all()


def test_exported_transforms_equal_the_network_that_was_trained(digits):
    torch.manual_seed(0)
    network = AutoEncoder(4, (6, 8, 8), (8, 6, 4))
    analysis, synthesis = export_transforms(network)
    images = torch.from_numpy(digits[:16].copy()).float()[:, None] / 256
    with torch.no_grad():
        logits = network.analyse(images)
        bits = torch.where(logits >= 0, 1.0, -1.0)
        pixels = (network.synthesise(bits)[:, 0] * 256).clamp(0, 255).numpy()
    for i in range(16):
        latent = analyse(analysis, digits[i])
        sure = logits[i].abs().numpy() > 0.01
        assert (latent == bits[i].numpy())[sure].all()
        shown = synthesise(synthesis, bits[i].numpy().astype(np.int8), 28, 28)
        assert np.abs(shown - pixels[i]).max() <= 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 4), (5, 4), (28, 28), (27, 29), (64, 1)])
def test_any_size_has_a_latent_and_comes_back_in_its_size(height, width):
    weights = installed_weights()
    image = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    latent = analyse(weights.analysis, image)
    assert latent.shape == (weights.slices, *latent_shape(height, width))
    assert set(np.unique(latent)) <= {-1, 1}
    out = synthesise(weights.synthesis, latent, height, width)
    assert (out.shape, out.dtype) == ((height, width), np.uint8)


def test_keep_bits_keeps_the_front_slice_by_slice():
    latent = np.where(np.arange(3 * 2 * 2) % 2, 1, -1).astype(np.int8).reshape(3, 2, 2)
    for budget in range(latent.size + 1):
        kept = keep_bits(latent, budget).reshape(-1)
        assert (kept[:budget] == latent.reshape(-1)[:budget]).all()
        assert not kept[budget:].any()
