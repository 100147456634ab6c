"""Batches of episodes: what environments, training and evaluation step, whatever the preset.

The reward of a step is what it takes off the objective: J if the episode had stopped before the step, minus J if it stops after
it, divided by `rlcodec.control.observation.objective_scale`. Rewards are not discounted, so those of an episode sum to
`(J_start - J_final) / scale`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, Rows, Totals
from rlcodec.control.objective import Objective, Objectives
from rlcodec.control.observation import objective_scale


@dataclass(frozen=True)
class Outcome:
    """What a step led to.

    Attributes:
        reward: float64 (B,), what the step took off the objective, in units of `objective_scale`.
        done: bool (B,).
    """

    reward: np.ndarray
    done: np.ndarray


class Episodes:
    """Many episodes of a decision process side by side.

    Args:
        process: of a preset, on the measurements of some images.
        batch: how many episodes.

    Attributes:
        process: the same.
        state: of the episodes.

    Example:
        >>> import numpy as np
        >>> from rlcodec.envs.tasks import task_of
        >>> task = task_of("mnist")
        >>> trace = task.measure(task.samples()[:4])
        >>> episodes = Episodes(task.process(trace, task.fit(trace)), 4)
        >>> episodes.reset(np.arange(4), *episodes.draw(np.random.default_rng(0), 4))
        >>> episodes.step(np.zeros(4, np.int64)).done.tolist()
        [False, False, False, False]
    """

    def __init__(self, process: DecisionProcess, batch: int):
        self.process, self.batch = process, batch
        self.state: Any = process.empty(batch)
        self._value = np.zeros(batch)

    @property
    def action_count(self) -> int:
        """Number of actions; which of them are legal depends on the state."""
        return self.process.spec.action_count

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self.process.spec.observation_size

    @property
    def image(self) -> np.ndarray:
        """The image that each episode is about, int64 (B,)."""
        return self.state.image

    @property
    def objectives(self) -> Objectives:
        """Of the episodes."""
        return self.state.objectives

    @property
    def done(self) -> np.ndarray:
        """Which episodes have ended, bool (B,)."""
        return self.state.done

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, Objectives]:
        """Random images, int64 (count,), and objectives, as `reset` takes them."""
        return rng.integers(0, self.process.image_count, count), self.process.spec.draw_objectives(rng, count)

    def reset(self, rows: np.ndarray, image: np.ndarray, objectives: Objectives) -> None:
        """Starts some episodes anew.

        Args:
            rows: int64 (n,), which.
            image: int64 (n,), the image of each.
            objectives: of these n.
        """
        self.process.start(self.state, rows, image, objectives)
        if len(rows) == self.batch:
            self._value = self.process.values(self.state)
        elif len(rows):
            self._value[rows] = self.process.values(self.state)[rows]

    def reset_to(self, objective: Objective, image: np.ndarray) -> None:
        """Starts all episodes under one objective, about some images, int64 (B,)."""
        self.reset(np.arange(len(image)), image, self.process.spec.objectives_of(objective, len(image)))

    def step(self, action: np.ndarray) -> Outcome:
        """Takes one action in every episode, int64 (B,); an illegal one counts as the nearest legal one."""
        before = self._value
        self.process.apply(self.state, self.process.nearest_legal(self.state, np.asarray(action, np.int64)))
        self._value = self.process.values(self.state)
        scale = objective_scale(self.objectives.lambda_rate, self.objectives.lambda_compute)
        return Outcome((before - self._value) / scale, self.done.copy())

    def observe(self, rows: Rows = slice(None)) -> np.ndarray:
        """Observations of all episodes or of some, float32 (B, size)."""
        return self.process.observe(self.state, rows)

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        return self.process.legal(self.state)

    def legalise(self, action: np.ndarray) -> np.ndarray:
        """Actions with illegal ones replaced by the nearest legal one."""
        return self.process.nearest_legal(self.state, np.asarray(action, np.int64))

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, float64 (3, B)."""
        return self.process.parts(self.state)

    def objective_values(self) -> np.ndarray:
        """J if each episode stopped now, float64 (B,)."""
        return self._value.copy()

    def totals(self) -> Totals:
        """What the episodes have cost and give if they stop now."""
        return self.process.totals(self.state)

    def reward_weights(self) -> np.ndarray:
        """What turns what a step takes off D, R and C into its reward, float64 (3, B)."""
        weights = np.stack([np.ones(self.batch), self.objectives.lambda_rate, self.objectives.lambda_compute])
        return weights / objective_scale(self.objectives.lambda_rate, self.objectives.lambda_compute)
