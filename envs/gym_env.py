"""The Gymnasium environments: one image under one objective is an episode."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from rlcodec.control.objective import Objective
from rlcodec.control.observation import OBSERVATION_LIMIT
from rlcodec.envs.batch import Core, objective_arrays
from rlcodec.envs.external.trace import task_and_trace
from rlcodec.envs.rendering import Window, draw_frame
from rlcodec.envs.tasks import Task, task_of
from rlcodec.errors import DataError, OptionError
from rlcodec.presets.base import Encoded
from rlcodec.presets.external.decisions import OWN


@dataclass(frozen=True)
class Setting:
    """What environments run on: a preset, the encoder's predictions, and images with their tables, or without."""

    task: Task
    predictor: Any
    trace: Any
    images: Sequence[np.ndarray] | None

    def __len__(self) -> int:
        return len(self.trace if self.images is None else self.images)

    def image(self, index: int) -> np.ndarray:
        """Image `index`, uint8."""
        return self.task.image(self.trace, index) if self.images is None else self.images[index]


def setting_of(preset: str, trace: Any, images: Sequence[np.ndarray] | None, predictor: Any) -> Setting:
    """What an environment runs on, from its arguments; see `AdaptiveRateEnv`.

    Raises:
        DataError: there are no images, or the trace's file is unusable.
        OptionError: there is no such preset.
    """
    if isinstance(trace, str | Path) or (trace is None and images is None and preset != OWN.name):
        shared = _shared_setting(preset, Path(trace) if trace is not None else None)
        return replace(shared, predictor=predictor or shared.predictor)
    task = task_of(preset) if preset != OWN.name else task_and_trace(preset, trace)[0]
    if not len(images if trace is None else trace):
        raise DataError("the environment has no images")
    if predictor is None:
        predictor = _shared_setting(preset, None).predictor if trace is None else task.fit(trace)
    return Setting(task, predictor, trace, images if trace is None else None)


@functools.lru_cache(maxsize=4)
def _shared_setting(preset: str, file: Path | None) -> Setting:
    """On the trace in a file, or on the preset's samples: made once, for all environments of this process."""
    if file:
        return setting_of(preset, task_and_trace(preset, file)[1], None, None)
    task = task_of(preset)
    return setting_of(preset, task.trace(task.samples(), 1), None, None)


class AdaptiveRateEnv(gymnasium.Env[Any, int]):
    """`rlcodec/AdaptiveRate-v0`: choose an image's bit budget, then stop or a tier for every segment.

    The observation is a dictionary with the fields of `rlcodec.presets.mnist.observation.layout`; `action_masks()` and its field
    "mask" say which actions are legal. The first action is the index of a bit budget, later ones are 0 to stop, 1 for
    tier `table`, 2 for `context`, 3 for `lm`; an illegal action counts as the nearest legal one.

    Args:
        trace: tables to run on, made by `rlcodec trace`, or their file, which is read once in a process.
        images: uint8 images to run the live codec on instead; without either, samples. Of preset `mnist` (n, h, w), of `photo`
            and `compact` a sequence of (h, w, 3).
        preset: whose codec, "mnist", "photo" or "compact"; or "own", of a trace that `rlcodec.envs.external.trace` made.
        objective: of every episode; drawn anew for each when None.
        predictor: the encoder's predictions; fitted to the trace, or to the samples, when None.
        render_mode: "rgb_array" gives the original and the picture so far, with bits, compute and quality below; "human"
            shows the same in a window after every step.

    Example:
        >>> import gymnasium, rlcodec
        >>> env = gymnasium.make("rlcodec/AdaptiveRate-v0")
        >>> observation, info = env.reset(seed=1, options={"image_index": 3})
        >>> int(observation["mask"].sum())
        9
        >>> _, reward, done, _, info = env.step(4)
        >>> done, info["bits"]
        (False, 0.0)
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}

    def __init__(
        self,
        trace: Any = None,
        images: Sequence[np.ndarray] | None = None,
        preset: str = "mnist",
        objective: Objective | None = None,
        predictor: Any = None,
        render_mode: str | None = None,
    ):
        self.setting = setting_of(preset, trace, images, predictor)
        self.predictor, self.objective, self.render_mode = self.setting.predictor, objective, render_mode
        self._window: Window | None = None
        self._core = self.setting.task.episodes(self.setting.trace, self.predictor, 1) if self.setting.images is None else None
        first = self._core or self._live(0)
        self._fields = self.setting.task.layout
        self.observation_space: spaces.Space[Any] = spaces.Dict(
            {name: spaces.Box(-OBSERVATION_LIMIT, OBSERVATION_LIMIT, (length,), np.float32) for name, length, _ in self._fields}
        )
        self.action_space = spaces.Discrete(first.action_count)
        self._episodes: Core | None = None
        self._actions: list[int] = []
        self._index = 0

    def _live(self, index: int) -> Core:
        return self.setting.task.live(self.setting.image(index), self.predictor)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; options: "image_index", "objective" (an `Objective`).

        Raises:
            OptionError: no such image, or not an objective.
        """
        super().reset(seed=seed)
        options = options or {}
        index, count = options.get("image_index"), len(self.setting)
        self._index = int(self.np_random.integers(count)) if index is None else int(index)
        if not 0 <= self._index < count:
            raise OptionError(f"image_index is {self._index}; there are {count} images")
        objective = options.get("objective") or self.objective
        if not isinstance(objective, Objective | None):
            raise OptionError(f"objective is a {type(objective).__name__}; give an rlcodec.control.objective.Objective")
        self._episodes = self._core or self._live(self._index)
        kind, rate, compute = self._episodes.draw_objectives(self.np_random, 1)
        if objective is not None:
            kind, rate, compute = objective_arrays(objective, 1)
        image = np.array([0 if self._core is None else self._index])
        self._episodes.reset(np.zeros(1, np.int64), image, kind, rate, compute)
        self._actions = []
        self._show()
        return self._observe(), self._info()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One choice; the reward is what it takes off the objective, see `rlcodec.envs.mnist.batch`."""
        episodes = self._running()
        self._actions.append(int(episodes.legalise(np.array([action]))[0]))
        outcome = episodes.step(np.array([action]))
        self._show()
        return self._observe(), float(outcome.reward[0]), bool(outcome.done[0]), False, self._info()

    def action_masks(self) -> np.ndarray:
        """Legal actions, bool (actions,)."""
        return self._running().masks()[0]

    def encode(self) -> Encoded:
        """Runs the finished episode's choices through the real codec."""
        self._running()
        return self.setting.task.encode(self.setting.image(self._index), tuple(self._actions))

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """In mode "rgb_array" the frame that `rlcodec.envs.rendering` draws, uint8 (height, width, 3)."""
        return self._frame() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Closes the window, where there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _frame(self) -> np.ndarray:
        original = self.setting.image(self._index)
        shown = self.encode().picture if self._actions else self.setting.task.nothing(original)
        info = self._info()
        return draw_frame(original, shown, info["bits"], info["decoder_kmac_per_pixel"])

    def _show(self) -> None:
        if self.render_mode == "human":
            self._window = self._window or Window(self.metadata["render_fps"])
            self._window.show(self._frame())

    def _running(self) -> Core:
        if self._episodes is None:
            raise OptionError("call reset() first")
        return self._episodes

    def _observe(self) -> Any:
        flat, fields, at = self._running().observe()[0], {}, 0
        for name, length, _ in self._fields:
            fields[name] = flat[at : at + length].copy()
            at += length
        return fields

    def _info(self) -> dict[str, Any]:
        episodes = self._running()
        found = {name: float(values[0]) for name, values in vars(episodes.spent()).items()}
        return {"image_index": self._index} | found | {"objective_value": float(episodes.objective_values()[0])}


class FlatEnv(AdaptiveRateEnv):
    """`rlcodec/AdaptiveRateFlat-v0`: the same with the fields in one Box, in the order that policies are exported with."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        length = sum(length for _, length, _ in self._fields)
        self.observation_space = spaces.Box(-OBSERVATION_LIMIT, OBSERVATION_LIMIT, (length,), np.float32)

    def _observe(self) -> np.ndarray:
        return self._running().observe()[0].copy()


class MultiObjectiveEnv(FlatEnv):
    """`rlcodec/AdaptiveRateMO-v0`: the same with a vector for a reward: what a step takes off D, R and C.

    The components are distortion (in the unit of the episode's objective), bits per pixel and decoder kMAC per pixel, each as
    it was before less as it is now. `info["reward_weights"]` weighs them into the reward of the other environments.

    Attributes:
        reward_space: Box of three numbers.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.reward_space = spaces.Box(-np.inf, np.inf, (3,), np.float64)

    def step(self, action: int) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # type: ignore[override]
        """One choice; the reward is float64 (3,)."""
        before = self._running().objective_parts()[:, 0]
        observation, _, done, truncated, info = super().step(action)
        return observation, before - self._running().objective_parts()[:, 0], done, truncated, info

    def _info(self) -> dict[str, Any]:
        return super()._info() | {"reward_weights": self._running().reward_weights()[:, 0]}
