"""Tier `lm` in torch, on a CPU or a GPU: the integers of `rlcodec.raster_lm` for many scans at once.

Encoders know every token beforehand, so all of them run in parallel; decoders learn them one by one, so the next token of many
streams runs at once, with a cache. See `rlcodec.lm_batches` for both.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlcodec.integer_net import LOGIT_LIMIT
from rlcodec.raster_lm import (
    COLUMNS_ASIDE,
    HEAD_SIZE,
    LOGIT_SHIFT,
    MEMORY,
    NORM_BITS,
    RESIDUAL_LIMIT,
    ROWS_ABOVE,
    SMALLEST_NORM,
    WEIGHT_ENTRIES,
    LmNet,
)
from rlcodec.scan_context import SELECTED, window_size
from rlcodec.scan_tokens import Contexts
from rlcodec.transform import ACTIVATION_MAX

INPUTS = window_size(ROWS_ABOVE, COLUMNS_ASIDE)
SHORTEST_CACHE = 256


def padded(contexts: list[Contexts], device: torch.device, most: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, learned rows, symbols and mask of scans of unlike lengths, each (n, t, ...); cut to `most` tokens."""
    longest = max(len(c.symbols) for c in contexts)
    longest = longest if most is None else min(longest, most)
    inputs = np.zeros((len(contexts), longest, INPUTS), np.uint8)
    rows = np.zeros((len(contexts), longest, SELECTED), np.int64)
    symbols, mask = np.zeros((len(contexts), longest), np.int64), np.zeros((len(contexts), longest), bool)
    for i, c in enumerate(contexts):
        count = min(len(c.symbols), longest)
        inputs[i, :count], rows[i, :count], symbols[i, :count] = c.inputs[:count], c.rows[:count], c.symbols[:count]
        mask[i, :count] = True
    return tuple(torch.from_numpy(a).to(device) for a in (inputs, rows, symbols, mask))  # type: ignore[return-value]


class IntegerTransformer:
    """The integers of `rlcodec.raster_lm` for a batch of scans, in torch, on a CPU or a GPU.

    Products are taken in float64, in which every sum is exact (below 2**53); the rest is int64.
    """

    def __init__(self, net: LmNet, device: torch.device):
        self.net, self.device = net, device
        self.layers, self.width = net.qkv.shape[:2]
        self._arrays = {n: torch.from_numpy(getattr(net, n)).to(device) for n in LmNet._fields}

    def logits_of(self, contexts: list[Contexts]) -> list[np.ndarray]:
        """As `logits`, of each scan its own, int32 (tokens,)."""
        inputs, rows, symbols, _ = padded(contexts, self.device)
        found = self.logits(inputs, rows, symbols).int().cpu().numpy()
        return [logits[: len(c.symbols)] for logits, c in zip(found, contexts, strict=True)]

    @torch.no_grad()
    def logits(self, inputs: Tensor, rows: Tensor, symbols: Tensor) -> Tensor:
        """What the network finds at all tokens of scans that are known.

        Arguments as `RasterTransformer.forward`.

        Returns:
            Indices into the table of the sigmoid, int64 (n, t).
        """
        n, t = symbols.shape
        x = self._embedded(inputs, rows)
        index = torch.arange(t, device=self.device)
        # Column 0 is the learned entry, column j + 1 token j.
        seen = (index[None] < index[:, None]) & (index[None] >= index[:, None] - (MEMORY - 1))
        seen = torch.cat([torch.ones(t, 1, dtype=torch.bool, device=self.device), seen], 1)
        for layer in range(self.layers):
            query, key, value = self._projected(layer, x)
            sink = self._arrays["sink"][layer].long().expand(n, 2, self.width)
            keys = torch.cat([sink[:, :1], key], 1)
            values = torch.cat([sink[:, 1:], self._completed(layer, value, symbols)], 1)
            x = self._after(layer, x, query, keys.double(), values.double(), seen)
        return self._read_out(x)

    @torch.no_grad()
    def step(self, cache: "Cache", inputs: Tensor, rows: Tensor, outcomes: Tensor) -> Tensor:
        """What the network finds at the next token of each scan.

        Args:
            cache: of the tokens before; receives this one.
            inputs: uint8 (n, inputs).
            rows: int64 (n, SELECTED).
            outcomes: int64 (n,), of the tokens before these; of no meaning at the first.

        Returns:
            Indices into the table of the sigmoid, int64 (n,).
        """
        cache.make_room()
        entries, slot = min(1 + cache.tokens, MEMORY), 1 + cache.tokens % (MEMORY - 1)
        x = self._embedded(inputs[:, None], rows[:, None])
        for layer in range(self.layers):
            keys, values = cache.keys[layer], cache.values[layer]
            if cache.tokens:
                last = 1 + (cache.tokens - 1) % (MEMORY - 1)
                values[:, last] = self._completed(layer, values[:, last].long(), outcomes).double()
            query, key, value = self._projected(layer, x)
            x = self._after(layer, x, query, keys[:, :entries], values[:, :entries], None)
            keys[:, slot], values[:, slot] = key[:, 0].double(), value[:, 0].double()
        cache.tokens += 1
        return self._read_out(x)[:, 0]

    def _embedded(self, inputs: Tensor, rows: Tensor) -> Tensor:
        embedding = _product(inputs, self._arrays["first"]) + self._arrays["rows"].long()[rows].sum(-2)
        return _limit(_shift(embedding, int(self.net.embed_shift[0])), RESIDUAL_LIMIT)

    def _projected(self, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of every token, without its outcome, int64 (n, t, width) each."""
        product = _product(_normalised(x), self._arrays["qkv"][layer])
        return _limit(_shift(product, int(self.net.layer_shifts[layer, 0])), ACTIVATION_MAX).split(self.width, -1)  # type: ignore[return-value]

    def _completed(self, layer: int, value: Tensor, outcomes: Tensor) -> Tensor:
        return _limit(value + self._arrays["outcome"][layer].long()[outcomes], ACTIVATION_MAX)

    def _after(self, layer: int, x: Tensor, query: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> Tensor:
        """The residual stream after a layer; keys and values float64 (n, entries, width), `seen` (t, entries) or all."""
        a, shifts = self._arrays, [int(s) for s in self.net.layer_shifts[layer]]
        query, keys, values = (p.unflatten(-1, (-1, HEAD_SIZE)).transpose(1, 2) for p in (query, keys, values))
        product = _product(query, keys.transpose(2, 3))
        if seen is not None:
            product = product.masked_fill(~seen, -(1 << 30))
        distance = (product.amax(3, keepdim=True) - product) >> LOGIT_SHIFT
        weight = a["exponential"].long()[distance.clamp(max=WEIGHT_ENTRIES - 1)]
        weight = torch.where(distance < WEIGHT_ENTRIES, weight, 0)
        scale = (1 << 32) // weight.sum(3, keepdim=True)
        mixed = ((_product(weight, values) * scale + (1 << 31)) >> 32).transpose(1, 2).flatten(2)
        x = _limit(x + _shift(_product(mixed, a["out"][layer]), shifts[1]), RESIDUAL_LIMIT)
        raised = _product(_normalised(x), a["up"][layer]) + a["up_bias"][layer]
        hidden = _shift(raised, shifts[2]).clamp(0, ACTIVATION_MAX)
        return _limit(x + _shift(_product(hidden, a["down"][layer]) + a["down_bias"][layer], shifts[3]), RESIDUAL_LIMIT)

    def _read_out(self, x: Tensor) -> Tensor:
        logit = _product(_normalised(x), self._arrays["nodes"].T)[..., 0] + self._arrays["node_bias"][0]
        return (_shift(logit, int(self.net.shifts[2])) + LOGIT_LIMIT).clamp(0, 2 * LOGIT_LIMIT - 1)


class Cache:
    """Keys and values of the tokens before, for scans that go forward together; it grows as they do, up to MEMORY.

    Attributes:
        keys: float64 (layers, n, entries, width), the learned entry first.
        values: the same.
        tokens: so many tokens are in it, of each scan.
    """

    def __init__(self, transformer: IntegerTransformer, scans: int):
        sink = transformer._arrays["sink"].double()
        shape = transformer.layers, scans, SHORTEST_CACHE, transformer.width
        self.keys, self.values = (torch.zeros(shape, dtype=torch.float64, device=sink.device) for _ in range(2))
        self.keys[:, :, 0], self.values[:, :, 0] = sink[:, None, 0], sink[:, None, 1]
        self.tokens = 0

    def make_room(self) -> None:
        """Sees to it that the next token has a place."""
        there = self.keys.shape[2]
        if 1 + self.tokens >= there and there < MEMORY:
            more = (0, 0, 0, min(2 * there, MEMORY) - there)
            self.keys, self.values = F.pad(self.keys, more), F.pad(self.values, more)

    def keep(self, scans: Tensor) -> None:
        """Forgets all scans but those that the indices name."""
        self.keys, self.values = self.keys[:, scans], self.values[:, scans]


def _product(left: Tensor, right: Tensor) -> Tensor:
    return (left.double() @ right.double()).long()


def _shift(value: Tensor, bits: int) -> Tensor:
    return (value + ((1 << bits) >> 1)) >> bits


def _limit(value: Tensor, most: int) -> Tensor:
    return value.clamp(-most, most)


def _normalised(x: Tensor) -> Tensor:
    square = ((x * x).sum(-1, keepdim=True) << 8) // x.shape[-1]
    norm = square.double().sqrt().long()
    norm = norm - (norm * norm > square).long()
    norm = norm + ((norm + 1) * (norm + 1) <= square).long()
    scale = (1 << NORM_BITS) // norm.clamp(min=SMALLEST_NORM)
    return _limit((x * scale + (1 << 19)) >> 20, ACTIVATION_MAX)
