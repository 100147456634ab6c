"""Simple rules to beat: constant settings, and a tuned threshold between two of them."""

from dataclasses import dataclass

import numpy as np

from rlcodec.core.segment_choice import TIERS
from rlcodec.presets.mnist.observation import FIRST_TIER_ACTION, STOP_ACTION

THRESHOLD_QUANTILES = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class ThresholdRule:
    """Looks at one statistic: constant setting `below` up to the threshold, `above` beyond it.

    Attributes:
        statistic: index into `rlcodec.presets.mnist.measurements.STATISTICS`.
        threshold: of the statistic.
        below: index of a constant setting.
        above: index of a constant setting.
    """

    statistic: int
    threshold: float
    below: int
    above: int


def constant_settings(budget_slices: tuple[int, ...], height: int) -> list[tuple[int, ...]]:
    """Action sequences that use one tier and send all rows or none, for every bit budget."""
    settings = []
    for budget, slices in enumerate(budget_slices):
        for tier in range(len(TIERS)):
            action = FIRST_TIER_ACTION + tier
            settings.append((budget, *[action] * slices, STOP_ACTION))
            settings.append((budget, *[action] * (slices + height)))
    return settings


def tune_threshold(values: np.ndarray, statistics: np.ndarray) -> ThresholdRule:
    """The best threshold rule for given J (settings, n) and statistics (n, f), by exhaustive search."""
    best, rule = np.inf, ThresholdRule(0, 0.0, 0, 0)
    for statistic in range(statistics.shape[1]):
        column = statistics[:, statistic]
        for threshold in np.quantile(column, THRESHOLD_QUANTILES):
            low = column <= threshold
            below, above = values[:, low].sum(1), values[:, ~low].sum(1)
            total = below.min() + above.min()
            if total < best:
                best = total
                rule = ThresholdRule(statistic, float(threshold), int(below.argmin()), int(above.argmin()))
    return rule


def threshold_values(rule: ThresholdRule, values: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """J of the rule on every image, float64 (n,)."""
    low = statistics[:, rule.statistic] <= rule.threshold
    return np.where(low, values[rule.below], values[rule.above])
