"""Stable-Baselines3's vector environment on a batch of episodes, stepped as one array operation."""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from rlcodec.envs.batch import Episodes
from rlcodec.envs.gym_env import box


class TraceVecEnv(VecEnv):
    """A `VecEnv` in which every episode draws its image and objective.

    Args:
        episodes: the batch, on the trace of the training images.
        seed: of the images and objectives that are drawn.

    Attributes:
        episodes: the same.
    """

    def __init__(self, episodes: Episodes, seed: int = 0):
        self.episodes, num_envs = episodes, episodes.batch
        self._random = np.random.default_rng(seed)
        self._actions = np.zeros(num_envs, np.int64)
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)
        self.render_mode = None
        super().__init__(num_envs, box(episodes.observation_size), spaces.Discrete(episodes.action_count))

    def _start(self, rows: np.ndarray) -> None:
        self.episodes.reset(rows, *self.episodes.draw(self._random, len(rows)))
        self._returns[rows], self._lengths[rows] = 0.0, 0

    def reset(self) -> np.ndarray:
        """Starts all episodes anew."""
        if self._seeds[0] is not None:
            self._random = np.random.default_rng(self._seeds[0])
            self._reset_seeds()
        self._start(np.arange(self.num_envs))
        return self.episodes.observe()

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Steps all episodes; finished ones start anew and leave their last observation in the info."""
        outcome = self.episodes.step(self._actions)
        self._returns += outcome.reward
        self._lengths += 1
        done = outcome.done
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        rows = np.flatnonzero(done)
        if len(rows):
            for i, last in zip(rows, self.episodes.observe(rows), strict=True):
                infos[i] = {
                    "terminal_observation": last,
                    "episode": {"r": float(self._returns[i]), "l": int(self._lengths[i])},
                    "TimeLimit.truncated": False,
                }
            self._start(rows)
        return self.episodes.observe(), outcome.reward.astype(np.float32), done, infos

    def action_masks(self) -> np.ndarray:
        """Legal actions, bool (num_envs, actions)."""
        return self.episodes.masks()

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The same value for every episode."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of the whole batch."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Calls a method of the batch; `action_masks` gives each episode its row."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result[i] if method_name == "action_masks" else result for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Nothing is wrapped."""
        return [False for _ in self._get_indices(indices)]
