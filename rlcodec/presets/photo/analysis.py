"""What an encoder of photographs chooses for each area by its coefficients: its blocks, and how luma predicts chroma.

The choice of blocks compares estimates of squared error plus weighted bits of all splits of an area, from the coefficients of
all transforms.
"""

from dataclasses import dataclass

import numpy as np

from rlcodec.presets.photo._analysis import choose_chroma, choose_splits
from rlcodec.presets.photo._transform import transform_areas
from rlcodec.presets.photo.allocation import Allocation
from rlcodec.presets.photo.lapping import lap
from rlcodec.presets.photo.quantiser import RELATIVE_STEPS, Quantiser
from rlcodec.presets.photo.transform import AREA_PIXELS, BASES, DIAGONALS, PLANES, SIDE_OF, TRANSFORMS, WHOLE

GROUPS = np.searchsorted((1, 2, 4, 6, 9, 13, 18), DIAGONALS * 16 // SIDE_OF).astype(np.uint8)
"""Group of every frequency whose magnitudes are taken to be alike, uint8 (FREQUENCIES,)."""
EVEN_SPLITS = (15, 0, WHOLE)
"""Splits into blocks of one size, by transform."""
BLOCK_BITS = np.array([[3.0, 3.0, 3.0], [1.5, 1.5, 1.5], [1.5, 1.5, 1.5]], np.float32)
"""Bits of a block beside its coefficients, by plane and transform."""


@dataclass(frozen=True)
class Analysis:
    """What an encoder chose for the areas of a strip.

    Attributes:
        splits: uint8 (area rows, area columns), how areas are split.
        offsets: int8 (area rows, area columns), of the step.
        chroma: int8 (area rows, area columns, 2), by which luma predicts chroma.
        coefficients: float32 (area rows, area columns, 3, AREA_PIXELS), of the splits.
    """

    splits: np.ndarray
    offsets: np.ndarray
    chroma: np.ndarray
    coefficients: np.ndarray


def analyse(planes: np.ndarray, quantiser: Quantiser, offsets: np.ndarray, allocation: Allocation) -> Analysis:
    """Transforms a strip, and chooses its blocks and how luma predicts chroma; arguments as `best_splits`."""
    return split_as(planes, quantiser, offsets, best_splits(planes, quantiser, offsets, allocation)[0])


def best_splits(
    planes: np.ndarray, quantiser: Quantiser, offsets: np.ndarray, allocation: Allocation
) -> tuple[np.ndarray, np.ndarray]:
    """How the areas of a strip are best split into blocks.

    Args:
        planes: float32 (3, rows, columns), from `rlcodec.presets.photo.transform.planes_of`.
        quantiser: of the picture.
        offsets: int8 (area rows, area columns), of the step.
        allocation: of the picture.

    Returns:
        The splits, uint8 (area rows, area columns), and the estimated squared error plus weighted bits in squared steps of an
        area, float32 of this shape.
    """
    splits, costs = np.empty(offsets.shape, np.uint8), np.empty(offsets.shape, np.float32)
    trials = np.repeat(planes[None], TRANSFORMS, 0)
    for trial, split in zip(trials, EVEN_SPLITS, strict=True):
        lap(trial, np.full(offsets.shape, split, np.uint8))
    choose_splits(
        trials,
        offsets,
        1 / quantiser.scales,
        quantiser.growth**allocation.importance,
        RELATIVE_STEPS,
        GROUPS,
        BASES,
        BLOCK_BITS,
        allocation.split_weight,
        splits,
        costs,
    )
    return splits, costs


def split_as(planes: np.ndarray, quantiser: Quantiser, offsets: np.ndarray, splits: np.ndarray) -> Analysis:
    """Transforms a strip whose splits are chosen, and chooses how luma predicts chroma; other arguments as `best_splits`."""
    lapped = planes.copy()
    lap(lapped, splits)
    coefficients = np.empty((*splits.shape, PLANES, AREA_PIXELS), np.float32)
    chroma = np.empty((*splits.shape, PLANES - 1), np.int8)
    transform_areas(lapped, splits, BASES, coefficients)
    choose_chroma(coefficients, splits, offsets, 1 / quantiser.scales, RELATIVE_STEPS, chroma)
    return Analysis(splits, offsets, chroma, coefficients)
