"""Training of the context networks of preset `photo` in torch: contexts, maximum likelihood, and export to integers."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rlcodec.core.kernel import kernel
from rlcodec.presets.photo.coefficient_coder import (
    BLOCK_PAD,
    DIAGONALS,
    EXTENT_INPUTS,
    EXTENT_ROWS,
    EXTENT_SELECTED,
    GAINS,
    INPUT_SCALE,
    INPUTS,
    LONGEST_CHAIN,
    MAX_INPUT,
    ROWS,
    SELECTED,
    SLICES,
    PhotoNets,
    choose_extents,
    close_block,
    constant_shift,
    context_of,
    extent_context,
    gather_offsets,
    log_table,
    open_block,
    predicted_constant,
    record_magnitude,
    step_of,
    strip_state,
)
from rlcodec.presets.photo.strips import BIT_WEIGHT, ORDER, encode_strip
from rlcodec.presets.photo.transform import BLOCK, PLANES, to_coefficients
from rlcodec.presets.photo.weights import PhotoWeights, photo_arrays, photo_weights_from_arrays
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.raster import RasterNet, Tree, balanced_tree, export_net, path_bits

LOGS = log_table()
CROP, HELD_OUT, HELD_BATCHES = 128, 10, 6
TRAINED_GAINS = (0, GAINS)
DEAD_ZONE, ROUNDING = 0.62, 0.55
"""Magnitudes below DEAD_ZONE become 0, and fractions of at least ROUNDING are rounded up: an approximation of the encoder's
rate-distortion optimised choice."""
CHAIN = Tree(
    np.arange(LONGEST_CHAIN, dtype=np.int16),
    np.array([[-1 - n, n + 1 if n + 1 < LONGEST_CHAIN else -1 - LONGEST_CHAIN] for n in range(LONGEST_CHAIN)], np.int16),
)


@dataclass
class Collected:
    """Contexts of the coefficients of some blocks.

    Each field is for one network: inputs, int16 (n, inputs); learned rows, int64 (n, rows); and symbols, int64 (n,).
    """

    light: tuple[np.ndarray, np.ndarray, np.ndarray]
    color: tuple[np.ndarray, np.ndarray, np.ndarray]
    extent: tuple[np.ndarray, np.ndarray, np.ndarray]


@kernel
def _collect(values, ps, offsets, logs, order, slices, sums, gain, light, color, extent, counts):
    """Visits blocks in the order of the coder, for known values, and lists every context."""
    planes, rows, columns = values.shape[:3]
    extents, flat = ps.extents, ps.logs.reshape(-1)
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                difference = np.int64(values[plane, y, x, 0, 0]) - predicted_constant(values[plane], y, x)
                shift = constant_shift(ps.logs, plane, y, x)
                inputs, chosen, symbols = light if plane == 0 else color
                k = 0 if plane == 0 else 1
                at = counts[k]
                context_of(ps, flat, offsets, logs, gain, plane, y, x, 0, 0, sums, 0, inputs[at], chosen[at])
                symbols[at] = min(abs(difference) >> shift, LONGEST_CHAIN)
                counts[k] += 1
                record_magnitude(ps, logs, plane, y, x, 0, 0, abs(difference))
                extent_context(ps, gain, plane, y, x, extent[0][counts[2]], extent[1][counts[2]])
                extent[2][counts[2]] = extents[plane, y + BLOCK_PAD, x + BLOCK_PAD]
                counts[2] += 1
    for s in range(slices.shape[0]):
        low, high = slices[s, 0], slices[s, 1]
        for y in range(rows):
            for x in range(columns):
                for plane in range(planes):
                    by, bx = y + BLOCK_PAD, x + BLOCK_PAD
                    last = min(np.int64(extents[plane, by, bx]), high)
                    if last < low:
                        continue
                    here = ps.diagonals[plane, by, bx]
                    total = open_block(here, sums)
                    inputs, chosen, symbols = light if plane == 0 else color
                    k = 0 if plane == 0 else 1
                    for i in range(order.shape[0]):
                        u, v = order[i, 0], order[i, 1]
                        d = u + v
                        if d < low:
                            continue
                        if d > last:
                            break
                        at = counts[k]
                        context_of(ps, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, inputs[at], chosen[at])
                        magnitude = abs(np.int64(values[plane, y, x, u, v]))
                        symbols[at] = min(magnitude, LONGEST_CHAIN)
                        counts[k] += 1
                        small = record_magnitude(ps, logs, plane, y, x, u, v, magnitude)
                        sums[d] += small
                        total += small
                    close_block(here, sums)


def quantise(coefficients: np.ndarray) -> np.ndarray:
    """Rounds coefficients in quantiser steps by a rule that approximates the encoder; constant ones to the nearest; int16."""
    size = np.abs(coefficients)
    rounded = np.where(size < DEAD_ZONE, 0, np.floor(size + 1 - ROUNDING))
    rounded[..., 0, 0] = np.rint(size[..., 0, 0])
    return np.clip(np.copysign(rounded, coefficients), -32767, 32767).astype(np.int16)


def collect(coefficients: np.ndarray, gain: int, weight: float, values: np.ndarray | None = None) -> Collected:
    """Contexts of all coefficients of some blocks.

    Args:
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK).
        gain: gain index of the quantiser.
        weight: squared error, in squared steps, that one bit is worth, for the choice of extents.
        values: quantised coefficients, int16; those of `quantise` if None.
    """
    scaled = coefficients / step_of(gain)
    _, rows, columns = scaled.shape[:3]
    ps = strip_state(rows, columns)
    choose_extents(scaled, weight, np.empty(DIAGONALS), ps.extents)
    values = quantise(scaled) if values is None else values
    room = (rows * columns * BLOCK**2, 2 * rows * columns * BLOCK**2, PLANES * rows * columns)
    sizes = ((INPUTS, SELECTED), (INPUTS, SELECTED), (EXTENT_INPUTS, EXTENT_SELECTED))
    arrays = [
        (np.empty((n, i), np.int16), np.empty((n, r), np.int64), np.empty(n, np.int64))
        for n, (i, r) in zip(room, sizes, strict=True)
    ]
    counts = np.zeros(3, np.int64)
    slices, sums = np.array(SLICES, np.int64), np.zeros(DIAGONALS + 1, np.int64)
    _collect(values, ps, gather_offsets(rows, columns), LOGS, ORDER, slices, sums, gain, *arrays, counts)
    return Collected(*(tuple(a[:n] for a in group) for group, n in zip(arrays, counts, strict=True)))


class PhotoRaster(nn.Module):
    """The three networks of `rlcodec.presets.photo.coefficient_coder` in float."""

    def __init__(self, extent_tree: Tree, widths: tuple[int, int] = (48, 32)):
        super().__init__()
        self.light = RasterNet(INPUTS, ROWS, *widths, LONGEST_CHAIN)
        self.color = RasterNet(INPUTS, ROWS, *widths, LONGEST_CHAIN)
        self.extent = RasterNet(EXTENT_INPUTS, EXTENT_ROWS, 32, 24, len(extent_tree.threshold))
        self.trees = {"light": CHAIN, "color": CHAIN, "extent": extent_tree}

    def bits(self, collected: list[Collected]) -> Tensor:
        """Code length of all symbols in bits, without signs and escape codes."""
        total = torch.zeros(())
        for name, tree in self.trees.items():
            inputs, rows, symbols = (np.concatenate([getattr(c, name)[i] for c in collected]) for i in range(3))
            net = getattr(self, name)
            hot = np.zeros((len(inputs), net.first.in_features), np.float32)
            hot[:, : inputs.shape[1]] = inputs / np.float32(INPUT_SCALE)
            np.put_along_axis(hot, rows + inputs.shape[1], 1, 1)
            nodes, signs = tree.paths(len(tree.threshold) + 1)
            device = net.first.weight.device
            total = total + path_bits(net, torch.from_numpy(hot).to(device, torch.bfloat16), symbols, nodes, signs)
        return total


def crops(pictures: list[np.ndarray], rng: np.random.Generator, count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields random crops, as coefficients, with random gains."""
    for _ in range(count):
        picture = pictures[rng.integers(len(pictures))]
        y, x = (int(rng.integers(0, max(side - CROP, 0) + 1)) for side in picture.shape[:2])
        crop = picture[y : y + CROP, x : x + CROP]
        crop = crop[:, ::-1] if rng.random() < 0.5 else crop
        yield to_coefficients(crop), int(rng.integers(*TRAINED_GAINS))


def train_photo_raster(
    pictures: list[np.ndarray],
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
    before: PhotoRaster | None = None,
) -> PhotoRaster:
    """Trains the networks. The loss is the code length in bits per pixel.

    Args:
        pictures: uint8 (height, width, 3); the last HELD_OUT are for validation.
        schedule: length, batch of crops, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.
        before: networks to start from; coefficients are then rounded by the encoder with these networks. If None, they are
            rounded by `quantise`.
    """
    torch.manual_seed(schedule.seed)
    train, validation = pictures[:-HELD_OUT], pictures[-HELD_OUT:]
    rng = np.random.default_rng(0)
    coder = photo_model_of(before) if before else None

    def contexts(pictures: list[np.ndarray], rng: np.random.Generator, count: int) -> list[Collected]:
        drawn = crops(pictures, rng, count)
        if coder is None:
            return [collect(c, gain, BIT_WEIGHT) for c, gain in drawn]
        return [collect(c, gain, BIT_WEIGHT, encode_strip(coder, c, gain).values) for c, gain in drawn]

    if before:
        model = copy.deepcopy(before).requires_grad_(True)
    else:
        extents = np.concatenate([c.extent[2] for c in contexts(train, rng, HELD_BATCHES * schedule.batch)])
        model = PhotoRaster(balanced_tree(np.bincount(extents, minlength=DIAGONALS).astype(np.float64)))
    model = model.to(device)
    held = contexts(validation, rng, HELD_BATCHES * schedule.batch)

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        return model.bits(contexts(train, rng, batch)) / (batch * CROP**2)  # type: ignore[operator]

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        return {"bits_per_pixel": float(model.bits(held)) / (len(held) * CROP**2)}  # type: ignore[operator]

    return fit(model, loss_of, evaluate, schedule, folder, resume, "raster-encoder, photo", evaluate_every=200)  # type: ignore[return-value]


def photo_model_of(raster: PhotoRaster, centroids: np.ndarray | None = None) -> PhotoWeights:
    """The runtime's weights from trained networks; without `centroids` each magnitude is reconstructed as itself."""
    if centroids is None:
        centroids = np.zeros((PLANES, DIAGONALS, 3), np.float32)
    return photo_weights_from_arrays(photo_arrays(export_photo_nets(raster), LOGS, centroids))


def export_photo_nets(model: PhotoRaster) -> PhotoNets:
    """Exports the integer networks that the runtime runs."""
    return PhotoNets(
        *(
            export_net(getattr(model, name), model.trees[name], MAX_INPUT, INPUT_SCALE, 1.0, rows)
            for name, rows in (("light", SELECTED), ("color", SELECTED), ("extent", EXTENT_SELECTED))
        )
    )
