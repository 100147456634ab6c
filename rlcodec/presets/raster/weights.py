"""The weights of preset `raster`: the states in which the adaptive model of a strip begins."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.core.adaptive import MIXED, STRETCHES, Counters, Mixers
from rlcodec.core.weights_file import Weights, checked_arrays, digest_of
from rlcodec.presets.raster.model import COUNTERS, MIXERS, SMALL_HASHED, first_plane_counters

MEMORY = 400
"""Number of uses from which on a counter forgets."""
BEGINNINGS = ("picture", "small", "sketch")
"""Names of the sets of states: of photographs, screens and drawings; of small photographs; and of small drawings."""
USES = (0, 4, 24, 160)
"""Uses with which a counter can begin."""
LEVEL_BITS = 6
"""Bits of the level of a stored probability."""
MIXER_UNIT = 32
"""Mixing weights are stored in this many 1/65536."""
FIRST_PLANE = first_plane_counters()
"""Indices of the counters of samples of a first plane, and of pixels: small pictures have few others."""
SHAPES = {
    "counters": ((COUNTERS,), np.uint8),
    "first_plane": ((len(BEGINNINGS) - 1, len(FIRST_PLANE)), np.uint8),
    "hashed": ((SMALL_HASHED,), np.uint8),
    "mixers": ((len(BEGINNINGS), MIXERS, MIXED), np.int16),
    "stretched": ((STRETCHES,), np.int16),
    "squashed": ((STRETCHES,), np.uint16),
}
"""Shape and type of the arrays of a weights file, by name."""


@dataclass(frozen=True, eq=False)
class RasterWeights(Weights):
    """The weights, as coding uses them.

    Attributes:
        digest: SHA-256 over all arrays, hexadecimal.
        counters: uint8 (COUNTERS,), what counters begin with: the level of the log odds in the upper six bits, and an index
            into USES.
        first_plane: uint8 (2, FIRST_PLANE), as `counters`, those of FIRST_PLANE that differ in the other beginnings.
        hashed: uint8 (SMALL_HASHED,), as `counters`, what the tables of small strips begin with.
        mixers: int16 (3, MIXERS, 8), mixing weights in 1/2048.
        stretched: int16 (4096,), 256 times the log odds of each probability in 1/4096.
        squashed: uint16 (4096,), the inverse: probabilities in 1/65536.
    """

    counters: np.ndarray
    first_plane: np.ndarray
    hashed: np.ndarray
    mixers: np.ndarray
    stretched: np.ndarray
    squashed: np.ndarray

    @functools.cached_property
    def models(self) -> tuple["StripModel", ...]:
        """What strips begin with, by the index in BEGINNINGS, to be copied for every strip."""
        hashed = Counters(unpacked_counters(self.hashed, self.squashed), MEMORY)
        counters = [self.counters.copy() for _ in BEGINNINGS]
        for begun, own in zip(counters[1:], self.first_plane, strict=True):
            begun[FIRST_PLANE] = own
        return tuple(
            StripModel(
                Counters(unpacked_counters(begun, self.squashed), MEMORY),
                Mixers(mixers.astype(np.int32) * MIXER_UNIT, self.stretched, self.squashed),
                hashed,
            )
            for begun, mixers in zip(counters, self.mixers, strict=True)
        )

    @functools.cached_property
    def _spare_models(self) -> list["StripModel"]:
        return []

    @contextlib.contextmanager
    def borrowed_model(self, beginning: int, small: bool) -> Iterator["StripModel"]:
        """A copy of one of `models`, whose memory is used again later: fresh memory takes longer than to copy into it.

        Args:
            beginning: index in BEGINNINGS.
            small: whether the strip is small, so that it uses `StripModel.hashed`; what this holds is unknown otherwise.
        """
        begun = self.models[beginning]
        try:
            model = self._spare_models.pop()
        except IndexError:
            model = begun.copy()
        else:
            model.begin_as(begun, small)
        yield model
        self._spare_models.append(model)


@dataclass(frozen=True, eq=False)
class StripModel:
    """The adaptive model of a strip.

    Attributes:
        counters: COUNTERS of them.
        mixers: MIXERS of them.
        hashed: SMALL_HASHED counters, of small strips.
    """

    counters: Counters
    mixers: Mixers
    hashed: Counters

    def copy(self) -> "StripModel":
        """The same model, which then goes its own way."""
        return StripModel(self.counters.copy(), self.mixers.copy(), self.hashed.copy())

    def begin_as(self, other: "StripModel", small: bool = True) -> None:
        """Takes the states of another model, in its own memory; `hashed` only if the strip is small."""
        self.counters.begin_as(other.counters)
        self.mixers.begin_as(other.mixers)
        if small:
            self.hashed.begin_as(other.hashed)


def unpacked_counters(packed: np.ndarray, squashed: np.ndarray) -> np.ndarray:
    """The states of counters.

    Args:
        packed: uint8 (n,), as `RasterWeights.counters`.
        squashed: as `RasterWeights.squashed`.

    Returns:
        uint16 (n, 2), as `rlcodec.core.adaptive.Counters` takes them.
    """
    levels = STRETCHES >> LEVEL_BITS
    probability = squashed[(packed >> 2).astype(np.int64) * levels + levels // 2]
    return np.stack([probability, np.array(USES, np.uint16)[packed & 3]], 1)


def packed_counters(states: np.ndarray) -> np.ndarray:
    """The nearest states that `unpacked_counters` can give; arguments as it returns them."""
    probability = (states[:, 0] + 0.5) / 65536
    stretched = STRETCHES / 2 + 256 * np.log(probability / (1 - probability))
    levels = np.clip(stretched / (STRETCHES >> LEVEL_BITS), 0, (1 << LEVEL_BITS) - 1).astype(np.uint8)
    uses = np.searchsorted(np.array(USES), states[:, 1], side="right") - 1
    return levels << 2 | uses.astype(np.uint8)


def weights_to_arrays(weights: RasterWeights) -> dict[str, np.ndarray]:
    """The arrays of a weights file by name."""
    return {name: getattr(weights, name) for name in SHAPES}


def weights_from_arrays(arrays: Mapping[str, np.ndarray]) -> RasterWeights:
    """Inverse of `weights_to_arrays`.

    Raises:
        ModelError: an array is missing, or its shape does not fit this version.
    """
    return RasterWeights(digest_of(arrays), **checked_arrays(arrays, SHAPES, "raster"))
