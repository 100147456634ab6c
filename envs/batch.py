"""What every batched core offers to the environments, to training and to evaluation, whichever preset it is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rlcodec.control.objective import COMPUTE_RANGE, KINDS, Objective


def objective_arrays(objective: Objective, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The objective of so many episodes: its kind's index, int64, and its weights, float64, each (count,)."""
    kind = np.full(count, KINDS.index(objective.kind))
    return kind, np.full(count, objective.lambda_rate), np.full(count, objective.lambda_compute)


def draw_objectives(
    rng: np.random.Generator, count: int, rate_range: Mapping[str, tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random kinds and weights, log-uniform over the trained ranges: int64, float64, float64, each (count,)."""
    kind = rng.integers(0, len(KINDS), count)
    low, high = np.array([rate_range[k] for k in KINDS])[kind].T
    rate = 10 ** rng.uniform(low, high)
    return kind, rate, rate * 10 ** rng.uniform(*COMPUTE_RANGE, count)


@dataclass(frozen=True)
class Outcome:
    """What a step led to, arrays over the batch.

    Attributes:
        reward: float64, what the step took off the objective, in units of `objective_scale`.
        done: bool.
    """

    reward: np.ndarray
    done: np.ndarray


@dataclass(frozen=True)
class Spent:
    """Where episodes stand, float64 arrays over the batch.

    Attributes:
        bits: of the segments so far.
        rate_bpp: the same per pixel.
        decoder_kmac_per_pixel: compute of decoding them.
        mse: mean squared error if stopped now.
        ms_ssim: MS-SSIM if stopped now.
    """

    bits: np.ndarray
    rate_bpp: np.ndarray
    decoder_kmac_per_pixel: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray


class Core(Protocol):
    """Many episodes at once, on tables.

    Attributes:
        batch: how many.
        action_count: actions; which of them are legal depends on where an episode stands.
        observation_size: length of an observation, whose first fields are mask, regrets and gain.
        image: int64 (B,), which image each episode is about.
        done: bool (B,).
    """

    batch: int
    action_count: int
    observation_size: int
    image: np.ndarray
    done: np.ndarray

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Random images and objectives, as `reset` takes them."""
        ...

    def draw_objectives(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Random kinds and weights, log-uniform over the trained ranges: int64, float64, float64, each (count,)."""
        ...

    def reset(self, which: np.ndarray, image: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray) -> None:
        """Starts episodes `which` anew."""
        ...

    def reset_to(self, objective: Objective, image: np.ndarray) -> None:
        """Starts all episodes under one objective."""
        ...

    def step(self, action: np.ndarray) -> Outcome:
        """One step of every episode; those that are done stay as they are."""
        ...

    def observe(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Observations, float32 (B, observation_size)."""
        ...

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, action_count)."""
        ...

    def legalise(self, action: np.ndarray) -> np.ndarray:
        """Actions with illegal ones replaced by the nearest legal one."""
        ...

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        ...

    def objective_values(self) -> np.ndarray:
        """J if each episode stopped now, float64 (B,)."""
        ...

    def spent(self) -> Spent:
        """Where the episodes stand."""
        ...

    def reward_weights(self) -> np.ndarray:
        """What turns what a step takes off D, R and C into its reward, float64 (3, B)."""
        ...
