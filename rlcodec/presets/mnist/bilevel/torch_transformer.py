"""Tier `lm` in torch, on a CPU or a GPU: the integers of `rlcodec.presets.mnist.bilevel.transformer` for many sources at once.

Encoders know every token beforehand, so that all tokens run in parallel. Decoders learn them one by one, so that the next token
of many streams runs at once, with a KV cache. See `rlcodec.presets.mnist.torch_batch` for both.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.integer_mlp import LOGIT_LIMIT
from rlcodec.presets.mnist.bilevel.tokens import Contexts
from rlcodec.presets.mnist.bilevel.transformer import (
    CACHE_ENTRIES,
    HEAD_SIZE,
    LOGIT_SHIFT,
    NORM_BITS,
    RESIDUAL_LIMIT,
    SMALLEST_NORM,
    WEIGHT_ENTRIES,
    LmNet,
)

SHORTEST_CACHE = 256
QUERY_BITS, WEIGHT_BITS = 9, 4
"""Bits of the parts into which attention splits a factor: (2**QUERY_BITS - 1) * ACTIVATION_MAX * HEAD_SIZE and
(2**WEIGHT_BITS - 1) * ACTIVATION_MAX * CACHE_ENTRIES are below 2**24."""


def padded(contexts: list[Contexts], device: torch.device, most: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tensors of sources with different numbers of tokens.

    Args:
        contexts: of n sources.
        device: of the tensors.
        most: further tokens are cut off; none if None.

    Returns:
        Inputs, learned rows, symbols and a mask of the tokens that exist, each (n, t, ...).
    """
    fields = zip(*((c.inputs, c.rows, c.symbols, np.ones(len(c.symbols), bool)) for c in contexts), strict=True)
    tensors = ([torch.from_numpy(array[:most]) for array in arrays] for arrays in fields)
    return tuple(pad_sequence(of_sources, batch_first=True).to(device) for of_sources in tensors)  # type: ignore[return-value]


class IntegerTransformer:
    """The integers of `rlcodec.presets.mnist.bilevel.transformer` for a batch of sources, in torch, on a CPU or a GPU.

    Dense layers multiply in float64, in which every sum is exact (below 2**53). Attention is limited by reading the cache, so
    it multiplies in float32, half the size, with the other factor split into parts so small that every sum is below 2**24. All
    factors fit into the eleven bits that a GPU keeps when it multiplies in TF32. The rest is integer arithmetic.

    Args:
        net: the network.
        device: where it runs.
    """

    def __init__(self, net: LmNet, device: torch.device):
        self.net, self.device = net, device
        self.layers, self.width = net.layers, net.width
        self._arrays = {n: torch.from_numpy(np.array(getattr(net, n))).to(device) for n in LmNet.stored}
        # One more entry: no weight beyond the table.
        self._attention = F.pad(self._arrays["exponential"], (0, 1))

    def logits_of(self, contexts: list[Contexts]) -> list[np.ndarray]:
        """As `logits`, for a list of sources: int32 (tokens,) of each."""
        inputs, rows, symbols, _ = padded(contexts, self.device)
        padded_logits = self.logits(inputs, rows, symbols).int().cpu().numpy()
        return [logits[: len(c.symbols)] for logits, c in zip(padded_logits, contexts, strict=True)]

    @torch.no_grad()
    def logits(self, inputs: Tensor, rows: Tensor, symbols: Tensor) -> Tensor:
        """Logits of all tokens of known sources.

        Args:
            inputs: uint8 (n, t, inputs).
            rows: int64 (n, t, SELECTED).
            symbols: int64 (n, t).

        Returns:
            Indices into the table of the sigmoid, int64 (n, t).
        """
        n, t = symbols.shape
        x = self._embedded(inputs, rows)
        index = torch.arange(t, device=self.device)
        # Column 0 is the learned entry, column j + 1 token j.
        seen = (index[None] < index[:, None]) & (index[None] >= index[:, None] - (CACHE_ENTRIES - 1))
        seen = torch.cat([torch.ones(t, 1, dtype=torch.bool, device=self.device), seen], 1)
        for layer in range(self.layers):
            query, key, value = self._projected(layer, x)
            sink = self._arrays["sink"][layer].long().expand(n, 2, self.width)
            keys = torch.cat([sink[:, :1], key], 1)
            values = torch.cat([sink[:, 1:], self._completed(layer, value, symbols)], 1)
            x = self._after(layer, x, query, _by_head(keys).float(), _by_head(values).float(), seen)
        return self._read_out(x)

    @torch.no_grad()
    def step(self, cache: "Cache", inputs: Tensor, rows: Tensor, outcomes: Tensor) -> Tensor:
        """Logits of the next token of each source.

        Args:
            cache: of the tokens before; this one is added.
            inputs: uint8 (n, inputs).
            rows: int64 (n, SELECTED).
            outcomes: int64 (n,), symbols of the previous tokens; ignored at the first token.

        Returns:
            Indices into the table of the sigmoid, int64 (n,).
        """
        cache.grow()
        entries, slot = min(1 + cache.tokens, CACHE_ENTRIES), 1 + cache.tokens % (CACHE_ENTRIES - 1)
        x = self._embedded(inputs[:, None], rows[:, None])
        for layer in range(self.layers):
            keys, values = cache.keys[layer], cache.values[layer]
            if cache.tokens:
                last = 1 + (cache.tokens - 1) % (CACHE_ENTRIES - 1)
                value = values[:, :, last].flatten(1).long()
                values[:, :, last] = self._completed(layer, value, outcomes).unflatten(1, (-1, HEAD_SIZE)).float()
            query, key, value = self._projected(layer, x)
            x = self._after(layer, x, query, keys[:, :, :entries], values[:, :, :entries], None)
            keys[:, :, slot], values[:, :, slot] = (_by_head(p)[:, :, 0].float() for p in (key, value))
        cache.tokens += 1
        return self._read_out(x)[:, 0]

    def _embedded(self, inputs: Tensor, rows: Tensor) -> Tensor:
        embedding = _product(inputs, self._arrays["first"]) + self._arrays["rows"].long()[rows].sum(-2)
        return _limit(_shift(embedding, int(self.net.embed_shift[0])), RESIDUAL_LIMIT)

    def _projected(self, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of every token, without its symbol, int64 (n, t, width) each."""
        product = _product(_normalised(x), self._arrays["qkv"][layer])
        return _limit(_shift(product, int(self.net.layer_shifts[layer, 0])), ACTIVATION_MAX).split(self.width, -1)  # type: ignore[return-value]

    def _completed(self, layer: int, value: Tensor, outcomes: Tensor) -> Tensor:
        return _limit(value + self._arrays["outcome"][layer].long()[outcomes], ACTIVATION_MAX)

    def _after(self, layer: int, x: Tensor, query: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> Tensor:
        """The residual stream after a layer; keys, values float32 (n, heads, entries, HEAD_SIZE), `seen` (t, entries)."""
        a, shifts = self._arrays, [int(s) for s in self.net.layer_shifts[layer]]
        product = _product_in_parts(_by_head(query).int(), keys.transpose(2, 3), QUERY_BITS, 2)
        if seen is not None:
            product = product.masked_fill(~seen, -(1 << 30))
        distance = (product.amax(3, keepdim=True) - product) >> LOGIT_SHIFT
        weight = self._attention[distance.clamp_(max=WEIGHT_ENTRIES)]
        scale = (1 << 32) // weight.sum(3, keepdim=True)
        mixed = _product_in_parts(weight, values, WEIGHT_BITS, 3).long()
        mixed = ((mixed * scale + (1 << 31)) >> 32).transpose(1, 2).flatten(2)
        x = _limit(x + _shift(_product(mixed, a["out"][layer]), shifts[1]), RESIDUAL_LIMIT)
        raised = _product(_normalised(x), a["up"][layer]) + a["up_bias"][layer]
        hidden = _shift(raised, shifts[2]).clamp(0, ACTIVATION_MAX)
        return _limit(x + _shift(_product(hidden, a["down"][layer]) + a["down_bias"][layer], shifts[3]), RESIDUAL_LIMIT)

    def _read_out(self, x: Tensor) -> Tensor:
        logit = _product(_normalised(x), self._arrays["nodes"].T)[..., 0] + self._arrays["node_bias"][0]
        return (_shift(logit, int(self.net.shifts[2])) + LOGIT_LIMIT).clamp(0, 2 * LOGIT_LIMIT - 1)


class Cache:
    """Keys and values of the tokens so far, of sources that are decoded together; it grows with them, up to CACHE_ENTRIES.

    Attributes:
        keys: float32 (layers, n, heads, entries, HEAD_SIZE), integers, the learned entry first.
        values: the same.
        tokens: of each source.
    """

    def __init__(self, transformer: IntegerTransformer, sources: int):
        sink = transformer._arrays["sink"].float().unflatten(-1, (-1, HEAD_SIZE))
        shape = transformer.layers, sources, transformer.width // HEAD_SIZE, SHORTEST_CACHE, HEAD_SIZE
        self.keys, self.values = (torch.zeros(shape, device=sink.device) for _ in range(2))
        self.keys[:, :, :, 0], self.values[:, :, :, 0] = sink[:, None, 0], sink[:, None, 1]
        self.tokens = 0

    def grow(self) -> None:
        """Enlarges the cache if it has no place for the next token."""
        entries = self.keys.shape[3]
        if 1 + self.tokens >= entries and entries < CACHE_ENTRIES:
            more = (0, 0, 0, min(2 * entries, CACHE_ENTRIES) - entries)
            self.keys, self.values = F.pad(self.keys, more), F.pad(self.values, more)

    def keep(self, sources: Tensor) -> None:
        """Drops all sources but those with the given indices."""
        self.keys, self.values = self.keys[:, sources], self.values[:, sources]


def _product(left: Tensor, right: Tensor) -> Tensor:
    return (left.double() @ right.double()).long()


def _product_in_parts(left: Tensor, right: Tensor, bits: int, parts: int) -> Tensor:
    """Product of int32 (..., t, k) and float32 (..., k, m) as int32; the left factor is split into parts of `bits` bits."""
    cut = [(left >> (bits * i)) & ((1 << bits) - 1) for i in range(parts - 1)] + [left >> (bits * (parts - 1))]
    products = (torch.cat(cut, -2).float() @ right).int().chunk(parts, -2)
    return sum((part << (bits * i) for i, part in enumerate(products[1:], 1)), products[0])


def _by_head(value: Tensor) -> Tensor:
    """(n, t, width) as (n, heads, t, HEAD_SIZE)."""
    return value.unflatten(-1, (-1, HEAD_SIZE)).transpose(1, 2)


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
