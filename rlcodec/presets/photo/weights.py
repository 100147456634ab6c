"""The weights of preset `photo`: the states in which the adaptive model begins, and reconstruction offsets of magnitudes."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.core.adaptive import MIXED, STRETCHES, Counters, Mixers
from rlcodec.core.weights_file import Weights, digest_of
from rlcodec.errors import ModelError
from rlcodec.presets.photo.coefficient_coder import COUNTERS, EXPECTATIONS, INPUTS, MIXERS
from rlcodec.presets.photo.transform import CENTRED, OFFSET_LIMIT, PLANES, SLICES, TRANSFORMS

MEMORY = 250
"""Number of uses from which on a counter forgets."""
SHAPES = {
    "counters": ((COUNTERS, 2), np.uint16),
    "expected": ((EXPECTATIONS, PLANES, TRANSFORMS, SLICES, INPUTS), np.int16),
    "mixers": ((MIXERS, MIXED), np.int32),
    "stretched": ((STRETCHES,), np.int16),
    "squashed": ((STRETCHES,), np.uint16),
    "relative": ((2 * OFFSET_LIMIT + 1,), np.int32),
    "centroids": ((PLANES, TRANSFORMS, SLICES, CENTRED), np.float32),
}
"""Shape and type of the arrays of a weights file, by name."""


@dataclass(frozen=True, eq=False)
class PhotoWeights(Weights):
    """The weights, as coding uses them.

    Attributes:
        digest: SHA-256 over all arrays, hexadecimal.
        counters: uint16 (COUNTERS, 2), probability and uses with which every strip begins.
        expected: int16 (3, 3, transforms, slices, INPUTS), weights of the expected magnitude, in 1/4096, by all inputs, by
            those of the block, and by the others.
        mixers: int32 (MIXERS, 8), with which every strip begins, in 1/65536.
        stretched: int16 (4096,), 256 times the log odds of each probability in 1/4096.
        squashed: uint16 (4096,), the inverse: probabilities in 1/65536.
        relative: int32 (49,), factors of the step by offset of an area, in 1/4096, as contexts use them.
        centroids: float32 (3, transforms, slices, 3): by how many quantiser steps the magnitudes 1, 2 and above shrink when
            they are dequantised.
    """

    counters: np.ndarray
    expected: np.ndarray
    mixers: np.ndarray
    stretched: np.ndarray
    squashed: np.ndarray
    relative: np.ndarray
    centroids: np.ndarray

    @functools.cached_property
    def model(self) -> tuple[Counters, Mixers]:
        """Counters and mixing weights, to be copied for every strip."""
        return Counters(self.counters, MEMORY), Mixers(self.mixers, self.stretched, self.squashed)


def weights_to_arrays(weights: PhotoWeights) -> dict[str, np.ndarray]:
    """The arrays of a weights file by name."""
    return {name: getattr(weights, name) for name in SHAPES}


def weights_from_arrays(arrays: Mapping[str, np.ndarray]) -> PhotoWeights:
    """Inverse of `weights_to_arrays`.

    Raises:
        ModelError: an array is missing, or its shape does not fit this version.
    """
    for name, (shape, kind) in SHAPES.items():
        if name not in arrays:
            raise ModelError(f"the weights of preset photo lack the array {name!r}")
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ModelError(f"the weights of preset photo do not fit this version: {name} has shape {arrays[name].shape}")
    return PhotoWeights(digest_of(arrays), **{name: np.ascontiguousarray(arrays[name]) for name in SHAPES})
