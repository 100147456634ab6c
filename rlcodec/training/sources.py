"""Training of the raster-encoder of bilevel sources: static tables, and the network of tier `context`."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich import get_console
from torch import Tensor, nn

from rlcodec.core.integer_mlp import LOGIT_LIMIT, LOGIT_UNITS_PER_NAT, ContextNet, add_ink, add_rows, layers_of, run_second
from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import PROBABILITY_ONE
from rlcodec.presets.mnist.bilevel.coder import COLUMNS_ASIDE, PEAK_BITS, PLACE_BITS, PLACE_ORIGIN, ROWS_ABOVE, SIDE_BITS
from rlcodec.presets.mnist.bilevel.context import MARGIN, SELECTED_ROWS, SKIPPED_SHIFT, SourceTables, source_state, window_size
from rlcodec.presets.mnist.bilevel.geometry import (
    BOX,
    MAX_SIDE,
    MIN_SIDE,
    PRIOR_CONTEXTS,
    WHITE,
    BilevelSource,
    box_area,
    gray_level,
    grid,
)
from rlcodec.presets.mnist.bilevel.tokens import Contexts, source_contexts
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.raster import RasterNet, path_bits, probability
from rlcodec.training.source_sets import near_counts

SKIPPED_BATCH, SKIPPED_DECAY = 200, 1e-4
BIT_PATH = np.zeros((2, 1), np.int64), np.array([[-1], [1]], np.float32)


@kernel
def _count_exceptions(lines, single, start, stop, peak, top, left, image, counts):
    for r in range(BOX):
        for c in range(BOX):
            y, x = top + r, left + c
            if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                level, slipped = gray_level(box_area(lines, -MARGIN, single, start, stop, r, c), peak)
                if level != slipped:
                    counts[1 if level == WHITE else 0, 1 if image[y, x] != level else 0] += 1


def _number_tree(values: np.ndarray, bits: int) -> np.ndarray:
    """Probabilities of the binary digits of numbers, most significant first, int32 (2**bits,); node 0 is not used."""
    counts = np.zeros((1 << bits, 2))
    for depth in range(bits):
        node, bit = (1 << depth) + (values >> (bits - depth)), (values >> (bits - depth - 1)) & 1
        np.add.at(counts, (node, bit), 1)
    return probability(counts[:, 1], counts[:, 0])


def source_tables(images: np.ndarray, sources: list[BilevelSource | None]) -> SourceTables:
    """The static tables of a training set.

    Args:
        images: uint8 (n, h, w).
        sources: their bilevel sources.

    Returns:
        Tables in which `quiet` and `quiet_rows`, which `train_skipped` trains, are zeros.
    """
    sides = MAX_SIDE - MIN_SIDE + 1
    cells, areas = np.zeros((sides, MAX_SIDE), np.int16), np.zeros((sides, MAX_SIDE, 2), np.int32)
    peaks = np.zeros((sides, 1 << PEAK_BITS), np.int64)
    for s in range(sides):
        one = grid(MIN_SIDE + s)
        cells[s, : MIN_SIDE + s] = first = (one.single > 0).argmax(0)
        for part in range(2):
            inside = first + part < BOX
            areas[s, : MIN_SIDE + s, part] = np.where(
                inside, one.single[np.minimum(first + part, BOX - 1), np.arange(MIN_SIDE + s)], 0
            )
        peaks[s, : len(one.peaks)] = one.peaks[: 1 << PEAK_BITS]
    found = [source for source in sources if source]
    near = near_counts(found)
    slips = np.zeros((2, 2), np.int64)
    for image, source in zip(images, sources, strict=True):
        if source:
            one = grid(source.side)
            _count_exceptions(
                source_state(source).lines,
                one.single,
                one.start,
                one.stop,
                one.peaks[source.peak],
                source.top,
                source.left,
                image,
                slips,
            )
    coded = [source for source in found if source.peak < 1 << PEAK_BITS]
    none = len(sources) - len(coded)
    numbers = {
        name: np.array([getattr(source, name) for source in coded], np.int64) for name in ("side", "peak", "top", "left")
    }
    return SourceTables(
        cells,
        areas,
        peaks,
        near=probability(near[:, 1], near[:, 0]),
        absent=probability(np.array([none]), np.array([len(coded)])),
        side=_number_tree(numbers["side"] - MIN_SIDE, SIDE_BITS),
        peak=_number_tree(numbers["peak"], PEAK_BITS),
        top=_number_tree(numbers["top"] + PLACE_ORIGIN, PLACE_BITS),
        left=_number_tree(numbers["left"] + PLACE_ORIGIN, PLACE_BITS),
        slip=probability(slips[:, 1], slips[:, 0]),
        quiet=np.zeros(PRIOR_CONTEXTS, np.int32),
        quiet_rows=np.zeros(SELECTED_ROWS, np.int32),
    )


def one_hot(contexts: list[Contexts]) -> tuple[np.ndarray, np.ndarray]:
    """Inputs followed by an indicator for each learned row, uint8 (m, window + SELECTED_ROWS), and symbols (m,)."""
    inputs, rows, symbols = (np.concatenate([getattr(c, f) for c in contexts]) for f in ("inputs", "rows", "symbols"))
    chosen = np.zeros((len(inputs), SELECTED_ROWS), np.uint8)
    np.put_along_axis(chosen, rows, 1, 1)
    return np.concatenate([inputs, chosen], 1), symbols


@kernel
def _context_logits(net, layers, which, inputs, rows, out):
    half = np.int64((1 << net.shifts[2]) >> 1)
    for n in range(inputs.shape[0]):
        count = 0
        for k in range(inputs.shape[1]):
            if inputs[n, k]:
                which[count] = k
                count += 1
        add_rows(layers.first, net.rows, rows[n])
        add_ink(layers.first, net.first, which, count)
        run_second(net, layers)
        logit = np.int64(net.node_bias[0])
        for k in range(net.nodes.shape[1]):
            logit += np.int64(layers.last[k]) * np.int64(net.nodes[0, k])
        out[n] = min(max(((logit + half) >> net.shifts[2]) + LOGIT_LIMIT, 0), 2 * LOGIT_LIMIT - 1)


def context_logits(net: ContextNet, contexts: list[Contexts]) -> np.ndarray:
    """Output of the integer network at the pixels of some sources: indices into the sigmoid table, int64 (m,)."""
    inputs, rows = (np.concatenate([getattr(c, name) for c in contexts]) for name in ("inputs", "rows"))
    out = np.empty(len(inputs), np.int64)
    _context_logits(net, layers_of(net), np.empty(inputs.shape[1], np.int64), inputs, rows, out)
    return out


def train_sources(
    train: list[BilevelSource],
    validation: list[BilevelSource],
    near: np.ndarray,
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
    widths: tuple[int, int] = (64, 32),
) -> RasterNet:
    """Trains the context network of bilevel sources. The loss is the code length in bits per source, divided by 100.

    Args:
        train: sources to train on.
        validation: held-out sources.
        near: as in `SourceTables`.
        schedule: length, batch, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.
        widths: of the hidden layers.
    """
    torch.manual_seed(schedule.seed)
    model = RasterNet(window_size(ROWS_ABOVE, COLUMNS_ASIDE), SELECTED_ROWS, *widths, 1).to(device)

    def bits(model: nn.Module, sources: list[BilevelSource]) -> Tensor:
        inputs, symbols = one_hot(source_contexts(sources, near, ROWS_ABOVE, COLUMNS_ASIDE))
        return path_bits(model, torch.from_numpy(inputs).to(device).to(torch.bfloat16), symbols, *BIT_PATH) / len(sources)

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        return bits(model, [train[i] for i in rng.integers(0, len(train), batch)]) / 100

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        return {"bits_per_source": float(bits(model, validation[:500]))}

    return fit(model, loss_of, evaluate, schedule, folder, resume, "raster-encoder, bilevel sources")


def train_skipped(
    train: list[BilevelSource], validation: list[BilevelSource], near: np.ndarray, epochs: int = 12
) -> dict[str, np.ndarray]:
    """Fits the logits of pixels that skip the network, as fields `quiet` and `quiet_rows` of `SourceTables`."""
    torch.manual_seed(0)
    chance = near.astype(np.float64) / PROBABILITY_ONE
    base = torch.from_numpy(np.log(chance / (1 - chance))).float()
    weights = torch.zeros(SELECTED_ROWS, 1, requires_grad=True)
    shift = torch.zeros(PRIOR_CONTEXTS, requires_grad=True)
    optimizer = torch.optim.Adam([weights, shift], lr=0.03)

    def loss_of(contexts: Contexts) -> Tensor:
        index = torch.from_numpy(contexts.near)
        logits = base[index] + shift[index] + F.embedding_bag(torch.from_numpy(contexts.rows), weights, mode="sum")[:, 0]
        target = torch.from_numpy(contexts.symbols).float()
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / np.log(2)

    def joined(sources: list[BilevelSource]) -> Contexts:
        contexts = source_contexts(sources, near, 0, 0, skipped=True)
        return Contexts(*(np.concatenate(part) for part in zip(*contexts, strict=True)))

    groups = [train[i : i + SKIPPED_BATCH] for i in range(0, len(train), SKIPPED_BATCH)]
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = 0.03 * 0.7**epoch
        for sources in groups:
            optimizer.zero_grad()
            loss = loss_of(joined(sources)) / len(sources)
            (loss + SKIPPED_DECAY * weights.square().sum()).backward()
            optimizer.step()
    with torch.no_grad():
        figure = float(loss_of(joined(validation))) / max(len(validation), 1)
        get_console().print(f"raster-encoder, skipped pixels  bits_per_source {figure:.4f}")
        unit = LOGIT_UNITS_PER_NAT << SKIPPED_SHIFT
        return {
            "quiet": np.rint((base + shift).double().numpy() * unit).astype(np.int32),
            "quiet_rows": np.rint(weights[:, 0].double().numpy() * unit).astype(np.int32),
        }
