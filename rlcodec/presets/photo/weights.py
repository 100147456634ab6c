"""The weights of preset `photo`: the states in which the adaptive model begins, and reconstruction offsets of magnitudes."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.core.adaptive import MIXED, STRETCHES, Counters, Mixers
from rlcodec.core.weights_file import Weights, checked_arrays, digest_of
from rlcodec.presets.photo._network import HIDDEN, NETWORK_INPUTS, NODES, SECOND, Network
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
    "network_first": ((NETWORK_INPUTS, HIDDEN), np.int16),
    "network_rows": ((PLANES * TRANSFORMS * (SLICES - 1), HIDDEN), np.int32),
    "network_second": ((HIDDEN, SECOND), np.int16),
    "network_second_bias": ((SECOND,), np.int32),
    "network_last": ((SECOND, NODES), np.int16),
    "network_last_bias": ((NODES,), np.int32),
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
        network_first: int16 (32, 32), weights of the network in 1/1024, as all; see `rlcodec.presets.photo._network.Network`.
        network_rows: int32 (36, 32), biases of the first layer by plane, transform and slice.
        network_second: int16 (32, 16).
        network_second_bias: int32 (16,).
        network_last: int16 (16, 16).
        network_last_bias: int32 (16,).
        centroids: float32 (3, transforms, slices, 3): by how many quantiser steps the magnitudes 1, 2 and above shrink when
            they are dequantised.
    """

    counters: np.ndarray
    expected: np.ndarray
    mixers: np.ndarray
    stretched: np.ndarray
    squashed: np.ndarray
    relative: np.ndarray
    network_first: np.ndarray
    network_rows: np.ndarray
    network_second: np.ndarray
    network_second_bias: np.ndarray
    network_last: np.ndarray
    network_last_bias: np.ndarray
    centroids: np.ndarray

    @functools.cached_property
    def model(self) -> tuple[Counters, Mixers]:
        """Counters and mixing weights, to be copied for every strip."""
        return Counters(self.counters, MEMORY), Mixers(self.mixers, self.stretched, self.squashed)

    @functools.cached_property
    def network(self) -> Network:
        """The network of tier `network`."""
        return Network(
            self.network_first,
            self.network_rows,
            self.network_second,
            self.network_second_bias,
            self.network_last,
            self.network_last_bias,
        )

    @functools.cached_property
    def _spare_models(self) -> list[tuple[Counters, Mixers]]:
        return []

    @contextlib.contextmanager
    def borrowed_model(self) -> Iterator[tuple[Counters, Mixers]]:
        """A copy of `model`, whose memory is used again later: fresh memory takes longer than to copy into it."""
        try:
            copies = self._spare_models.pop()
        except IndexError:
            copies = self.model[0].copy(), self.model[1].copy()
        else:
            counters, mixers = copies
            counters.begin_as(self.model[0])
            mixers.begin_as(self.model[1])
        yield copies
        self._spare_models.append(copies)


def weights_to_arrays(weights: PhotoWeights) -> dict[str, np.ndarray]:
    """The arrays of a weights file by name."""
    return {name: getattr(weights, name) for name in SHAPES}


def weights_from_arrays(arrays: Mapping[str, np.ndarray]) -> PhotoWeights:
    """Inverse of `weights_to_arrays`.

    Raises:
        ModelError: an array is missing, or its shape does not fit this version.
    """
    return PhotoWeights(digest_of(arrays), **checked_arrays(arrays, SHAPES, "photo"))
