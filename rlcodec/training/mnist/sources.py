"""Training of the raster-encoder of bilevel sources of preset `mnist`: static tables, and the network of tier `context`."""

import numpy as np
import torch
import torch.nn.functional as F
from rich import get_console
from torch import Tensor

from rlcodec.core.integer_mlp import LOGIT_UNITS_PER_NAT
from rlcodec.core.range_coder import PROBABILITY_ONE
from rlcodec.presets.mnist.bilevel._geometry import BOX, MAX_SIDE, MIN_SIDE, PRIOR_CONTEXTS
from rlcodec.presets.mnist.bilevel.coder import COLUMNS_ASIDE, PLACE_ORIGIN, ROWS_ABOVE
from rlcodec.presets.mnist.bilevel.context import (
    PEAK_BITS,
    PLACE_BITS,
    SELECTED_ROWS,
    SIDE_BITS,
    SKIPPED_SHIFT,
    source_state,
    window_size,
)
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource, grid
from rlcodec.presets.mnist.bilevel.tokens import Contexts, source_contexts
from rlcodec.training.context_net import BIT, RasterNet, indicators, path_bits, probability
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.mnist._sources import count_exceptions
from rlcodec.training.mnist.source_search import near_counts
from rlcodec.training.options import Schedule, TrainingRun

SCHEDULE = Schedule(steps=8_000, batch=64, learning_rate=4e-3)
WIDTHS = 64, 32
LOSS_SCALE = 100
"""Bits per source are divided by this, so that losses are near 1."""
EVALUATED_SOURCES = 500
SKIPPED_BATCH, SKIPPED_EPOCHS, SKIPPED_DECAY = 200, 12, 1e-4


def _number_tree(sources: list[BilevelSource], name: str, least: int, bits: int) -> np.ndarray:
    """Probabilities of the binary digits of an attribute minus `least`, the most significant first, int32 (2**bits,).

    Node 0 is not used.
    """
    values, counts = np.array([getattr(source, name) - least for source in sources], np.int64), np.zeros((1 << bits, 2))
    for depth in range(bits):
        node, bit = (1 << depth) + (values >> (bits - depth)), (values >> (bits - depth - 1)) & 1
        np.add.at(counts, (node, bit), 1)
    return probability(counts[:, 1], counts[:, 0])


def source_tables(images: np.ndarray, sources: list[BilevelSource | None]) -> dict[str, np.ndarray]:
    """The static tables of a training set.

    Args:
        images: uint8 (n, h, w).
        sources: their bilevel sources.

    Returns:
        Tables by name, as `rlcodec.presets.mnist.bilevel.context.SourceTables` takes them; `train_skipped` gives the others.
    """
    sides = MAX_SIDE - MIN_SIDE + 1
    cells, areas = np.zeros((sides, MAX_SIDE), np.int16), np.zeros((sides, MAX_SIDE, 2), np.int32)
    peaks = np.zeros((sides, 1 << PEAK_BITS), np.int64)
    for index, side in enumerate(range(MIN_SIDE, MAX_SIDE + 1)):
        box = grid(side)
        cells[index, :side] = first = (box.single > 0).argmax(0)
        for part in range(2):
            covered = box.single[np.minimum(first + part, BOX - 1), np.arange(side)]
            areas[index, :side, part] = np.where(first + part < BOX, covered, 0)
        peaks[index, : len(box.peaks)] = box.peaks[: 1 << PEAK_BITS]
    exceptions = np.zeros((2, 2), np.int64)
    for image, source in zip(images, sources, strict=True):
        if source:
            box, state = grid(source.side), source_state(source)
            peak = box.peaks[source.peak]
            count_exceptions(state, box.single, box.start, box.stop, peak, source.top, source.left, image, exceptions)
    present = [source for source in sources if source]
    near = near_counts(present)
    coded = [source for source in present if source.peak < 1 << PEAK_BITS]
    return {
        "cells": cells,
        "areas": areas,
        "peaks": peaks,
        "near": probability(near[:, 1], near[:, 0]),
        "absent": probability(np.array([len(sources) - len(coded)]), np.array([len(coded)])),
        "side": _number_tree(coded, "side", MIN_SIDE, SIDE_BITS),
        "peak": _number_tree(coded, "peak", 0, PEAK_BITS),
        "top": _number_tree(coded, "top", -PLACE_ORIGIN, PLACE_BITS),
        "left": _number_tree(coded, "left", -PLACE_ORIGIN, PLACE_BITS),
        "slip": probability(exceptions[:, 1], exceptions[:, 0]),
    }


def one_hot(contexts: list[Contexts]) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the network for m source pixels, uint8 (m, window + SELECTED_ROWS), and their symbols, int64 (m,)."""
    inputs, rows, symbols = (np.concatenate([getattr(c, f) for c in contexts]) for f in ("inputs", "rows", "symbols"))
    return np.concatenate([inputs, indicators(rows, SELECTED_ROWS)], 1), symbols


def train_sources(train: list[BilevelSource], validation: list[BilevelSource], near: np.ndarray, run: TrainingRun) -> RasterNet:
    """Trains the context network of bilevel sources. The loss is the code length in bits per source, divided by LOSS_SCALE.

    Args:
        train: sources to train on.
        validation: held-out sources.
        near: as in `SourceTables`.
        run: schedule, folder and device.

    Returns:
        The exponential moving average of the trained network.
    """
    device = seeded_device(run)
    model = RasterNet(window_size(ROWS_ABOVE, COLUMNS_ASIDE), SELECTED_ROWS, *WIDTHS, 1).to(device)

    def bits(model: RasterNet, sources: list[BilevelSource]) -> Tensor:
        inputs, symbols = one_hot(source_contexts(sources, near, ROWS_ABOVE, COLUMNS_ASIDE))
        return path_bits(model, torch.from_numpy(inputs).to(device).to(torch.bfloat16), symbols, BIT) / len(sources)

    def loss_of(model: RasterNet, rng: np.random.Generator, batch: int) -> Tensor:
        return bits(model, [train[i] for i in rng.integers(0, len(train), batch)]) / LOSS_SCALE

    def evaluate(model: RasterNet) -> dict[str, float]:
        return {"bits_per_source": float(bits(model, validation[:EVALUATED_SOURCES]))}

    return fit(model, loss_of, evaluate, run, "raster-encoder, bilevel sources")


def train_skipped(train: list[BilevelSource], validation: list[BilevelSource], near: np.ndarray) -> dict[str, np.ndarray]:
    """Fits the logits of pixels that skip the network by logistic regression.

    Args:
        train: sources to train on.
        validation: held-out sources.
        near: as in `SourceTables`.

    Returns:
        The fields `quiet` and `quiet_rows` of `SourceTables`.
    """
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
    for epoch in range(SKIPPED_EPOCHS):
        for group in optimizer.param_groups:
            group["lr"] = 0.03 * 0.7**epoch
        for sources in groups:
            optimizer.zero_grad()
            loss = loss_of(joined(sources)) / len(sources)
            (loss + SKIPPED_DECAY * weights.square().sum()).backward()
            optimizer.step()
    with torch.no_grad():
        bits_per_source = float(loss_of(joined(validation))) / max(len(validation), 1)
        get_console().print(f"raster-encoder, skipped pixels  bits_per_source {bits_per_source:.4f}")
        unit = LOGIT_UNITS_PER_NAT << SKIPPED_SHIFT
        return {
            "quiet": np.rint((base + shift).double().numpy() * unit).astype(np.int32),
            "quiet_rows": np.rint(weights[:, 0].double().numpy() * unit).astype(np.int32),
        }
