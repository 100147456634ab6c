"""What an encode is worth: J = D + lambda_rate * R + lambda_compute * C, per pixel."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from rlcodec.errors import OptionError

KINDS = ("mse", "psnr")
ROUNDING_MSE = 1 / 12
"""An 8-bit image itself differs from the scene by rounding; added to the error, it keeps decibels finite (58.9 dB)."""
ROUNDING_LOSS = 2e-4
"""The same for MS-SSIM: what such rounding takes off it where a picture is flat (37.0 dB). A variance of 1/12, a quarter of it
at each coarser scale, is weighed against the contrast constant."""
PEAK_SQUARED = 255.0**2

RATE_RANGE = {"mse": (2.9, 4.5), "psnr": (1.6, 2.3)}
"""log10 of lambda_rate that policies are trained for, by kind: distortion units that one bit per pixel is worth. Below these
lossless is best for nearly every digit."""
COMPUTE_RANGE = (-4.5, -1.2)
"""log10 of lambda_compute / lambda_rate that policies are trained for."""


@dataclass(frozen=True)
class Objective:
    """What to minimise.

    Attributes:
        kind: of the distortion D: "mse" on the scale 0 to 255, or "psnr", negative decibels.
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
        if self.kind not in KINDS:
            raise OptionError(f"unknown kind of distortion {self.kind!r}; there are: {', '.join(KINDS)}")
        if not (self.lambda_rate > 0 and math.isfinite(self.lambda_rate)):
            raise OptionError(f"lambda_rate is {self.lambda_rate}; it must be positive and finite")
        if not (self.lambda_compute >= 0 and math.isfinite(self.lambda_compute)):
            raise OptionError(f"lambda_compute is {self.lambda_compute}; it must not be negative")

    def value(self, mse: np.ndarray | float, rate_bpp: np.ndarray | float, kmac: np.ndarray | float) -> np.ndarray:
        """J for a mean squared error, bits per pixel and decoder kMAC per pixel."""
        return distortion(self.kind, mse) + self.lambda_rate * np.asarray(rate_bpp) + self.lambda_compute * np.asarray(kmac)


NAMED = {
    "small": Objective("mse", 6000.0, 6.0),
    "balanced": Objective("mse", 1000.0, 1.0),
    "fast": Objective("mse", 1000.0, 60.0),
}
"""The named objectives; "lossless" is the fourth name and needs no policy."""
DEFAULT = "balanced"


def distortion(kind: str, error: np.ndarray | float) -> np.ndarray:
    """D of an error: the mean squared error, or for "ms-ssim" 1 - MS-SSIM."""
    error = np.asarray(error, np.float64)
    if kind == "mse":
        return error
    return 10 * np.log10(error + ROUNDING_LOSS if kind == "ms-ssim" else (error + ROUNDING_MSE) / PEAK_SQUARED)


def resolve_objective(
    name: str | None, lambda_rate: float | None, lambda_compute: float | None, kind: str | None = None
) -> Objective:
    """The objective that a caller's options mean.

    Raises:
        OptionError: an unknown name, or a name together with numbers.
    """
    if lambda_rate is None and lambda_compute is None and kind is None:
        name = name or DEFAULT
        if name not in NAMED:
            raise OptionError(f"unknown objective {name!r}; there are: {', '.join([*NAMED, 'lossless'])}")
        return NAMED[name]
    if name is not None:
        raise OptionError("give either an objective's name or lambda_rate and lambda_compute, not both")
    if lambda_rate is None:
        raise OptionError("lambda_compute and distortion need lambda_rate beside them")
    return Objective(kind or KINDS[0], lambda_rate, lambda_compute or 0.0)
