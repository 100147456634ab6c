"""Gymnasium's view of the batched core: what `gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=n)` makes."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlcodec.control.objective import Objective
from rlcodec.control.observation import OBSERVATION_LIMIT
from rlcodec.envs.batch import objective_arrays
from rlcodec.envs.gym_env import setting_of
from rlcodec.errors import OptionError


class AdaptiveRateVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Many episodes of `rlcodec/AdaptiveRateFlat-v0` over a trace, stepped as one array operation.

    Every episode draws its image and, unless one is given, its objective. An episode that has ended begins anew at the next
    step, whose action does not count and whose reward is 0 (`AutoresetMode.NEXT_STEP`), or in the same step
    (`AutoresetMode.SAME_STEP`), when its last observation is in `info["final_obs"]`; never with `AutoresetMode.DISABLED`, when
    `reset(options={"reset_mask": mask})` does it. `info["action_mask"]` says which actions are legal.

    Args:
        num_envs: episodes side by side.
        trace: tables of images, or the file of a trace; of sample digits when None.
        preset: whose codec.
        objective: of every episode; drawn anew for each when None.
        predictor: the encoder's predictions; fitted to the trace when None.
        autoreset_mode: what becomes of an episode that has ended.
    """

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        trace: Any = None,
        preset: str = "mnist",
        objective: Objective | None = None,
        predictor: Any = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ):
        setting = setting_of(preset, trace, None, predictor)
        self.num_envs, self.objective = num_envs, objective
        self.episodes = setting.task.episodes(setting.trace, setting.predictor, num_envs)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = spaces.Box(
            -OBSERVATION_LIMIT, OBSERVATION_LIMIT, (self.episodes.observation_size,), np.float32
        )
        self.single_action_space = spaces.Discrete(self.episodes.action_count)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts all episodes anew, or those of `options["reset_mask"]`, bool (num_envs,).

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
        reward, done, final = outcome.reward.copy(), outcome.done.copy(), None
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and ended_before.any():
            self._start(np.flatnonzero(ended_before))
            reward[ended_before], done[ended_before] = 0.0, False
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and done.any():
            which = np.flatnonzero(done)
            final = np.zeros((self.num_envs, self.episodes.observation_size), np.float32), self._info()
            final[0][which] = self.episodes.observe(which)
            self._start(which)
        info = self._info()
        if final is not None:
            info |= {"final_obs": final[0], "_final_obs": done, "final_info": final[1], "_final_info": done}
        return self.episodes.observe(), reward, done, np.zeros(self.num_envs, bool), info

    def action_masks(self) -> np.ndarray:
        """Legal actions, bool (num_envs, actions)."""
        return self.episodes.masks()

    def _start(self, which: np.ndarray) -> None:
        image, kind, rate, compute = self.episodes.draw(self.np_random, len(which))
        if self.objective is not None:
            kind, rate, compute = objective_arrays(self.objective, len(which))
        self.episodes.reset(which, image, kind, rate, compute)

    def _info(self) -> dict[str, Any]:
        episodes = self.episodes
        found = {"image_index": episodes.image.copy()} | vars(episodes.spent())
        found |= {"objective_value": episodes.objective_values(), "action_mask": episodes.masks()}
        return found | {f"_{name}": np.ones(self.num_envs, bool) for name in found}
