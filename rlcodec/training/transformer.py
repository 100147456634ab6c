"""Training of tier `lm`: the transformer in float, maximum likelihood, and export to integers."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlcodec.core.integer_conv import ACTIVATION_MAX
from rlcodec.core.integer_mlp import sigmoid_table
from rlcodec.presets.mnist.bilevel.context import SELECTED, SELECTED_ROWS
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource
from rlcodec.presets.mnist.bilevel.tokens import Contexts, source_contexts
from rlcodec.presets.mnist.bilevel.torch_transformer import INPUTS, padded
from rlcodec.presets.mnist.bilevel.transformer import (
    ATTENTION_SCALE,
    CACHE_ENTRIES,
    COLUMNS_ASIDE,
    HEAD_SIZE,
    RESIDUAL,
    ROWS_ABOVE,
    LmNet,
    exponential_table,
    lm_net,
)
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.quantise import to_int16, to_int32, weight_scale_bits
from rlcodec.training.raster import ACTIVATION_SCALE

LIMIT = ACTIVATION_MAX / ACTIVATION_SCALE
NORM_FLOOR = 1 / 64
POOL = 4
"""Number of batches drawn and sorted by length, from which one is used: equal lengths within a batch need less padding."""


def normalise(x: Tensor) -> Tensor:
    """Divides by the root mean square over the last axis, as the runtime does, and clips."""
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32) * x.shape[-1] ** -0.5
    return (x * norm.clamp_min(NORM_FLOOR).reciprocal()).clamp(-LIMIT, LIMIT)


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
        query, key, value = self.qkv(normalise(x)).clamp(-LIMIT, LIMIT).split(width, -1)
        ink = symbols[..., None].to(value.dtype)
        value = (value + torch.lerp(self.outcome[0].to(value.dtype), self.outcome[1].to(value.dtype), ink)).clamp(-LIMIT, LIMIT)
        # Shifted by one, with a learned entry first: a token attends to the tokens before it, not to itself.
        learned = self.sink.clamp(-LIMIT, LIMIT).to(key.dtype).expand(n, 2, width)
        key = torch.cat([learned[:, :1], key[:, :-1]], 1)
        value = torch.cat([learned[:, 1:], value[:, :-1]], 1)
        heads = [part.view(n, t, -1, HEAD_SIZE).transpose(1, 2) for part in (query, key, value)]
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True, scale=ATTENTION_SCALE)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.down(self.up(normalise(x)).clamp(0, LIMIT))


class RasterTransformer(nn.Module):
    """The network of `rlcodec.presets.mnist.bilevel.transformer` in float."""

    def __init__(self, width: int = 96, layers: int = 3, hidden: int = 192):
        super().__init__()
        self.first = nn.Linear(INPUTS, width, bias=False)
        self.rows = nn.Parameter(0.02 * torch.randn(SELECTED_ROWS, width))
        self.layers = nn.ModuleList(Layer(width, hidden) for _ in range(layers))
        self.node = nn.Linear(width, 1)

    def forward(self, inputs: Tensor, rows: Tensor, symbols: Tensor) -> Tensor:
        """Logits of a 1, (n, t).

        Args:
            inputs: (n, t, INPUTS).
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
    train: list[BilevelSource],
    validation: list[BilevelSource],
    near: np.ndarray,
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
) -> nn.Module:
    """Trains the transformer on bilevel sources; arguments as `rlcodec.training.sources.train_sources`."""
    torch.manual_seed(schedule.seed)
    model = RasterTransformer().to(device)

    def bits(model: nn.Module, contexts: list[Contexts]) -> Tensor:
        inputs, rows, symbols, mask = padded(contexts, device, CACHE_ENTRIES)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(inputs.to(torch.bfloat16), rows, symbols)
        loss = F.binary_cross_entropy_with_logits(logits.float(), symbols.float(), reduction="none")
        return (loss * mask).sum() / np.log(2)

    def contexts_of(sources: list[BilevelSource]) -> list[Contexts]:
        return source_contexts(sources, near, ROWS_ABOVE, COLUMNS_ASIDE)

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        drawn = sorted((train[i] for i in rng.integers(0, len(train), POOL * batch)), key=lambda source: source.side)
        start = int(rng.integers(0, (POOL - 1) * batch + 1))
        return bits(model, contexts_of(drawn[start : start + batch])) / batch / 100

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        some = sorted(validation[:500], key=lambda source: source.side)
        total = sum(float(bits(model, contexts_of(some[i : i + 20]))) for i in range(0, len(some), 20))
        return {"bits_per_source": total / len(some)}

    return fit(model, loss_of, evaluate, schedule, folder, resume, "raster-encoder, lm")


def export_transformer(model: nn.Module) -> LmNet:
    """Exports the integer network that the runtime runs.

    Raises:
        ModelError: a sum could overflow int32.
    """
    weights = {name: value.detach().double().cpu().numpy() for name, value in model.state_dict().items()}
    count = sum(name.endswith("qkv.weight") for name in weights)

    def of(layer: int, name: str) -> np.ndarray:
        return weights[f"layers.{layer}.{name}"]

    embed_bits = weight_scale_bits(weights["first.weight"], weights["rows"], 1, 1, SELECTED)
    node_bits = weight_scale_bits(weights["node.weight"], weights["node.bias"][None], ACTIVATION_MAX, ACTIVATION_SCALE)
    arrays: dict[str, list[np.ndarray]] = {name: [] for name in ("qkv", "out", "up", "down", "up_bias", "down_bias")}
    shifts = []
    for layer in range(count):
        bits = {}
        for name in ("qkv", "out", "up", "down"):
            weight = of(layer, f"{name}.weight")
            bias = of(layer, f"{name}.bias") if name in ("up", "down") else np.zeros(len(weight))
            bits[name] = weight_scale_bits(weight, bias[None], ACTIVATION_MAX, ACTIVATION_SCALE)
            arrays[name].append(to_int16(weight.T, bits[name]))
            if name in ("up", "down"):
                arrays[f"{name}_bias"].append(to_int32(bias, bits[name], ACTIVATION_SCALE))
        to_residual = int(np.log2(RESIDUAL / ACTIVATION_SCALE))
        shifts.append([bits["qkv"], bits["out"] - to_residual, bits["up"], bits["down"] - to_residual])
    small = {
        name: np.clip(
            np.rint(np.stack([of(i, name) for i in range(count)]) * ACTIVATION_SCALE), -ACTIVATION_MAX, ACTIVATION_MAX
        )
        for name in ("outcome", "sink")
    }
    return lm_net(
        first=to_int16(weights["first.weight"].T, embed_bits),
        rows=to_int32(weights["rows"], embed_bits, 1),
        **{name: np.stack(parts) for name, parts in arrays.items()},
        **{name: values.astype(np.int16) for name, values in small.items()},
        layer_shifts=np.array(shifts, np.int64),
        embed_shift=np.array([embed_bits - int(np.log2(RESIDUAL))], np.int64),
        exponential=exponential_table(),
        nodes=to_int16(weights["node.weight"], node_bits),
        node_bias=to_int32(weights["node.bias"], node_bits, ACTIVATION_SCALE),
        shifts=np.array([0, 0, node_bits], np.int64),
        threshold=np.zeros(1, np.int16),
        children=np.array([[-1, -2]], np.int16),
        sigmoid=sigmoid_table(),
    )
