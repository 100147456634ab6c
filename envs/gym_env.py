"""The Gymnasium environments: an episode is one image under one objective."""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlcodec.control.decision_process import Predictor
from rlcodec.control.objective import Objective
from rlcodec.control.observation import OBSERVATION_LIMIT
from rlcodec.envs.batch import Episodes
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.rendering import Window, draw_frame
from rlcodec.envs.tasks import Task, Trace, task_and_trace, task_of
from rlcodec.errors import DataError, OptionError
from rlcodec.options import PathLike
from rlcodec.presets.base import Encoded


@dataclass(frozen=True)
class EpisodeSource:
    """What environments run on: the images of a trace, or images that the codec measures as decisions are made.

    Attributes:
        task: of the preset.
        trace: measurements of the images, or None.
        predictor: predictions of the encoder.
        images: uint8 images to measure, where there is no trace.
    """

    task: Task
    trace: Trace | None
    predictor: Predictor
    images: Sequence[np.ndarray] = ()

    def __len__(self) -> int:
        return len(self.images if self.trace is None else self.trace)

    def image(self, index: int) -> np.ndarray:
        """Image `index`, uint8."""
        return self.images[index] if self.trace is None else self.task.image(self.trace, index)

    def episodes(self, batch: int) -> Episodes:
        """Episodes on the trace."""
        return Episodes(self.task.process(self.trace, self.predictor), batch)


def episode_source(
    preset: str, trace: Trace | PathLike | None, images: Sequence[np.ndarray] | None, predictor: Predictor | None
) -> EpisodeSource:
    """What an environment runs on; arguments as those of `AdaptiveRateEnv`.

    Raises:
        DataError: there are no images, or the trace's file is unusable.
        OptionError: there is no such preset, or the trace is of another codec.
    """
    if images is not None and trace is None:
        if not len(images):
            raise DataError("the environment has no images")
        return EpisodeSource(task_of(preset), None, predictor or _shared_predictor(preset, None), images)
    if trace is None or isinstance(trace, str | os.PathLike):
        file = None if trace is None else Path(trace)
        return EpisodeSource(*_shared_trace(preset, file), predictor or _shared_predictor(preset, file))
    task, measured = task_and_trace(preset, trace)
    if not len(measured):
        raise DataError("the environment has no images")
    return EpisodeSource(task, measured, predictor or task.fit(measured))


@functools.lru_cache(maxsize=4)
def _shared_trace(preset: str, file: Path | None) -> tuple[Task, Trace]:
    """A task, and the trace in a file or of the preset's samples, made once for all environments of this process."""
    if file is not None:
        return task_and_trace(preset, file)
    task = task_of(preset)
    return task, task.measure(task.samples(), MeasureOptions(workers=1))


@functools.lru_cache(maxsize=4)
def _shared_predictor(preset: str, file: Path | None) -> Predictor:
    """The predictor that is fitted to such a trace, made once as well."""
    task, trace = _shared_trace(preset, file)
    return task.fit(trace)


class AdaptiveRateEnv(gymnasium.Env[Any, int]):
    """`rlcodec/AdaptiveRate-v0`: make the decisions of an encoder about one image under one objective.

    The observation is a dictionary with the fields of the preset's layout (`rlcodec.envs.tasks.task_of(preset).spec.layout`);
    `action_masks()` and the field "mask" say which actions are legal. What an action means depends on the preset and on the
    phase of the episode, see docs/environment.md; an illegal action counts as the nearest legal one below it. With preset
    "mnist" the first action is the index of a bit budget; later ones are 0 to stop, 1 for tier `table`, 2 for `context` and 3
    for `lm`. The reward is what a step takes off the objective, see `rlcodec.envs.batch`.

    Args:
        trace: measurements to run on, made by `rlcodec trace`, or their file, which is read once in a process.
        images: uint8 images to measure with the codec as decisions are made, instead of a trace; without either, sample images.
            (n, height, width) for preset "mnist", a sequence of (height, width, 3) for "photo" and "compact".
        preset: name of the preset; "external" for a trace of another codec, see `rlcodec.envs.external.trace`.
        objective: of every episode; drawn anew for each if None.
        predictor: predictions of the encoder; fitted to the trace, or to the sample images, if None.
        render_mode: "rgb_array" gives the original and the picture so far, with bits, compute and quality below; "human"
            shows the same in a window after every step.

    Attributes:
        source: images, measurements and predictions that episodes run on.
        layout: fields of the observation: name, length, unit and scale.

    Example:
        >>> import gymnasium, rlcodec.envs
        >>> env = gymnasium.make("rlcodec/AdaptiveRate-v0")
        >>> observation, info = env.reset(seed=1, options={"image_index": 3})
        >>> int(observation["mask"].sum())
        9
        >>> _, reward, done, _, info = env.step(4)
        >>> done, info["bits"]
        (False, 0.0)
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(
        self,
        trace: Trace | PathLike | None = None,
        images: Sequence[np.ndarray] | None = None,
        preset: str = "mnist",
        objective: Objective | None = None,
        predictor: Predictor | None = None,
        render_mode: str | None = None,
    ):
        self.source = episode_source(preset, trace, images, predictor)
        self.predictor, self.objective, self.render_mode = self.source.predictor, objective, render_mode
        self._on_trace = self.source.episodes(1) if self.source.trace is not None else None
        self.layout = self.source.task.spec.layout
        self.observation_space: spaces.Space[Any] = spaces.Dict({name: box(length) for name, length, _ in self.layout})
        self.action_space: Any = spaces.Discrete(self.layout[0][1])
        self._window: Window | None = None
        self._episode: Episodes | None = None
        self._actions: list[int] = []
        self._index = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: of the image and the objective that are drawn.
            options: "image_index", and "objective" (an `rlcodec.control.objective.Objective`); both are optional.

        Returns:
            The observation and the info.

        Raises:
            OptionError: there is no such image, or the objective is none that the preset supports.
        """
        super().reset(seed=seed)
        options = options or {}
        index, count = options.get("image_index"), len(self.source)
        self._index = int(self.np_random.integers(count)) if index is None else int(index)
        if not 0 <= self._index < count:
            raise OptionError(f"image_index is {self._index}; there are {count} images")
        objective = options.get("objective") or self.objective
        if not isinstance(objective, Objective | None):
            raise OptionError(f"objective is a {type(objective).__name__}; give an rlcodec.control.objective.Objective")
        if self._on_trace:
            self._episode, row = self._on_trace, self._index
        else:
            live = self.source.task.live(self.source.image(self._index), self.source.predictor)
            self._episode, row = Episodes(live, 1), 0
        spec = self.source.task.spec
        drawn = spec.draw_objectives(self.np_random, 1)
        objectives = drawn if objective is None else spec.objectives_of(objective, 1)
        self._episode.reset(np.zeros(1, np.int64), np.array([row]), objectives)
        self._actions = []
        self._show()
        return self._observe(), self._info()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Makes one decision.

        Returns:
            Observation, reward, whether the episode has ended, False (episodes are never cut off), and the info.
        """
        episode = self._running()
        self._actions.append(int(episode.legalise(np.array([action]))[0]))
        outcome = episode.step(np.array([action]))
        self._show()
        return self._observe(), float(outcome.reward[0]), bool(outcome.done[0]), False, self._info()

    def action_masks(self) -> np.ndarray:
        """Legal actions, bool (actions,)."""
        return self._running().masks()[0]

    def encode(self) -> Encoded:
        """Runs the episode's decisions so far through the real codec, as if it stopped now."""
        kind = self._running().objectives.one(0, self.source.task.spec.kinds).kind
        return self.source.task.encode(self.source.image(self._index), tuple(self._actions), kind)

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """In mode "rgb_array" the frame that `rlcodec.envs.rendering` draws, uint8 (height, width, 3)."""
        return self._frame() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Closes the window if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _frame(self) -> np.ndarray:
        original = self.source.image(self._index)
        shown = self.encode().picture if self._actions else self.source.task.show_nothing(original)
        info = self._info()
        return draw_frame(original, shown, info["bits"], info["decoder_kmac_per_pixel"])

    def _show(self) -> None:
        if self.render_mode == "human":
            self._window = self._window or Window(self.metadata["render_fps"])
            self._window.show(self._frame())

    def _running(self) -> Episodes:
        if self._episode is None:
            raise OptionError("call reset() first")
        return self._episode

    def _observe(self) -> Any:
        ends = np.cumsum([length for _, length, _ in self.layout])[:-1]
        values = np.split(self._running().observe()[0], ends)
        return {name: value.copy() for (name, _, _), value in zip(self.layout, values, strict=True)}

    def _info(self) -> dict[str, Any]:
        episode = self._running()
        totals = {name: float(values[0]) for name, values in vars(episode.totals()).items()}
        return {"image_index": self._index} | totals | {"objective_value": float(episode.objective_values()[0])}


def box(length: int) -> spaces.Box:
    """The space of so many numbers of an observation."""
    return spaces.Box(-OBSERVATION_LIMIT, OBSERVATION_LIMIT, (length,), np.float32)


class FlatEnv(AdaptiveRateEnv):
    """`rlcodec/AdaptiveRateFlat-v0`: the same with all fields in one Box, in the order that exported policies take them."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.observation_space = box(sum(length for _, length, _ in self.layout))

    def _observe(self) -> np.ndarray:
        return self._running().observe()[0].copy()


class MultiObjectiveEnv(FlatEnv):
    """`rlcodec/AdaptiveRateMO-v0`: the same with a vector as reward: what a step takes off D, R and C.

    The components are distortion (in the unit of the episode's objective), bits per pixel and decoder kMAC per pixel, each
    before the step minus after it. Their sum weighted by `info["reward_weights"]` is the reward of the other environments.

    Attributes:
        reward_space: Box of three numbers.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.reward_space = spaces.Box(-np.inf, np.inf, (3,), np.float64)

    def step(self, action: int) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # type: ignore[override]
        """Makes one decision; the reward is float64 (3,)."""
        before = self._running().objective_parts()[:, 0]
        observation, _, done, truncated, info = super().step(action)
        return observation, before - self._running().objective_parts()[:, 0], done, truncated, info

    def _info(self) -> dict[str, Any]:
        return super()._info() | {"reward_weights": self._running().reward_weights()[:, 0]}
