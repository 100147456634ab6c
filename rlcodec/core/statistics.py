"""Statistics of measurements: the bootstrap interval that evaluations and benchmarks report."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
QUANTILES = (0.025, 0.975)


class Interval(NamedTuple):
    """Ends of a 95% interval."""

    low: float
    high: float


def bootstrap_interval(statistic: Callable[[np.ndarray], float], count: int, resamples: int | None = None) -> Interval:
    """The 95% percentile bootstrap interval of a statistic (Efron, 1979), the same in every run.

    Args:
        statistic: computes the statistic from the indices of the images to use, int64 (count,); resamples for which it is NaN
            are left out.
        count: number of images.
        resamples: how often images are drawn anew, with replacement; `RESAMPLES` if None.
    """
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES if resamples is None else resamples)]
    return Interval(*(float(end) for end in np.nanquantile(drawn, QUANTILES)))
