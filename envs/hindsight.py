"""The best decisions in hindsight: the best plan of each image (the oracle), and the best action sequence for all of them.

`ExhaustiveSearch` finds both for every decision process whose episodes are short, by running all action sequences through it.
A process with longer episodes brings its own search, as preset `mnist` does (`rlcodec.envs.mnist.oracle`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.control.decision_process import DecisionProcess
from rlcodec.control.objective import Objective

GRID_COMPUTE = (-4.4, -3.4, -2.35, -1.3)
"""log10 of lambda_compute / lambda_rate of the objectives that evaluations use."""


@dataclass(frozen=True)
class Plan:
    """An action sequence and what it comes to.

    Attributes:
        value: J, of one image, or the mean over several.
        actions: from the first to the one that ends the episode.
    """

    value: float
    actions: tuple[int, ...]


@dataclass(frozen=True)
class Hindsight:
    """The best decisions about some images in hindsight.

    Attributes:
        process: on the images, whose measurements are complete.
        statistics: float64 (n, f), from which a threshold rule chooses.
        grid: the objectives that evaluations use.
        settings: the action sequences that amount to fixed settings of the codec.
        oracle: the best plan of every image under an objective.
        best_fixed: the one action sequence that is best on average under an objective.
        smallest_gap_bpp: a gap between the oracle and the best fixed sequence counts only if it is worth more than so many bits
            per pixel.
    """

    process: DecisionProcess
    statistics: np.ndarray
    grid: list[Objective]
    settings: list[tuple[int, ...]]
    oracle: Callable[[Objective], list[Plan]]
    best_fixed: Callable[[Objective], Plan]
    smallest_gap_bpp: float = 0.0

    def replay(self, objective: Objective, actions: tuple[int, ...]) -> np.ndarray:
        """J of one action sequence on every image, float64 (n,)."""
        return self.process.values(self.process.replay([actions] * self.process.image_count, objective))

    def parts(self, kind: str, actions: tuple[int, ...]) -> np.ndarray:
        """D in a kind, R and C of one action sequence on every image, float64 (3, n)."""
        return parts_on_all(self.process, kind, actions)


def objective_grid(grid_rate: Mapping[str, tuple[float, ...]]) -> list[Objective]:
    """The objectives that evaluations use.

    Args:
        grid_rate: log10 of lambda_rate by kind of distortion.
    """
    return [
        Objective(kind, 10**rate, 10 ** (rate + compute))
        for kind, rates in grid_rate.items()
        for rate in rates
        for compute in GRID_COMPUTE
    ]


def action_sequences(process: DecisionProcess) -> list[tuple[int, ...]]:
    """All action sequences of an episode, in lexicographic order; which actions are legal must not depend on the image."""
    kind = process.spec.trained_kinds[0]
    any_objective = Objective(kind, 10 ** process.spec.rate_range[kind][0], 0.0)
    unfinished: list[tuple[int, ...]] = [()]
    complete: list[tuple[int, ...]] = []
    while unfinished:
        legal = process.legal(process.replay(unfinished, any_objective, np.zeros(len(unfinished), np.int64)))
        longer = [(*unfinished[i], action) for i, action in np.argwhere(legal).tolist()]
        done = process.replay(longer, any_objective, np.zeros(len(longer), np.int64)).done
        complete += [sequence for sequence, ended in zip(longer, done, strict=True) if ended]
        unfinished = [sequence for sequence, ended in zip(longer, done, strict=True) if not ended]
    return sorted(complete)


def parts_on_all(process: DecisionProcess, kind: str, actions: tuple[int, ...]) -> np.ndarray:
    """D in a kind, R and C of one action sequence on every image of a process, float64 (3, n)."""
    return process.parts(process.replay([actions] * process.image_count, Objective(kind, 1.0, 0.0)))


class ExhaustiveSearch:
    """All action sequences of a process on all of its images.

    Args:
        process: whose episodes are short.

    Attributes:
        sequences: the action sequences, s of them.
    """

    def __init__(self, process: DecisionProcess):
        self.process = process
        self.sequences = action_sequences(process)
        self._parts: dict[str, np.ndarray] = {}  # D, R and C of every sequence on every image, float64 (3, s, n), by kind of D

    def values(self, objective: Objective) -> np.ndarray:
        """J of every sequence on every image, float64 (s, n)."""
        kind = objective.kind
        if kind not in self._parts:
            self._parts[kind] = np.stack([parts_on_all(self.process, kind, actions) for actions in self.sequences], 1)
        distortion, rate, compute = self._parts[kind]
        return distortion + objective.lambda_rate * rate + objective.lambda_compute * compute

    def oracle(self, objective: Objective) -> list[Plan]:
        """The best plan of every image."""
        values = self.values(objective)
        best = values.argmin(0)
        return [Plan(float(values[s, image]), self.sequences[s]) for image, s in enumerate(best)]

    def best_fixed(self, objective: Objective) -> Plan:
        """The one sequence that is best on average."""
        mean = self.values(objective).mean(1)
        return Plan(float(mean.min()), self.sequences[int(mean.argmin())])
