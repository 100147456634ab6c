"""The Gymnasium environments: one image under one objective is an episode."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import gymnasium
import numpy as np
from gymnasium import spaces

from rlcodec.coder import COST_UNIT
from rlcodec.encoding import Encoded, encode_with
from rlcodec.envs.episodes import Episodes, draw_objectives
from rlcodec.envs.prediction import fit_predictor
from rlcodec.envs.rendering import Window, draw_frame
from rlcodec.envs.trace import Trace, build_trace, load_trace
from rlcodec.errors import DataError, OptionError
from rlcodec.model import Model, load_model
from rlcodec.objective import KINDS, Objective
from rlcodec.observation import (
    FIRST_TIER_ACTION,
    OBSERVATION_LIMIT,
    STOP_ACTION,
    Predictor,
    action_count,
    layout,
    objective_scale,
)
from rlcodec.policy import geometry_of
from rlcodec.segments import MACS_PER_KMAC
from rlcodec.stream import STOP


class Source(Protocol):
    """Where an environment's images come from."""

    def __len__(self) -> int: ...

    def trace_of(self, index: int) -> Trace:
        """The trace of one image."""
        ...


class TraceSource:
    """Images whose tables were built before."""

    def __init__(self, trace: Trace):
        self.trace = trace

    def __len__(self) -> int:
        return len(self.trace)

    def trace_of(self, index: int) -> Trace:
        """The trace of one image."""
        return self.trace.take(slice(index, index + 1))


class LiveSource:
    """Images that the codec measures when an episode begins: the same numbers, no table beforehand."""

    def __init__(self, images: np.ndarray, preset: str = "mnist"):
        self.images, self.preset = images, preset

    def __len__(self) -> int:
        return len(self.images)

    def trace_of(self, index: int) -> Trace:
        """The trace of one image."""
        return build_trace(self.images[index : index + 1], self.preset, workers=1)


def sample_images(count: int = 64) -> np.ndarray:
    """Handwritten digits that come with scikit-learn, resampled to 28x28: uint8 (count, 28, 28), for trying things out.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError("the sample digits come with scikit-learn; install rlcodec[train]") from error
    from PIL import Image

    out = []
    for digit in load_digits().images[:count]:
        small = Image.fromarray((digit * 255 / 16).astype(np.uint8))
        array = np.zeros((28, 28), np.float64)
        array[4:24, 4:24] = np.asarray(small.resize((20, 20), Image.Resampling.BICUBIC))
        # Stretched so that backgrounds are black and strokes white, as in scans.
        out.append(np.clip((array - 48) * 255 / 160, 0, 255).astype(np.uint8))
    return np.stack(out)


@dataclass(frozen=True)
class Setting:
    """What environments run on: a codec, images with their traces, and the encoder's predictions."""

    model: Model
    source: Any
    predictor: Predictor


def setting_of(
    preset: str, trace: Trace | str | Path | None, images: np.ndarray | None, predictor: Predictor | None
) -> Setting:
    """What an environment runs on, from its arguments; see `AdaptiveRateEnv`.

    Raises:
        DataError: there are no images, or the trace's file is unusable.
    """
    if isinstance(trace, str | Path) or (trace is None and images is None):
        shared = _shared_setting(preset, Path(trace) if trace is not None else None)
        return replace(shared, predictor=predictor or shared.predictor)
    model = load_model(preset)
    source: Source = TraceSource(trace) if trace is not None else LiveSource(images, preset)
    if not len(source):
        raise DataError("the environment has no images")
    if predictor is None and trace is None:
        predictor = _shared_setting(preset, None).predictor
    return Setting(model, source, predictor or fit_predictor(trace, geometry_of(model, *trace.images.shape[1:])))


@lru_cache(maxsize=2)
def _shared_setting(preset: str, file: Path | None) -> Setting:
    """On the trace in a file, or on the sample digits: made once, for all environments of this process."""
    if file is None:
        return setting_of(preset, build_trace(sample_images(), preset, workers=1), None, None)
    return setting_of(preset, load_trace(file, load_model(preset)), None, None)


class AdaptiveRateEnv(gymnasium.Env[Any, int]):
    """`rlcodec/AdaptiveRate-v0`: choose an image's bit budget, then stop or a tier for every segment.

    The observation is a dictionary with the fields of `rlcodec.observation.layout`; `action_masks()` and its field
    "mask" say which actions are legal. The first action is the index of a bit budget, later ones are 0 to stop, 1 for
    tier `table`, 2 for `context`, 3 for `lm`; an illegal action counts as the nearest legal one.

    Args:
        trace: tables to run on, or the file of a trace, which is read once in a process.
        images: uint8 (n, h, w) to run the live codec on instead; without either, sample digits.
        preset: whose codec.
        objective: of every episode; drawn anew for each when None.
        predictor: the encoder's predictions; fitted to the trace, or to the sample digits, when None.
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
        trace: Trace | str | Path | None = None,
        images: np.ndarray | None = None,
        preset: str = "mnist",
        objective: Objective | None = None,
        predictor: Predictor | None = None,
        render_mode: str | None = None,
    ):
        setting = setting_of(preset, trace, images, predictor)
        self.model, self.source, self.predictor = setting.model, setting.source, setting.predictor
        self.objective, self.render_mode = objective, render_mode
        self._window: Window | None = None
        budgets = len(self.model.preset.budget_slices)
        self._fields = layout(budgets)
        self.observation_space: spaces.Space[Any] = spaces.Dict(
            {name: spaces.Box(-OBSERVATION_LIMIT, OBSERVATION_LIMIT, (length,), np.float32) for name, length, _ in self._fields}
        )
        self.action_space = spaces.Discrete(action_count(budgets))
        self._episodes: Episodes | None = None
        self._actions: list[int] = []
        self._index = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; options: "image_index", "objective" (an `Objective`).

        Raises:
            OptionError: no such image, or not an objective.
        """
        super().reset(seed=seed)
        options = options or {}
        index = options.get("image_index")
        self._index = int(self.np_random.integers(len(self.source))) if index is None else int(index)
        if not 0 <= self._index < len(self.source):
            raise OptionError(f"image_index is {self._index}; there are {len(self.source)} images")
        kind, rate, compute = draw_objectives(self.np_random, 1)
        objective = options.get("objective") or self.objective or Objective(KINDS[kind[0]], float(rate[0]), float(compute[0]))
        if not isinstance(objective, Objective):
            raise OptionError(f"objective is a {type(objective).__name__}; give an rlcodec.objective.Objective")
        self._episodes = Episodes(self.source.trace_of(self._index), self.model, self.predictor, 1)
        self._episodes.reset_to(objective, np.zeros(1, np.int64))
        self._current, self._actions = objective, []
        self._show()
        return self._observe(), self._info()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One choice; the reward is what it takes off the objective, see `rlcodec.envs.episodes`."""
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
        episodes = self._running()
        return encode_actions(self.model, episodes.trace.images[0], tuple(self._actions))

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """In mode "rgb_array" the frame that `rlcodec.envs.rendering` draws, uint8 (height, width, 3)."""
        return self._frame() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Closes the window, where there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _frame(self) -> np.ndarray:
        episodes = self._running()
        original = episodes.trace.images[0]
        actions = (*self._actions, *(() if episodes.done[0] else (STOP_ACTION,)))
        shown = encode_actions(self.model, original, actions).picture if self._actions else np.zeros_like(original)
        info = self._info()
        return draw_frame(original, shown, info["bits"], info["decoder_kmac_per_pixel"])

    def _show(self) -> None:
        if self.render_mode == "human":
            self._window = self._window or Window(self.metadata["render_fps"])
            self._window.show(self._frame())

    def _running(self) -> Episodes:
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
        pixels = episodes.trace.images[0].size
        return {
            "image_index": self._index,
            "bits": float(episodes.cost[0] / COST_UNIT),
            "rate_bpp": float(episodes.cost[0] / COST_UNIT / pixels),
            "decoder_kmac_per_pixel": float(episodes.macs[0] / MACS_PER_KMAC / pixels),
            "mse": float(episodes.sse[0] / pixels),
            "objective_value": float(episodes.objective_values()[0]),
        }


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
        episodes = self._running()
        weights = np.array([1.0, episodes.lambda_rate[0], episodes.lambda_compute[0]])
        scale = objective_scale(episodes.lambda_rate, episodes.lambda_compute)[0]
        return super()._info() | {"reward_weights": weights / scale}


def encode_actions(model: Model, pixels: np.ndarray, actions: tuple[int, ...]) -> Encoded:
    """Encodes an image as an episode's actions say; the first names the budget.

    Args:
        model: the preset's model.
        pixels: uint8 (h, w).
        actions: legal ones, up to the episode's end.
    """
    per_slice = model.slices and -(-pixels.shape[0] // 4) * -(-pixels.shape[1] // 4)
    bit_budget = model.preset.budget_slices[actions[0]] * per_slice
    later = [STOP if action == STOP_ACTION else action - FIRST_TIER_ACTION for action in actions[1:]]
    return encode_with(model, pixels, bit_budget, lambda _: [*later, STOP])
