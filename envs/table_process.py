"""What batches of episodes on pictures share, whatever preset they are of."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any, ClassVar, TypeVar

import numpy as np

from rlcodec.control.objective import Objective
from rlcodec.control.observation import Goal, objective_scale
from rlcodec.envs.batch import draw_objectives, objective_arrays

T = TypeVar("T")


class PictureCore:
    """What the cores on pictures share, whatever an episode chooses.

    Attributes:
        trace: the tables.
        batch: how many episodes.
        goal: their objectives.
        standing: where they stand, int64 arrays (B,), `image` among them.
        done: bool (B,).
    """

    trace: Sized
    batch: int
    goal: Goal
    standing: Any
    done: np.ndarray
    rate_range: ClassVar[Mapping[str, tuple[float, float]]]
    """log10 of lambda_rate that objectives are drawn from, by kind."""

    @property
    def image(self) -> np.ndarray:
        """Which picture each episode is about, int64 (B,)."""
        return self.standing.image

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Random pictures and objectives, as `reset` takes them."""
        return rng.integers(0, len(self.trace), count), *self.draw_objectives(rng, count)

    def draw_objectives(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Random kinds and weights, log-uniform over the trained ranges: int64, float64, float64, each (count,)."""
        return draw_objectives(rng, count, self.rate_range)

    def reset(self, which: np.ndarray, image: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray) -> None:
        """Starts episodes `which` anew on given pictures and objectives; each argument int64 or float64 (len(which),)."""
        self.image[which] = image
        self.goal.kind[which], self.goal.rate[which], self.goal.compute[which] = kind, rate, compute
        for name, values in vars(self.standing).items():
            if name != "image":
                values[which] = 0
        self.done[which] = False

    def reset_to(self, objective: Objective, image: np.ndarray) -> None:
        """Starts all episodes under one objective."""
        self.reset(np.arange(len(image)), image, *objective_arrays(objective, len(image)))

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        raise NotImplementedError

    def objective_values(self) -> np.ndarray:
        """J if each episode stopped now."""
        distortion, rate, compute = self.objective_parts()
        return distortion + self.goal.rate * rate + self.goal.compute * compute

    def reward_weights(self) -> np.ndarray:
        """What turns what a step takes off D, R and C into its reward, float64 (3, B)."""
        weights = np.stack([np.ones(self.batch), self.goal.rate, self.goal.compute])
        return weights / objective_scale(self.goal.rate, self.goal.compute)

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        raise NotImplementedError

    def legalise(self, action: np.ndarray) -> np.ndarray:
        """Actions with illegal ones replaced by the nearest legal one, the last."""
        return np.minimum(action, self.masks().sum(1) - 1)


def in_turns(predictors: Sequence[T], count: int) -> list[tuple[T, np.ndarray]]:
    """Which of so many pictures each of several predictors is for: they take turns."""
    return [(predictor, np.arange(i, count, len(predictors))) for i, predictor in enumerate(predictors)]
