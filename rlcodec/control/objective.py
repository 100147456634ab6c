"""What an encode is worth: J = D + lambda_rate * R + lambda_compute * C, per pixel."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from rlcodec.control._objective import FLOORS, LOSS, MEASURE_OF, MSE, MSE_KIND, PEAKS
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.errors import OptionError

KINDS = ("mse", "psnr", "ms-ssim")
"""Kinds of distortion that follow from the mean squared error and MS-SSIM. Their order is part of observations."""
SSIMULACRA2 = "ssimulacra2"
PERCEPTUAL_KINDS = (*KINDS, SSIMULACRA2)
"""Kinds of presets that measure SSIMULACRA 2 too: the `kinds` of their `ProcessSpec`."""
MEASURES = (MSE, LOSS)
"""Measures of an error, which is 0 when pictures agree: mean squared error on the scale 0 to 255, and 1 - MS-SSIM.

`MEASURE_OF` is the measure of each kind, `FLOORS` what is added to an error in each measure before its logarithm is taken, and
`PEAKS` the error of 0 dB in each measure, which none exceeds."""
ROUNDING_MSE = FLOORS[MSE]
"""An 8-bit image itself differs from the scene by rounding; added to the error, it keeps decibels finite (58.9 dB)."""

COMPUTE_RANGE = (-4.5, -1.2)
"""log10 of lambda_compute / lambda_rate that policies are trained for."""
SCALE_RATE_BPP = 0.05
SCALE_KMAC = 0.5
"""What is worth one unit of rewards and regrets: so many bits, and so many decoder kMAC, per pixel."""


Measure = Callable[[np.ndarray, np.ndarray], float]
"""From an original and a decoded picture, uint8 of one shape, to D: the smaller, the better."""


def _measure_mse(original: np.ndarray, shown: np.ndarray) -> float:
    return float(np.square(shown.astype(np.int64) - original).mean())


def _measure_ssimulacra2(original: np.ndarray, shown: np.ndarray) -> float:
    from rlcodec.core.ssimulacra2 import ssimulacra2  # decoders do without it

    return -ssimulacra2(original, shown)


DISTORTIONS: dict[str, Measure] = {
    "mse": _measure_mse,
    "psnr": lambda original, shown: float(distortion("psnr", _measure_mse(original, shown))),
    "ms-ssim": lambda original, shown: float(distortion("ms-ssim", float(ms_ssim_loss(original, shown)))),
    SSIMULACRA2: _measure_ssimulacra2,
}
"""Kinds of distortion that objectives may have. Presets say which of them their decisions can be made for."""


def register_distortion(kind: str, measure: Measure) -> None:
    """Adds a kind of distortion; raises OptionError if there is one of the name."""
    if kind in DISTORTIONS:
        raise OptionError(f"there is a kind of distortion {kind} already")
    DISTORTIONS[kind] = measure


def unregister_distortion(kind: str) -> None:
    """Removes a kind that `register_distortion` added."""
    if kind not in PERCEPTUAL_KINDS:
        DISTORTIONS.pop(kind, None)


@dataclass(frozen=True)
class Objective:
    """What to minimise.

    Attributes:
        kind: of the distortion D: "mse" on the scale 0 to 255; "psnr" or "ms-ssim", both in negative decibels; "ssimulacra2",
            the negative score; or another of `DISTORTIONS`.
        lambda_rate: D that one bit per pixel is worth.
        lambda_compute: D that one decoder kMAC per pixel is worth.
    """

    kind: str
    lambda_rate: float
    lambda_compute: float

    def __post_init__(self) -> None:
        for name in ("lambda_rate", "lambda_compute"):
            if not isinstance(getattr(self, name), Real):
                raise OptionError(f"{name} is {getattr(self, name)!r}; give a number")
        if self.kind not in DISTORTIONS:
            raise OptionError(f"unknown kind of distortion {self.kind!r}; there are: {', '.join(DISTORTIONS)}")
        if not (self.lambda_rate > 0 and math.isfinite(self.lambda_rate)):
            raise OptionError(f"lambda_rate is {self.lambda_rate}; it must be positive and finite")
        if not (self.lambda_compute >= 0 and math.isfinite(self.lambda_compute)):
            raise OptionError(f"lambda_compute is {self.lambda_compute}; it must not be negative")

    def value(self, distortion: np.ndarray | float, rate_bpp: np.ndarray | float, kmac: np.ndarray | float) -> np.ndarray:
        """J for a distortion D of the kind, bits per pixel and decoder kMAC per pixel."""
        return np.asarray(distortion) + self.lambda_rate * np.asarray(rate_bpp) + self.lambda_compute * np.asarray(kmac)


DEFAULT = "balanced"
"""Name of the objective that counts if none is given."""


class Objectives(NamedTuple):
    """Objectives of B episodes.

    Attributes:
        kind: int64 (B,), index into the kinds of distortion of the decision process.
        lambda_rate: float64 (B,).
        lambda_compute: float64 (B,).
    """

    kind: np.ndarray
    lambda_rate: np.ndarray
    lambda_compute: np.ndarray

    @staticmethod
    def of(objective: Objective, count: int, kinds: tuple[str, ...] = KINDS) -> "Objectives":
        """The same objective for `count` episodes; its kind is one of `kinds`."""
        kind = np.full(count, kinds.index(objective.kind))
        return Objectives(kind, np.full(count, float(objective.lambda_rate)), np.full(count, float(objective.lambda_compute)))

    @staticmethod
    def empty(count: int) -> "Objectives":
        """Placeholders for `count` episodes that have not started."""
        return Objectives(np.zeros(count, np.int64), np.ones(count), np.zeros(count))

    @staticmethod
    def draw(
        rng: "np.random.Generator",
        count: int,
        rate_range: Mapping[str, tuple[float, float]],
        kinds: tuple[str, ...] = KINDS,
        drawn: tuple[str, ...] | None = None,
    ) -> "Objectives":
        """Random kinds and weights, log-uniform over the trained ranges.

        Args:
            rng: random generator.
            count: how many.
            rate_range: log10 of the smallest and the largest lambda_rate by kind.
            kinds: of the decision process, which number them.
            drawn: kinds to draw from; all of `kinds` if None.
        """
        choices = np.array([kinds.index(kind) for kind in drawn or kinds])
        kind = choices[rng.integers(0, len(choices), count)]
        low, high = np.array([rate_range[k] for k in kinds])[kind].T
        rate = 10 ** rng.uniform(low, high)
        return Objectives(kind, rate, rate * 10 ** rng.uniform(*COMPUTE_RANGE, count))

    def take(self, rows: Any) -> "Objectives":
        """Those of some of the episodes."""
        return Objectives(self.kind[rows], self.lambda_rate[rows], self.lambda_compute[rows])

    def put(self, rows: np.ndarray, other: "Objectives") -> None:
        """Overwrites those of some of the episodes."""
        for mine, theirs in zip(self, other, strict=True):
            mine[rows] = theirs

    def one(self, row: int, kinds: tuple[str, ...] = KINDS) -> Objective:
        """The objective of one episode."""
        return Objective(kinds[int(self.kind[row])], float(self.lambda_rate[row]), float(self.lambda_compute[row]))


def distortion(kind: str, error: np.ndarray | float) -> np.ndarray:
    """D of errors in the measure of a kind, one of `KINDS`."""
    errors, measure = np.asarray(error, np.float64), MEASURE_OF[KINDS.index(kind)]
    if kind == KINDS[MSE_KIND]:
        return errors
    return 10 * np.log10((np.maximum(errors, 0) + FLOORS[measure]) / PEAKS[measure])
