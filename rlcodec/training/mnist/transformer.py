"""Training of tier `lm` of preset `mnist`: the transformer in float, maximum likelihood, and export to integers."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.integer_mlp import sigmoid_table
from rlcodec.presets.mnist.bilevel.context import SELECTED, SELECTED_ROWS
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource
from rlcodec.presets.mnist.bilevel.tokens import source_contexts
from rlcodec.presets.mnist.bilevel.torch_transformer import padded
from rlcodec.presets.mnist.bilevel.transformer import (
    ATTENTION_SCALE,
    CACHE_ENTRIES,
    HEAD_SIZE,
    LM_COLUMNS_ASIDE,
    LM_INPUTS,
    LM_ROWS_ABOVE,
    RESIDUAL,
    LmNet,
    exponential_table,
    lm_net,
)
from rlcodec.training.context_net import BIT
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.options import Schedule, TrainingRun
from rlcodec.training.quantise import ACTIVATION_CEILING, ACTIVATION_SCALE, quantise_layer, shift_between

SCHEDULE = Schedule(steps=14_000, batch=16, learning_rate=2e-3)
LOSS_SCALE = 100
"""Bits per source are divided by this, so that losses are near 1."""
EVALUATED_SOURCES, EVALUATED_AT_ONCE = 500, 20
NORM_FLOOR = 1 / 64
POOL = 4
"""Number of batches drawn and sorted by length, from which one is used: equal lengths within a batch need less padding."""


def normalise(x: Tensor) -> Tensor:
    """Divides by the root mean square over the last axis, as the runtime does, and clips."""
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32) * x.shape[-1] ** -0.5
    return (x * norm.clamp_min(NORM_FLOOR).reciprocal()).clamp(-ACTIVATION_CEILING, ACTIVATION_CEILING)


class Layer(nn.Module):
    """One layer: causal attention whose values also encode the coded symbols, and two dense layers."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.outcome = nn.Parameter(0.02 * torch.randn(2, width))
        self.sink = nn.Parameter(0.02 * torch.randn(2, width))
        for layer in (self.out, self.down):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, x: Tensor, symbols: Tensor) -> Tensor:
        """The residual stream after this layer, (n, t, width).

        Args:
            x: residual stream (n, t, width).
            symbols: the coded symbols (n, t).
        """
        n, t, width = x.shape
        query, key, value = self.qkv(normalise(x)).clamp(-ACTIVATION_CEILING, ACTIVATION_CEILING).split(width, -1)
        ink = symbols[..., None].to(value.dtype)
        value = (value + torch.lerp(self.outcome[0].to(value.dtype), self.outcome[1].to(value.dtype), ink)).clamp(
            -ACTIVATION_CEILING, ACTIVATION_CEILING
        )
        # Shifted by one, with a learned entry first: a token attends to the tokens before it, not to itself.
        learned = self.sink.clamp(-ACTIVATION_CEILING, ACTIVATION_CEILING).to(key.dtype).expand(n, 2, width)
        key = torch.cat([learned[:, :1], key[:, :-1]], 1)
        value = torch.cat([learned[:, 1:], value[:, :-1]], 1)
        heads = [part.view(n, t, -1, HEAD_SIZE).transpose(1, 2) for part in (query, key, value)]
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True, scale=ATTENTION_SCALE)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.down(self.up(normalise(x)).clamp(0, ACTIVATION_CEILING))


class RasterTransformer(nn.Module):
    """The network of `rlcodec.presets.mnist.bilevel.transformer` in float."""

    def __init__(self, width: int = 96, layers: int = 3, hidden: int = 192):
        super().__init__()
        self.first = nn.Linear(LM_INPUTS, width, bias=False)
        self.rows = nn.Parameter(0.02 * torch.randn(SELECTED_ROWS, width))
        self.layers = nn.ModuleList(Layer(width, hidden) for _ in range(layers))
        self.node = nn.Linear(width, 1)

    def forward(self, inputs: Tensor, rows: Tensor, symbols: Tensor) -> Tensor:
        """Logits of a 1, (n, t).

        Args:
            inputs: (n, t, LM_INPUTS).
            rows: indices of learned rows (n, t, SELECTED).
            symbols: the coded symbols (n, t).
        """
        n, t = symbols.shape
        chosen = F.embedding_bag(rows.view(n * t, SELECTED), self.rows, mode="sum").view(n, t, -1)
        x = self.first(inputs) + chosen.to(inputs.dtype)
        for layer in self.layers:
            x = layer(x, symbols)
        return self.node(normalise(x))[..., 0]


def train_transformer(
    train: list[BilevelSource], validation: list[BilevelSource], near: np.ndarray, run: TrainingRun
) -> RasterTransformer:
    """Trains the transformer. The loss is the code length in bits per source, divided by LOSS_SCALE.

    Args:
        train: sources to train on.
        validation: held-out sources.
        near: as in `rlcodec.presets.mnist.bilevel.context.SourceTables`.
        run: schedule, folder and device.

    Returns:
        The exponential moving average of the trained network.
    """
    device = seeded_device(run)
    model = RasterTransformer().to(device)

    def bits(model: RasterTransformer, sources: list[BilevelSource]) -> Tensor:
        contexts = source_contexts(sources, near, LM_ROWS_ABOVE, LM_COLUMNS_ASIDE)
        inputs, rows, symbols, mask = padded(contexts, device, CACHE_ENTRIES)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(inputs.to(torch.bfloat16), rows, symbols)
        loss = F.binary_cross_entropy_with_logits(logits.float(), symbols.float(), reduction="none")
        return (loss * mask).sum() / np.log(2)

    def loss_of(model: RasterTransformer, rng: np.random.Generator, batch: int) -> Tensor:
        drawn = sorted((train[i] for i in rng.integers(0, len(train), POOL * batch)), key=lambda source: source.side)
        start = int(rng.integers(0, (POOL - 1) * batch + 1))
        return bits(model, drawn[start : start + batch]) / batch / LOSS_SCALE

    def evaluate(model: RasterTransformer) -> dict[str, float]:
        held_out = sorted(validation[:EVALUATED_SOURCES], key=lambda source: source.side)
        parts = (held_out[i : i + EVALUATED_AT_ONCE] for i in range(0, len(held_out), EVALUATED_AT_ONCE))
        return {"bits_per_source": sum(float(bits(model, part)) for part in parts) / len(held_out)}

    return fit(model, loss_of, evaluate, run, "raster-encoder, lm")


def export_transformer(model: RasterTransformer) -> LmNet:
    """Exports the integer network that the runtime runs.

    Raises:
        ModelError: a sum could overflow int32.
    """

    def floats(parameter: Tensor | None, size: int = 0) -> np.ndarray:
        return np.zeros(size) if parameter is None else parameter.detach().double().cpu().numpy()

    embedding = quantise_layer(floats(model.first.weight), floats(model.rows), 1, 1, SELECTED)
    node = quantise_layer(floats(model.node.weight), floats(model.node.bias))
    layers = [
        {
            name: quantise_layer(floats(dense.weight), floats(dense.bias, dense.out_features))
            for name, dense in (("qkv", layer.qkv), ("out", layer.out), ("up", layer.up), ("down", layer.down))
        }
        for layer in model.layers
    ]
    learned = {
        name: np.rint(np.stack([floats(getattr(layer, name)) for layer in model.layers]) * ACTIVATION_SCALE)
        for name in ("outcome", "sink")
    }
    to_residual = shift_between(RESIDUAL, ACTIVATION_SCALE)
    shifts = [
        [layer["qkv"].bits, layer["out"].bits - to_residual, layer["up"].bits, layer["down"].bits - to_residual]
        for layer in layers
    ]
    return lm_net(
        first=embedding.weight.T,
        rows=embedding.bias,
        **{name: np.stack([layer[name].weight.T for layer in layers]) for name in ("qkv", "out", "up", "down")},
        **{f"{name}_bias": np.stack([layer[name].bias for layer in layers]) for name in ("up", "down")},
        **{name: np.clip(values, -ACTIVATION_MAX, ACTIVATION_MAX).astype(np.int16) for name, values in learned.items()},
        layer_shifts=np.array(shifts, np.int64),
        embed_shift=np.array([embedding.bits - shift_between(RESIDUAL, 1)], np.int64),
        exponential=exponential_table(),
        nodes=node.weight,
        node_bias=node.bias,
        shifts=np.array([0, 0, node.bits], np.int64),
        threshold=BIT.threshold,
        children=BIT.children,
        sigmoid=sigmoid_table(),
    )
