"""Where the bits of a photograph go: how the quantiser's step depends on frequency, colour and area, by kind of distortion.

Every kind of distortion has a rule, tuned on training pictures: a fixed basis of colours, how the step grows with frequency,
and an offset of the step in each area, a weighted sum of features of its luma. Errors are seen less in busy areas, and more
beside edges in calm ones.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from rlcodec.presets.photo.colors import NEUTRAL, OPPONENT
from rlcodec.presets.photo.quantiser import FULL_SHAPE, Quantiser
from rlcodec.presets.photo.transform import AREA, AREA_CELLS, CELL, OFFSET_LIMIT

LEVEL = 0.8
"""How much of the mean offset of a picture is kept; without it the same gain would give busy pictures finer steps."""
LEAST_VARIANCE, LEAST_GRADIENT, DARKNESS = 20.0, 2.0, 30.0
"""Added to variances and to squared differences of neighbours before logarithms; levels over which darkness counts."""


@dataclass(frozen=True)
class Allocation:
    """How bits are allocated for a kind of distortion.

    Attributes:
        fixed: index of the fixed basis of colours.
        shape: level of the growth of the step with frequency.
        chroma: level of the steps of chroma.
        features: weights of the features of an area in its offset, in 1/8 octave; see `area_features`.
        typical: the weighted sum in a typical picture.
        strength: of the offsets, 0 for the same step everywhere.
        bit_weight: squared quantiser steps that a bit is worth when coefficients are rounded.
        split_weight: the same when blocks are chosen.
        importance: exponent of the growth by which the choice of blocks weighs squared errors in steps; 2 weighs errors evenly.
    """

    fixed: int = NEUTRAL
    shape: int = 0
    chroma: int = 0
    features: dict[str, float] = field(default_factory=dict)
    typical: float = 0.0
    strength: float = 1.0
    bit_weight: float = 0.09
    split_weight: float = 0.11
    importance: float = 2.0

    def scaled(self, factor: float) -> "Allocation":
        """The same with offsets scaled by a factor."""
        return replace(self, strength=self.strength * factor)

    @property
    def adapts(self) -> bool:
        """Whether areas may have offsets."""
        return bool(self.features and self.strength)

    def quantiser(self, gain: int) -> Quantiser:
        """The steps of a picture at a gain."""
        return Quantiser(gain, self.fixed, self.shape, self.chroma)


UNIFORM = Allocation()
_MS_SSIM = Allocation(
    shape=FULL_SHAPE,
    features={"calm": 2.4, "variance": 0.78, "wide": 0.27, "gradient": -0.975},
    typical=19.52,
    split_weight=0.13,
    importance=0.0,
)
_SSIMULACRA2 = Allocation(
    fixed=OPPONENT,
    shape=FULL_SHAPE,
    features={"calm": 2.07, "wide": 0.65, "gradient": -1.13, "uneven": -0.88, "dark": -1.0},
    typical=11.83,
    split_weight=0.13,
    importance=0.4,
)
ALLOCATIONS = {"mse": UNIFORM, "psnr": UNIFORM, "ms-ssim": _MS_SSIM, "ssimulacra2": _SSIMULACRA2}
"""The allocation by kind of distortion."""


def area_features(luma: np.ndarray) -> dict[str, np.ndarray]:
    """Features of areas.

    Args:
        luma: float32 (rows, columns), whole areas.

    Returns:
        By name float32 (area rows, area columns). `calm` and `uneven`: mean and standard deviation over cells of 8x8 pixels of
        log2 of the variance in the cell; `variance`: log2 of the mean of these variances; `wide`: log2 of the variance in the
        area; `gradient`: mean over cells of log2 of the mean squared difference of neighbours; `dark`: exp(-light / 30).
    """
    rows, columns = (length // AREA for length in luma.shape)

    def by_area(cells: np.ndarray) -> np.ndarray:
        return cells.reshape(rows, AREA_CELLS, columns, AREA_CELLS).swapaxes(1, 2).reshape(rows, columns, -1)

    def mean_of(values: np.ndarray, side: int) -> np.ndarray:
        return values.reshape(values.shape[0] // side, side, -1, side).mean((1, 3))

    means, squares = mean_of(luma, CELL), mean_of(luma * luma, CELL)
    variances = by_area(np.maximum(squares - means * means, 0))
    logarithms = np.log2(variances + LEAST_VARIANCE)
    wide_mean = by_area(means).mean(2)
    wide = np.maximum(by_area(squares).mean(2) - wide_mean**2, 0)
    steps = np.zeros_like(luma)
    steps[:, :-1] += np.square(luma[:, 1:] - luma[:, :-1])
    steps[:-1] += np.square(luma[1:] - luma[:-1])
    return {
        "calm": logarithms.mean(2),
        "uneven": logarithms.std(2),
        "variance": np.log2(variances.mean(2) + LEAST_VARIANCE),
        "wide": np.log2(wide + LEAST_VARIANCE),
        "gradient": by_area(np.log2(mean_of(steps, CELL) + LEAST_GRADIENT)).mean(2),
        "dark": np.exp(-(wide_mean + 128) / DARKNESS),
    }


def busyness_of(luma: np.ndarray, allocation: Allocation) -> np.ndarray:
    """The weighted sum of the features of each area, float (area rows, area columns); `luma` as `area_features`."""
    start = np.zeros([length // AREA for length in luma.shape], np.float32)
    if not allocation.adapts:
        return start
    features = area_features(luma)
    return sum((weight * features[name] for name, weight in allocation.features.items()), start)


def offsets_of(busyness: np.ndarray, mean: float, allocation: Allocation) -> np.ndarray:
    """The step's offset of each area.

    Args:
        busyness: from `busyness_of`.
        mean: of the whole picture.
        allocation: of the picture.

    Returns:
        int8, of the shape of `busyness`.
    """
    if not allocation.adapts:
        return np.zeros(busyness.shape, np.int8)
    offsets = allocation.strength * (busyness - mean + LEVEL * (mean - allocation.typical))
    return np.clip(np.rint(offsets), -OFFSET_LIMIT, OFFSET_LIMIT).astype(np.int8)
