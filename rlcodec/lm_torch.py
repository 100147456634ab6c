"""Tier `lm` in torch, on a CPU or a GPU: the integers of `rlcodec.raster_lm` for whole scans at once.

Encoders know every token beforehand, so all of them run in parallel; a decoder learns them one by one and uses the kernel.
Only this module of the runtime needs torch; nothing imports it unless a device is asked for.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from rlcodec.encoding import Encoded, constant_choices, finish_encoder, start_encoder
from rlcodec.errors import OptionError
from rlcodec.model import Model
from rlcodec.raster import LOGIT_LIMIT
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
from rlcodec.raster_scan import scan_of
from rlcodec.scan_context import SELECTED, window_size
from rlcodec.scan_tokens import Contexts, scan_contexts
from rlcodec.stream import LM
from rlcodec.transform import ACTIVATION_MAX

INPUTS = window_size(ROWS_ABOVE, COLUMNS_ASIDE)
BATCH_IMAGES = 32


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
    """The integers of `rlcodec.raster_lm` for a batch of scans that are known, in torch, on a CPU or a GPU.

    Products are taken in float64, in which every sum is exact (below 2**53); the rest is int64.
    """

    def __init__(self, net: LmNet, device: torch.device):
        self.net, self.device = net, device
        self._arrays = {n: torch.from_numpy(getattr(net, n)).to(device) for n in LmNet._fields}

    def logits_of(self, contexts: list[Contexts]) -> list[np.ndarray]:
        """As `logits`, of each scan its own, int32 (tokens,)."""
        inputs, rows, symbols, _ = padded(contexts, self.device)
        found = self.logits(inputs, rows, symbols).int().cpu().numpy()
        return [logits[: len(c.symbols)] for logits, c in zip(found, contexts, strict=True)]

    @torch.no_grad()
    def logits(self, inputs: Tensor, rows: Tensor, symbols: Tensor) -> Tensor:
        """Indices into the table of the sigmoid, int64 (n, t); arguments as `RasterTransformer.forward`."""
        net, a = self.net, self._arrays
        n, t = symbols.shape
        width = net.qkv.shape[1]
        embedding = _product(inputs, a["first"]) + a["rows"].long()[rows].sum(2)
        x = _limit(_shift(embedding, int(net.embed_shift[0])), RESIDUAL_LIMIT)
        index = torch.arange(t, device=self.device)
        # Column 0 is the learned entry, column j + 1 token j.
        seen = (index[None] < index[:, None]) & (index[None] >= index[:, None] - (MEMORY - 1))
        seen = torch.cat([torch.ones(t, 1, dtype=torch.bool, device=self.device), seen], 1)
        for layer in range(len(net.qkv)):
            shifts = [int(s) for s in net.layer_shifts[layer]]
            qkv = _limit(_shift(_product(_normalised(x), a["qkv"][layer]), shifts[0]), ACTIVATION_MAX)
            query, key, value = qkv.split(width, -1)
            value = _limit(value + a["outcome"][layer].long()[symbols], ACTIVATION_MAX)
            sink = a["sink"][layer].long().expand(n, 2, width)
            key, value = torch.cat([sink[:, :1], key], 1), torch.cat([sink[:, 1:], value], 1)
            heads = [p.view(n, -1, width // HEAD_SIZE, HEAD_SIZE).transpose(1, 2) for p in (query, key, value)]
            product = _product(heads[0], heads[1].transpose(2, 3)).masked_fill(~seen, -(1 << 30))
            distance = (product.amax(3, keepdim=True) - product) >> LOGIT_SHIFT
            weight = a["exponential"].long()[distance.clamp(max=WEIGHT_ENTRIES - 1)]
            weight = torch.where(distance < WEIGHT_ENTRIES, weight, 0)
            scale = (1 << 32) // weight.sum(3, keepdim=True)
            mixed = (_product(weight, heads[2]) * scale + (1 << 31)) >> 32
            mixed = mixed.transpose(1, 2).reshape(n, t, width)
            x = _limit(x + _shift(_product(mixed, a["out"][layer]), shifts[1]), RESIDUAL_LIMIT)
            raised = _product(_normalised(x), a["up"][layer]) + a["up_bias"][layer]
            hidden = _shift(raised, shifts[2]).clamp(0, ACTIVATION_MAX)
            x = _limit(x + _shift(_product(hidden, a["down"][layer]) + a["down_bias"][layer], shifts[3]), RESIDUAL_LIMIT)
        logit = _product(_normalised(x), a["nodes"].T)[..., 0] + a["node_bias"][0]
        return (_shift(logit, int(net.shifts[2])) + LOGIT_LIMIT).clamp(0, 2 * LOGIT_LIMIT - 1)


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


def encode_batch(
    model: Model, images: list[np.ndarray], device: str, bit_budget: int = 0, rows: int | None = None
) -> Iterator[Encoded]:
    """Encodes images in tier `lm`, whose network runs on a device for many images at once; the bytes are the kernel's.

    Args:
        model: the preset's model.
        images: uint8 (height, width) each.
        device: as torch names it.
        bit_budget: binary latents to keep.
        rows: rows of pixels to send; all when None.

    Raises:
        OptionError: torch has no such device.
    """
    try:
        transformer = IntegerTransformer(model.scan_lm, torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise OptionError(f"torch cannot use the device {device!r}") from error
    for start in range(0, len(images), BATCH_IMAGES):
        part = images[start : start + BATCH_IMAGES]
        scans = [scan_of(model.scan_tables, image) for image in part]
        contexts = scan_contexts([scan for scan in scans if scan], model.scan_tables.near, ROWS_ABOVE, COLUMNS_ASIDE)
        found = iter(transformer.logits_of(contexts) if contexts else ())
        for image, scan in zip(part, scans, strict=True):
            session = start_encoder(model, image, bit_budget)
            if scan:
                session.use_token_logits(next(found))
            session.run(np.array(constant_choices(LM, rows)(session.segments)))
            yield finish_encoder(session)
