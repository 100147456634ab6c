"""Codes a photograph at a gain, under the allocation for a kind of distortion."""

import functools

import numpy as np

from rlcodec.presets.photo.allocation import ALLOCATIONS, Allocation
from rlcodec.presets.photo.colors import ColorTransform, best_transform
from rlcodec.presets.photo.layer import raster_bits
from rlcodec.presets.photo.repair import WIDTHS
from rlcodec.presets.photo.settings import DEFAULT_PREDICTOR, PREDICTORS, PhotoSettings
from rlcodec.presets.photo.strips import CodedPicture, encode_photo
from rlcodec.presets.photo.weights import PhotoWeights

MOST_REPAIR = len(WIDTHS) - 1
"""Level of repair of all areas: whatever synthesis the header names is used everywhere."""


def allocation_for(kind: str, aq_strength: float = 1.0) -> Allocation:
    """The allocation for a kind of distortion, its adaptive quantisation scaled by a factor."""
    return ALLOCATIONS[kind].scaled(aq_strength)


def settings_for(gain: int, allocation: Allocation, synthesis: str, gray: bool = False, alpha: bool = False) -> PhotoSettings:
    """The settings of a stream that was coded at a gain under an allocation."""
    return PhotoSettings(gain, allocation.shape, allocation.chroma, allocation.fixed, synthesis, gray, alpha)


class PictureCoder:
    """Codes one picture at several gains.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width, 3).
        workers: threads; as many as there are cores if None.
        predictor: one of PREDICTORS.
        raster_areas: whether the raster-encoder may code areas.
    """

    def __init__(
        self,
        weights: PhotoWeights,
        pixels: np.ndarray,
        workers: int | None = None,
        predictor: str = DEFAULT_PREDICTOR,
        raster_areas: bool = True,
    ):
        self.weights, self.pixels, self.workers, self.tier = weights, pixels, workers, PREDICTORS.index(predictor)
        self._colors: dict[int, ColorTransform] = {}
        self._raster_areas = raster_areas

    @functools.cached_property
    def _raster_bits(self) -> np.ndarray | None:
        """What the raster-encoder takes for areas, as `encode_photo` has it."""
        return raster_bits(self.pixels, self.workers) if self._raster_areas else None

    def code(self, gain: int, allocation: Allocation, keep: bool = False) -> CodedPicture:
        """The picture coded at a gain.

        Args:
            gain: index of the quantiser's step, 0 the finest.
            allocation: of bits.
            keep: whether the quantised areas are kept.
        """
        fixed = allocation.fixed
        if fixed not in self._colors:
            self._colors[fixed] = best_transform(self.pixels, fixed)
        return encode_photo(
            self.weights,
            self.pixels,
            gain,
            self._colors[fixed],
            allocation,
            MOST_REPAIR,
            self.tier,
            self.workers,
            keep,
            self._raster_bits,
        )
