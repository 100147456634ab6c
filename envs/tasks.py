"""Tasks: what environments, training and evaluation need to know of a preset beyond the runtime.

A task measures images into a trace, fits the encoder's predictions to it, and builds the decision process on it. There is one
for every preset; `register_task` adds one for somebody else's.
"""

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, Predictor, ProcessSpec
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import OnnxPolicy, load_policy
from rlcodec.envs.hindsight import ExhaustiveSearch, Hindsight, objective_grid
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.trace_file import save_tables
from rlcodec.errors import OptionError
from rlcodec.options import PathLike
from rlcodec.presets.base import Encoded, Preset
from rlcodec.presets.policies import policy_file
from rlcodec.presets.registry import preset_by_name

Images = np.ndarray | Sequence[np.ndarray]
"""Images of a task, uint8 (height, width) or (height, width, 3) each; an array if all have one size."""
Predictors = Any
"""A predictor of the task's preset, or a sequence of several that take turns: image i is predicted by number i modulo their
count."""


class Trace(Protocol):
    """What every choice costs and gives on n images, measured.

    Attributes:
        digest: SHA-256 of the codec that measured, hexadecimal.
    """

    @property
    def digest(self) -> str: ...

    def __len__(self) -> int: ...

    def take(self, index: np.ndarray | slice) -> Self:
        """The same for some of the images."""
        ...


class Task(ABC):
    """Decisions to learn.

    Attributes:
        name: of the preset.
        spec: layout, actions and objectives.
        grid_rate: log10 of lambda_rate of the objectives that evaluations use, by kind of distortion.
        smallest_gap_bpp: see `rlcodec.envs.hindsight.Hindsight`.
    """

    name: str
    spec: ProcessSpec
    grid_rate: Mapping[str, tuple[float, ...]]
    smallest_gap_bpp: ClassVar[float] = 0.0

    @abstractmethod
    def samples(self) -> Images:
        """Images for trying things out, uint8; raises DataError if scikit-learn, which brings them, is not installed."""

    @abstractmethod
    def read_images(self, data: Path, split: str, limit: int | None, crop: int | None) -> Images:
        """Images to measure, uint8 (height, width) or (height, width, 3).

        Args:
            data: folder of images or of idx files, or one idx file.
            split: "train" or "test", for folders of idx files.
            limit: at most so many images.
            crop: side in pixels of random squares that take the place of whole pictures.

        Raises:
            DataError: there are no such images.
        """

    @abstractmethod
    def measure(self, images: Any, options: MeasureOptions = MeasureOptions()) -> Any:
        """The trace of some images; raises DataError if there are none, OutputError if intermediate results cannot be kept."""

    @abstractmethod
    def load(self, path: Path) -> Any:
        """Reads a trace; raises DataError if the file is no trace of this codec."""

    def save(self, path: Path, trace: Any) -> None:
        """Writes a trace, whole or not at all; raises OutputError."""
        save_tables(path, trace)

    @abstractmethod
    def fit(self, trace: Any) -> Predictor:
        """Fits the encoder's predictions to a trace."""

    def fit_unseen(self, trace: Any) -> Predictors:
        """Predictions for training on the trace itself, no better on its images than `fit`'s are on new ones."""
        return self.fit(trace)

    @abstractmethod
    def read_predictor(self, text: str) -> Predictor:
        """A predictor from its JSON; raises ValueError, KeyError or TypeError on anything else."""

    @abstractmethod
    def process(self, trace: Any, predictors: Predictors) -> DecisionProcess:
        """The decision process on the images of a trace."""

    @abstractmethod
    def live(self, image: np.ndarray, predictor: Predictor) -> DecisionProcess:
        """The decision process on one image that the codec measures as it goes."""

    @abstractmethod
    def image(self, trace: Any, index: int) -> np.ndarray:
        """An image of a trace, uint8."""

    @abstractmethod
    def statistics(self, trace: Any) -> np.ndarray:
        """Statistics of the images that a threshold rule may look at, float64 (n, f)."""

    @abstractmethod
    def encode(self, image: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        """Codes an image with the real codec, as an episode's legal actions say.

        Args:
            image: uint8.
            actions: of the episode.
            kind: of distortion of its objective; the preset's default if None.
        """

    @abstractmethod
    def encode_under(self, policy: PathLike | None, image: np.ndarray, objective: Objective) -> bytes:
        """Codes an image with the real encoder under a policy, the shipped one if None."""

    @abstractmethod
    def show_nothing(self, image: np.ndarray) -> np.ndarray:
        """What decoders show of an image of which nothing was sent, uint8."""

    @abstractmethod
    def policy_file(self, path: PathLike | None) -> Path:
        """Where a policy is, the shipped one if `path` is None; raises OptionError if none is shipped."""

    def load_policy(self, path: PathLike | None) -> OnnxPolicy:
        """Loads a policy, the shipped one if `path` is None; raises OptionError or PolicyError."""
        return load_policy(self.policy_file(path), self.spec, self.read_predictor)

    def hindsight(self, trace: Any, predictors: Predictors) -> Hindsight:
        """What is known of a trace's images in hindsight; by exhaustive search unless a task overrides this."""
        process = self.process(trace, predictors)
        search = ExhaustiveSearch(process)
        return Hindsight(
            process,
            self.statistics(trace),
            self.objective_grid(trace),
            search.sequences,
            search.oracle,
            search.best_fixed,
            self.smallest_gap_bpp,
        )

    def objective_grid(self, trace: Any) -> list[Objective]:
        """The objectives that evaluations use."""
        return objective_grid(self.grid_rate)


class PresetTask(Task):
    """The task of a registered preset; subclasses say how images are measured and where measurements are kept.

    Args:
        preset: whose.
    """

    def __init__(self, preset: Preset):
        self.preset, self.name, self.spec = preset, preset.name, preset.process_spec()

    def read_predictor(self, text: str) -> Predictor:
        return self.preset.read_predictor(text)

    def live(self, image: np.ndarray, predictor: Predictor) -> DecisionProcess:
        return self.preset.live_process(image, predictor)

    def encode(self, image: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        return self.preset.encode_actions(image, actions, kind)

    def encode_under(self, policy: PathLike | None, image: np.ndarray, objective: Objective) -> bytes:
        options = self.preset.options(
            policy=policy,
            distortion=objective.kind,
            lambda_rate=objective.lambda_rate,
            lambda_compute=objective.lambda_compute,
        )
        return self.preset.encode(image, options).data

    def show_nothing(self, image: np.ndarray) -> np.ndarray:
        return self.preset.show_nothing(image)

    def policy_file(self, path: PathLike | None) -> Path:
        return policy_file(self.preset, path)


_MODULES = {name: f"rlcodec.envs.{name}.task" for name in ("mnist", "photo", "compact")}
"""Modules of the shipped presets' tasks, each with the class of the task as `TASK`."""
EXTERNAL = "external"
"""Stands where the name of a preset does for a codec that is known by its trace alone."""
_TRACE_MODULES = dict.fromkeys((EXTERNAL, "own"), "rlcodec.envs.external.task")
"""Modules of tasks that come with a trace, each with a function `task_and_trace`. Policy files call external codecs "own"."""
_factories: dict[str, Callable[[Preset], Task]] = {}
_tasks: dict[str, Task] = {}


def register_task(name: str, make_task: Callable[[Preset], Task]) -> None:
    """Adds the task of a preset that is or will be registered.

    Args:
        name: of the preset.
        make_task: makes the task of the preset; called once, when it is first asked for.

    Raises:
        OptionError: the preset has a task already.
    """
    if name in _factories or name in _MODULES:
        raise OptionError(f"preset {name} has a task already")
    _factories[name] = make_task


def unregister_task(name: str) -> None:
    """Removes a task that `register_task` added."""
    if _factories.pop(name, None) is not None:
        _tasks.pop(name, None)


def task_of(name: str) -> Task:
    """The task of a preset.

    Raises:
        OptionError: there is no such preset, or it has no task.
    """
    if name in _TRACE_MODULES:
        raise OptionError(f"{name} is no preset; name a trace of the codec, or its file, beside it (docs/external_codec.md)")
    preset = preset_by_name(name)
    if name not in _tasks:
        if name in _MODULES:
            make_task = importlib.import_module(_MODULES[name]).TASK
        elif name in _factories:
            make_task = _factories[name]
        else:
            raise OptionError(f"preset {name} has no task: register one with rlcodec.envs.tasks.register_task")
        _tasks[name] = make_task(preset)
    return _tasks[name]


def task_and_trace(name: str, source: Trace | PathLike) -> tuple[Task, Trace]:
    """The task that a trace is for, and the trace.

    Args:
        name: of the preset; `EXTERNAL` if the trace is of a codec that is known by its trace alone.
        source: a trace or its file.

    Raises:
        DataError: the file is no such trace.
        OptionError: there is no such preset, or the trace is of another one.
    """
    if name in _TRACE_MODULES:
        task, trace = importlib.import_module(_TRACE_MODULES[name]).task_and_trace(source)
        return task, trace
    task = task_of(name)
    return task, task.load(Path(source)) if isinstance(source, str | os.PathLike) else source


def task_from_record(name: str, extra: Mapping[str, Any]) -> Task:
    """The task that a run's folder or a policy file was written for.

    Args:
        name: of the preset, as its spec has it.
        extra: the `extra` of the task's spec.

    Raises:
        OptionError: there is no such preset, or it has no task.
        KeyError: the record of an external codec is incomplete; also ValueError and TypeError.
    """
    if name in _TRACE_MODULES:
        return importlib.import_module(_TRACE_MODULES[name]).task_from_record(extra)
    return task_of(name)
