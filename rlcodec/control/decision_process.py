"""The decision process of a preset: what can be decided about an image, what is observed, and what each decision leads to.

It is written once per preset. The encoder under a policy runs it on one image and measures as it goes; environments run it on
batches of images that were measured beforehand (traces); the oracle, imitation, replay and validation run it too.

An episode is one image under one objective J = D + lambda_rate * R + lambda_compute * C, all per pixel. Arrays hold one row per
episode, and methods change states in place, so that thousands of episodes cost a handful of array operations or one compiled
loop."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast

import numpy as np

from rlcodec.control._decision_process import nearest_legal
from rlcodec.control.objective import KINDS, Objective, Objectives
from rlcodec.errors import DataError, OptionError

LayoutField = tuple[str, int, str]
"""Name, length, and unit and scale of a field of the observation."""
Layout = tuple[LayoutField, ...]
Rows = np.ndarray | slice
"""Which episodes of a batch: int64 or bool array, or a slice."""


class Predictor(Protocol):
    """What an encoder predicts instead of measuring; a policy file holds it as JSON."""

    def to_json(self) -> str:
        """All numbers as JSON text; of dataclasses of arrays that inherit this, an object with the fields."""
        return json.dumps(asdict(cast(Any, self)), default=lambda array: array.tolist())


@dataclass(frozen=True)
class ProcessSpec:
    """What a policy must agree with to make the decisions of a preset.

    Attributes:
        preset: name of the preset.
        codec_digest: SHA-256 of the codec's weights, hexadecimal.
        layout: fields of the observation, in order; the first are those of `rlcodec.control.observation.advice_layout`.
        action_names: what the actions mean, by phase of an episode.
        rate_range: log10 of the smallest and the largest lambda_rate that policies are trained for, by kind of distortion.
        kinds: kinds of distortion that objectives may have; the observation's one-hot field "kind" is in this order.
        measured_kinds: those of `kinds` that are measured, and so can be asked for; all if empty.
        extra: further entries of a policy file's metadata.
    """

    preset: str
    codec_digest: str
    layout: Layout
    action_names: Mapping[str, list[str]]
    rate_range: Mapping[str, tuple[float, float]]
    kinds: tuple[str, ...] = KINDS
    measured_kinds: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action_count(self) -> int:
        """Number of actions, legal or not; also the length of the mask, the observation's first field."""
        return self.layout[0][1]

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return sum(length for _, length, _ in self.layout)

    @property
    def trained_kinds(self) -> tuple[str, ...]:
        """Kinds of distortion that objectives can have."""
        return self.measured_kinds or self.kinds

    def check_kind(self, kind: str) -> None:
        """Raises OptionError if objectives of this kind of distortion are not supported."""
        if kind not in self.trained_kinds:
            raise OptionError(f"preset {self.preset} has no objectives in {kind}; it has: {', '.join(self.trained_kinds)}")

    def draw_objectives(self, rng: "np.random.Generator", count: int) -> Objectives:
        """Random objectives, log-uniform over what policies are trained for."""
        return Objectives.draw(rng, count, self.rate_range, self.kinds, self.trained_kinds)

    def objectives_of(self, objective: Objective, count: int) -> Objectives:
        """One objective for `count` episodes; raises OptionError if its kind is not supported."""
        self.check_kind(objective.kind)
        return Objectives.of(objective, count, self.kinds)


@dataclass
class EpisodeState:
    """State of B episodes. Presets add fields, each an array whose first axis is the episode.

    Attributes:
        image: int64 (B,), the row of the measurements that each episode is about.
        objectives: of the episodes.
        done: bool (B,), whether the episode has ended.
    """

    image: np.ndarray
    objectives: Objectives
    done: np.ndarray

    @classmethod
    def empty(cls, batch: int) -> Self:
        """States of `batch` episodes that have not started and count as done; fields that presets add are int64 zeros (B,)."""
        added: dict[str, Any] = {f.name: np.zeros(batch, np.int64) for f in fields(cls)[len(fields(EpisodeState)) :]}
        return cls(np.zeros(batch, np.int64), Objectives.empty(batch), np.ones(batch, bool), **added)

    def take(self, rows: Rows) -> Self:
        """A copy of some of the episodes."""
        values: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            values[f.name] = value.take(rows) if isinstance(value, Objectives) else value[rows].copy()
        return type(self)(**values)


@dataclass(frozen=True)
class Totals:
    """What B episodes have cost and give if they stop now; float64 (B,) each.

    Attributes:
        bits: code length of what was sent.
        rate_bpp: the same in bits per pixel.
        decoder_kmac_per_pixel: compute of decoding it.
        distortion: D in the kind of each episode's objective.
        mse: mean squared error on the scale 0 to 255.
        ms_ssim: MS-SSIM; 0 where it was not measured, since the objective is in another kind.
    """

    bits: np.ndarray
    rate_bpp: np.ndarray
    decoder_kmac_per_pixel: np.ndarray
    distortion: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray


State = TypeVar("State", bound=EpisodeState)
P = TypeVar("P")


def in_turns(predictors: P | Sequence[P], image_count: int) -> list[tuple[P, np.ndarray]]:
    """Which images each of several predictors is for: image i belongs to number i modulo their count.

    Args:
        predictors: one, or several.
        image_count: how many images there are.

    Returns:
        Pairs of a predictor and its images, int64.

    Raises:
        DataError: there are no images.
    """
    if not image_count:
        raise DataError("the trace has no images")
    several = list(predictors) if isinstance(predictors, Sequence) else [predictors]
    return [(predictor, np.arange(i, image_count, len(several))) for i, predictor in enumerate(several)]


class DecisionProcess(ABC, Generic[State]):
    """The decisions about images whose measurements it was built on.

    Attributes:
        spec: layout, actions and objectives.
        state_type: class of the states.
    """

    spec: ProcessSpec
    state_type: ClassVar[type[EpisodeState]] = EpisodeState

    @property
    @abstractmethod
    def image_count(self) -> int:
        """Number of images that episodes can be about."""

    def empty(self, batch: int) -> State:
        """States of `batch` episodes that have not started; they count as done."""
        return cast(State, self.state_type.empty(batch))

    def start(self, state: State, rows: np.ndarray, image: np.ndarray, objectives: Objectives) -> None:
        """Starts some episodes of a batch anew; fields that a preset added to the state become 0 in these rows.

        Args:
            state: of the batch, changed in place.
            rows: int64 (n,), which episodes.
            image: int64 (n,), the image that each of them is about.
            objectives: of these n episodes.
        """
        for f in fields(state)[len(fields(EpisodeState)) :]:
            getattr(state, f.name)[rows] = 0
        state.image[rows], state.done[rows] = image, False
        state.objectives.put(rows, objectives)

    @abstractmethod
    def legal(self, state: State) -> np.ndarray:
        """Legal actions, bool (B, actions)."""

    @abstractmethod
    def apply(self, state: State, action: np.ndarray) -> None:
        """Takes one legal action in every episode; those that are done stay as they are.

        Args:
            state: changed in place.
            action: int64 (B,).
        """

    @abstractmethod
    def observe(self, state: State, rows: Rows = slice(None)) -> np.ndarray:
        """Observations of some episodes, float32 (rows, size): what the real encoder knows at that moment."""

    def parts(self, state: State) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, float64 (3, B)."""
        totals = self.totals(state)
        return np.stack([totals.distortion, totals.rate_bpp, totals.decoder_kmac_per_pixel])

    @abstractmethod
    def totals(self, state: State) -> Totals:
        """What the episodes have cost and give if they stop now."""

    def initial(self, image: np.ndarray, objectives: Objectives) -> State:
        """The first states of episodes about some images, int64 (B,), under some objectives."""
        state = self.empty(len(image))
        self.start(state, np.arange(len(image)), image, objectives)
        return state

    def nearest_legal(self, state: State, action: np.ndarray) -> np.ndarray:
        """Actions, int64 (B,), with each illegal one replaced by the nearest legal one below it, or else the first."""
        legal = np.ascontiguousarray(self.legal(state), bool).view(np.uint8)
        return nearest_legal(legal, np.ascontiguousarray(action, np.int64))

    def values(self, state: State) -> np.ndarray:
        """J if each episode stopped now, float64 (B,)."""
        distortion, rate, compute = self.parts(state)
        return distortion + state.objectives.lambda_rate * rate + state.objectives.lambda_compute * compute

    def replay(self, actions: list[tuple[int, ...]], objective: Objective, image: np.ndarray | None = None) -> State:
        """States after given action sequences, one for each image; a sequence that ends early stops there.

        Args:
            actions: legal actions, one sequence for each episode.
            objective: of all episodes.
            image: int64 (B,), the image of each episode; images 0, 1, ... if None.
        """
        rows = np.arange(len(actions)) if image is None else image
        state = self.initial(rows, self.spec.objectives_of(objective, len(actions)))
        ends = np.array([len(sequence) for sequence in actions])
        for step in range(int(ends.max(initial=0))):
            over = step >= ends
            state.done |= over
            self.apply(state, np.array([0 if over[i] else sequence[step] for i, sequence in enumerate(actions)]))
        return state

    def check_actions(self, actions: tuple[int, ...], objective: Objective) -> None:
        """Raises OptionError unless these are exactly the actions of one episode on image 0, from its start to its end."""
        state = self.initial(np.zeros(1, np.int64), self.spec.objectives_of(objective, 1))
        for action in actions:
            if state.done[0] or not 0 <= action < self.spec.action_count or not self.legal(state)[0, action]:
                raise OptionError(f"actions {list(actions)}, which no episode takes")
            self.apply(state, np.array([action]))
        if not state.done[0]:
            raise OptionError(f"actions {list(actions)}, which no episode takes")
