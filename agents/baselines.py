"""Baselines of a policy: a threshold rule that chooses between two settings, and the planner's advice without learning."""

from dataclasses import dataclass

import numpy as np

THRESHOLD_QUANTILES = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class ThresholdRule:
    """Chooses by one statistic of an image: setting `below` up to the threshold, and `above` beyond it.

    Attributes:
        statistic: index of the statistic.
        threshold: of the statistic.
        below: index of a setting.
        above: index of a setting.
    """

    statistic: int
    threshold: float
    below: int
    above: int

    def values(self, values: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """J of the rule on every image, float64 (n,).

        Args:
            values: float64 (settings, n), J of every setting on every image.
            statistics: float64 (n, f).
        """
        low = statistics[:, self.statistic] <= self.threshold
        return np.where(low, values[self.below], values[self.above])


def tune_threshold(values: np.ndarray, statistics: np.ndarray) -> ThresholdRule:
    """The threshold rule with the least mean J, by exhaustive search; arguments as `ThresholdRule.values`."""
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


@dataclass(frozen=True)
class PlannerActor:
    """Takes the planner's advice as it is; an `rlcodec.control.actor.Actor`.

    Attributes:
        action_count: number of actions.
        macs: multiply-accumulates of scoring actions: none, the scores are part of the observation.
    """

    action_count: int
    macs: int = 0

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """The predicted regrets, negated, float32 (B, actions)."""
        return -observation[:, self.action_count : 2 * self.action_count]
