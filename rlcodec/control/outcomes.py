"""What the ways in which episodes can end cost and give: tables that decision processes look J up in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.control.objective import Objectives


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What every way to end an episode costs and gives, of n images; (...) are the axes of what was decided.

    Attributes:
        rate_bpp: bits per pixel, float64 (n, ...).
        kmac: decoder kMAC per pixel, float64 (n, ...).
        distortion: D by kind, float64 (kinds, n, ...).
    """

    rate_bpp: np.ndarray
    kmac: np.ndarray
    distortion: np.ndarray

    def take(self, *index: Any) -> "Outcomes":
        """Those at an index into the axes (n, ...)."""
        return Outcomes(self.rate_bpp[index], self.kmac[index], self.distortion[:, *index])

    def values(self, objectives: Objectives, *index: np.ndarray) -> np.ndarray:
        """J of B episodes, float64 (B, ...).

        Args:
            objectives: of the episodes.
            index: int64 (B,) each: the image, and as much of what was decided as is known.
        """
        rate, kmac = self.rate_bpp[index], self.kmac[index]
        per_bit, per_kmac = (
            weight.reshape(-1, *[1] * (rate.ndim - 1)) for weight in (objectives.lambda_rate, objectives.lambda_compute)
        )
        return self.distortion[objectives.kind, *index] + per_bit * rate + per_kmac * kmac
