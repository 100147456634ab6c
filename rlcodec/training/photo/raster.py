"""Training of the context networks of preset `photo` in torch: contexts, maximum likelihood, and export to integers."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rlcodec.presets.photo._coefficient_coder import (
    EXTENT_INPUTS,
    EXTENT_ROWS,
    EXTENT_SELECTED,
    INPUT_SCALE,
    INPUTS,
    LONGEST_CHAIN,
    ROWS,
    SELECTED,
)
from rlcodec.presets.photo.coefficient_coder import (
    DIAGONALS,
    GAINS,
    MAX_INPUT,
    SLICES,
    PhotoNets,
    choose_extents,
    log_table,
    step_of,
    strip_state,
)
from rlcodec.presets.photo.strips import BIT_WEIGHT, encode_strip
from rlcodec.presets.photo.transform import PLANES, to_coefficients
from rlcodec.presets.photo.weights import PhotoWeights, weights_from_arrays, weights_to_arrays
from rlcodec.training.context_net import RasterNet, Tree, balanced_tree, export_net, indicators, path_bits
from rlcodec.training.data import random_mirrored_crop
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.options import TrainingRun
from rlcodec.training.photo._raster import collect

LOGS = log_table()
CROP, HELD_BATCHES = 128, 6
WIDTHS, EXTENT_WIDTHS = (48, 32), (32, 24)
TRAINED_GAINS = 0, GAINS
DEAD_ZONE, ROUNDING = 0.62, 0.55
"""Magnitudes below DEAD_ZONE become 0, and fractions of at least ROUNDING are rounded up: an approximation of the encoder's
rate-distortion optimised choice."""
CHAIN = Tree(
    np.arange(LONGEST_CHAIN, dtype=np.int16),
    np.array([[-1 - n, n + 1 if n + 1 < LONGEST_CHAIN else -1 - LONGEST_CHAIN] for n in range(LONGEST_CHAIN)], np.int16),
)


class Contexts(NamedTuple):
    """Contexts of n symbols of one network.

    Attributes:
        inputs: int16 (n, inputs).
        rows: int64 (n, selected), learned rows.
        symbols: int64 (n,).
    """

    inputs: np.ndarray
    rows: np.ndarray
    symbols: np.ndarray


class StripContexts(NamedTuple):
    """Contexts of all coefficients and extents of a strip of blocks, by the network that codes them."""

    luma: Contexts
    chroma: Contexts
    extent: Contexts


def round_coefficients(coefficients: np.ndarray) -> np.ndarray:
    """Rounds coefficients in quantiser steps by a rule that approximates the encoder; constant ones to the nearest; int16."""
    size = np.abs(coefficients)
    rounded = np.where(size < DEAD_ZONE, 0, np.floor(size + 1 - ROUNDING))
    rounded[..., 0, 0] = np.rint(size[..., 0, 0])
    return np.clip(np.copysign(rounded, coefficients), -32767, 32767).astype(np.int16)


def contexts_of(coefficients: np.ndarray, gain: int, values: np.ndarray | None = None) -> StripContexts:
    """Contexts of all symbols of a strip of blocks.

    Args:
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK).
        gain: index of the quantiser's step.
        values: quantised coefficients, int16; those of `round_coefficients` if None.
    """
    scaled = coefficients / step_of(gain)
    _, rows, columns = scaled.shape[:3]
    strip = strip_state(rows, columns, LOGS)
    choose_extents(scaled, BIT_WEIGHT, strip)
    np.asarray(strip.values)[:] = round_coefficients(scaled) if values is None else values
    return StripContexts(*(Contexts(*net) for net in collect(strip, gain, SLICES)))


class PhotoRaster(nn.Module):
    """The three networks of `rlcodec.presets.photo.coefficient_coder` in float."""

    def __init__(self, extent_tree: Tree):
        super().__init__()
        self.luma = RasterNet(INPUTS, ROWS, *WIDTHS, LONGEST_CHAIN)
        self.chroma = RasterNet(INPUTS, ROWS, *WIDTHS, LONGEST_CHAIN)
        self.extent = RasterNet(EXTENT_INPUTS, EXTENT_ROWS, *EXTENT_WIDTHS, len(extent_tree.threshold))
        self.trees = {"luma": CHAIN, "chroma": CHAIN, "extent": extent_tree}

    def bits(self, strips: list[StripContexts]) -> Tensor:
        """Code length of all symbols in bits, without signs and escape codes."""
        total = torch.zeros(())
        for name, tree in self.trees.items():
            net = getattr(self, name)
            inputs, rows, symbols = map(np.concatenate, zip(*(getattr(strip, name) for strip in strips), strict=True))
            chosen = indicators(rows, net.first.in_features - net.window)
            joined = np.concatenate([inputs / np.float32(INPUT_SCALE), chosen], 1, dtype=np.float32)
            device = net.first.weight.device
            total = total + path_bits(net, torch.from_numpy(joined).to(device, torch.bfloat16), symbols, tree)
        return total


def train_photo_raster(
    train: list[np.ndarray], validation: list[np.ndarray], run: TrainingRun, before: PhotoRaster | None = None
) -> PhotoRaster:
    """Trains the networks. The loss is the code length in bits per pixel.

    Args:
        train: pictures, uint8 (h, w, 3), with sides of at least CROP.
        validation: held-out pictures.
        run: schedule, folder and device.
        before: networks to start from; coefficients are then rounded by the encoder with these networks. If None, they are
            rounded by `round_coefficients`.

    Returns:
        The exponential moving average of the trained networks.

    Raises:
        DataError: a picture is smaller than a crop.
    """
    device, schedule, coder = seeded_device(run), run.schedule, weights_of(before) if before else None
    rng = np.random.default_rng(0)

    def draw(pictures: list[np.ndarray], rng: np.random.Generator) -> StripContexts:
        coefficients = to_coefficients(random_mirrored_crop(pictures, CROP, rng))
        gain = int(rng.integers(*TRAINED_GAINS))
        return contexts_of(coefficients, gain, encode_strip(coder, coefficients, gain).values if coder else None)

    if before:
        model = copy.deepcopy(before).requires_grad_(True)
    else:
        extents = [draw(train, rng).extent.symbols for _ in range(HELD_BATCHES * schedule.batch)]
        frequency = np.bincount(np.concatenate(extents), minlength=DIAGONALS)
        model = PhotoRaster(balanced_tree(frequency.astype(np.float64)))
    model = model.to(device)
    held_out = [draw(validation, rng) for _ in range(HELD_BATCHES * schedule.batch)]

    def loss_of(model: PhotoRaster, rng: np.random.Generator, batch: int) -> Tensor:
        return model.bits([draw(train, rng) for _ in range(batch)]) / (batch * CROP**2)

    def evaluate(model: PhotoRaster) -> dict[str, float]:
        return {"bits_per_pixel": float(model.bits(held_out)) / (len(held_out) * CROP**2)}

    return fit(model, loss_of, evaluate, run, "raster-encoder, photo")


def weights_of(raster: PhotoRaster, centroids: np.ndarray | None = None) -> PhotoWeights:
    """The runtime's weights from trained networks.

    Args:
        raster: the networks.
        centroids: as in `PhotoWeights`; if None, each magnitude is reconstructed as itself.

    Raises:
        ModelError: a sum could overflow int32.
    """
    if centroids is None:
        centroids = np.zeros((PLANES, DIAGONALS, 3), np.float32)
    exported = (
        export_net(getattr(raster, name), selected, raster.trees[name], MAX_INPUT, INPUT_SCALE)
        for name, selected in (("luma", SELECTED), ("chroma", SELECTED), ("extent", EXTENT_SELECTED))
    )
    return weights_from_arrays(weights_to_arrays(PhotoNets(*exported), LOGS, centroids))
