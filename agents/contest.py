"""What contenders are measured against on given images: fixed settings and the exact oracle, known in hindsight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.agents.oracle import Plan, replay
from rlcodec.control.objective import Objective
from rlcodec.envs.batch import Core

GRID_COMPUTE = (-4.4, -3.4, -2.35, -1.3)
"""log10 of lambda_compute / lambda_rate of every grid."""
SOLVED = 0
"""Status of a linear programme that has a solution."""


def objective_grid(grid_rate: Mapping[str, tuple[float, ...]]) -> list[Objective]:
    """The objectives that evaluations use, from log10 of lambda_rate by kind."""
    return [
        Objective(kind, 10**rate, 10 ** (rate + compute))
        for kind, rates in grid_rate.items()
        for rate in rates
        for compute in GRID_COMPUTE
    ]


@dataclass(frozen=True)
class Contest:
    """Images, and what is known of them in hindsight.

    Attributes:
        episodes: one for each image.
        statistics: float64 (n, f), what a threshold rule looks at.
        grid: the objectives that evaluations use.
        constants: the action sequences that people would call settings.
        oracle: the best plan of every image under an objective.
        fixed: the one action sequence that is best on average.
        smallest_gap: bits per pixel; where oracle and best fixed sequence differ by what fewer are worth, there is no gap to
            take a share of.
    """

    episodes: Core
    statistics: np.ndarray
    grid: list[Objective]
    constants: list[tuple[int, ...]]
    oracle: Callable[[Objective], list[Plan]]
    fixed: Callable[[Objective], Plan]
    smallest_gap: float = 0.0

    @property
    def images(self) -> int:
        """How many images there are."""
        return self.episodes.batch

    def replay(self, objective: Objective, actions: tuple[int, ...]) -> np.ndarray:
        """J of one action sequence on every image, float64 (n,)."""
        return replay(self.episodes, objective, [actions] * self.images)

    def parts(self, objective: Objective, actions: tuple[int, ...]) -> np.ndarray:
        """Mean D, R and C of one action sequence, float64 (3,)."""
        self.replay(objective, actions)
        return self.episodes.objective_parts().mean(1)


@dataclass(frozen=True)
class Mixture:
    """What mixtures of fixed settings, each image's drawn by lot, would need to do as well as a policy.

    Attributes:
        rate: the least bits per pixel with no more D and compute; NaN where none does so well.
        compute: the least kMAC per pixel with no more D and rate; NaN the same.
    """

    rate: float
    compute: float


def best_mixture(settings: np.ndarray, policy: np.ndarray) -> Mixture:
    """The mixtures of fixed settings that match a policy at the least rate, and at the least compute.

    A mixture is stronger than any one setting: it reaches every point on the convex hull of theirs.

    Args:
        settings: float64 (s, 3), mean D, R and C of the settings.
        policy: float64 (3,), of the policy.
    """
    from scipy.optimize import linprog

    def least(which: int) -> float:
        others = [i for i in range(3) if i != which]
        found = linprog(
            settings[:, which], A_ub=settings[:, others].T, b_ub=policy[others], A_eq=np.ones((1, len(settings))), b_eq=[1.0]
        )
        return float(found.fun) if found.status == SOLVED else float("nan")

    return Mixture(least(1), least(2))
