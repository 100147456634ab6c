"""Gymnasium's vector environment on a batch of episodes, which `gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0")` makes."""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlcodec.control.decision_process import Predictor
from rlcodec.control.objective import Objective
from rlcodec.envs.gym_env import box, episode_source
from rlcodec.envs.tasks import Trace
from rlcodec.errors import OptionError
from rlcodec.options import PathLike


class AdaptiveRateVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Many episodes of `rlcodec/AdaptiveRateFlat-v0` on a trace, stepped as one array operation.

    Every episode draws its image and, unless one is given, its objective. With `AutoresetMode.NEXT_STEP` an episode that has
    ended starts anew at the next step, whose action is ignored and whose reward is 0. With `AutoresetMode.SAME_STEP` it starts
    anew in the same step, and its last observation is in `info["final_obs"]`. With `AutoresetMode.DISABLED` the caller starts
    episodes anew by `reset(options={"reset_mask": mask})`. `info["action_mask"]` says which actions are legal.

    Args:
        num_envs: number of episodes.
        trace: measurements of images, or the file of a trace; of the preset's sample images if None.
        preset: as of `rlcodec.envs.gym_env.AdaptiveRateEnv`.
        objective: of every episode; drawn anew for each if None.
        predictor: predictions of the encoder; fitted to the trace if None.
        autoreset_mode: how episodes that have ended start anew.

    Attributes:
        episodes: the batch.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(
        self,
        num_envs: int = 1,
        trace: Trace | PathLike | None = None,
        preset: str = "mnist",
        objective: Objective | None = None,
        predictor: Predictor | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ):
        self.num_envs, self.objective = num_envs, objective
        self.episodes = episode_source(preset, trace, None, predictor).episodes(num_envs)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = box(self.episodes.observation_size)
        self.single_action_space = spaces.Discrete(self.episodes.action_count)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts all episodes anew, or those in which `options["reset_mask"]`, bool (num_envs,), is true.

        Raises:
            OptionError: the seed is a list; one seed draws for all episodes.
        """
        if isinstance(seed, list | tuple):
            raise OptionError("give one seed; it draws for all episodes")
        super().reset(seed=seed)
        mask = (options or {}).get("reset_mask")
        self._start(np.arange(self.num_envs) if mask is None else np.flatnonzero(mask))
        return self.episodes.observe(), self._info()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps all episodes; see the class for those that have ended."""
        ended_before = self.episodes.done.copy()
        outcome = self.episodes.step(np.asarray(actions))
        reward, done = outcome.reward.copy(), outcome.done.copy()
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and ended_before.any():
            self._start(np.flatnonzero(ended_before))
            reward[ended_before], done[ended_before] = 0.0, False
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and done.any():
            rows = np.flatnonzero(done)
            last = np.zeros((self.num_envs, self.episodes.observation_size), np.float32)
            last[rows] = self.episodes.observe(rows)
            final = {"final_obs": last, "_final_obs": done, "final_info": self._info(), "_final_info": done}
            self._start(rows)
        return self.episodes.observe(), reward, done, np.zeros(self.num_envs, bool), self._info() | final

    def action_masks(self) -> np.ndarray:
        """Legal actions, bool (num_envs, actions)."""
        return self.episodes.masks()

    def _start(self, rows: np.ndarray) -> None:
        image, objectives = self.episodes.draw(self.np_random, len(rows))
        if self.objective is not None:
            objectives = self.episodes.process.spec.objectives_of(self.objective, len(rows))
        self.episodes.reset(rows, image, objectives)

    def _info(self) -> dict[str, Any]:
        episodes = self.episodes
        info = {"image_index": episodes.image.copy()} | vars(episodes.totals())
        info |= {"objective_value": episodes.objective_values(), "action_mask": episodes.masks()}
        return info | {f"_{name}": np.ones(self.num_envs, bool) for name in info}
