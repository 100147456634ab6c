"""The task of learning to choose settings of a codec outside of this package, which is known by its trace alone."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from rlcodec.control.decision_process import DecisionProcess
from rlcodec.control.objective import SSIMULACRA2, Objective
from rlcodec.envs.external.trace import ExternalTrace, load_external_trace
from rlcodec.envs.fit import ITERATIONS, NETWORKS, fit_net, fit_unseen
from rlcodec.envs.tasks import EXTERNAL, Predictors, Task
from rlcodec.errors import DataError, OptionError
from rlcodec.options import PathLike
from rlcodec.presets.external.process import ExternalPredictor, ExternalProcess, ExternalSpec

GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Where in the trained range of log10 of lambda_rate the objectives of evaluations lie."""


def fit_external_predictor(trace: ExternalTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> ExternalPredictor:
    """Fits a predictor to the images of a trace.

    Args:
        trace: of the images.
        iterations: of the optimiser.
        networks: how many are averaged.
    """
    outcomes = trace.measurements.outcomes()
    kinds = trace.spec.all_kinds
    predicted = ("psnr", "ms-ssim", *([SSIMULACRA2] if SSIMULACRA2 in kinds else []))
    qualities = (-outcomes.distortion[kinds.index(kind)] for kind in predicted)
    targets = np.stack([np.log2(outcomes.rate_bpp), outcomes.kmac, *qualities], 1).reshape(len(trace), -1)
    return ExternalPredictor(fit_net(trace.features, targets, iterations, networks))


class ExternalTask(Task):
    """Decisions about a codec that cannot be run here: nothing is measured, coded or rendered.

    Args:
        codec: the codec.
    """

    def __init__(self, codec: ExternalSpec):
        self.codec, self.name, self.spec = codec, EXTERNAL, codec.process_spec()
        ranges = {kind: codec.rate_range[kind] for kind in codec.all_kinds if kind in codec.kinds}
        self.grid_rate = {kind: tuple(low + at * (high - low) for at in GRID) for kind, (low, high) in ranges.items()}

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OptionError(
            f"codec {self.codec.codec} is known by its trace alone: rlcodec has no images of it, and cannot run it"
        )

    fit = staticmethod(fit_external_predictor)
    samples = read_images = measure = live = image = encode = encode_under = show_nothing = _refuse  # type: ignore[assignment]

    def policy_file(self, path: PathLike | None) -> Path:
        """The path; raises OptionError if it is None: no policy is shipped."""
        if path is None:
            raise OptionError(f"no policy is shipped for codec {self.codec.codec}; name the file of one (--policy)")
        return Path(path)

    def load(self, path: Path) -> ExternalTrace:
        """As `load_external_trace`; raises DataError if the trace is of another codec."""
        trace = load_external_trace(path)
        if trace.digest != self.codec.digest:
            raise DataError(f"{path}: is a trace of another codec, or of other settings or features, than {self.codec.codec}")
        return trace

    def fit_unseen(self, trace: ExternalTrace) -> list[ExternalPredictor]:
        return fit_unseen(trace, fit_external_predictor)

    def read_predictor(self, text: str) -> ExternalPredictor:
        return ExternalPredictor.from_json(text, self.codec)

    def process(self, trace: ExternalTrace, predictors: Predictors) -> DecisionProcess:
        return ExternalProcess(self.codec, trace.measurements, predictors)

    def statistics(self, trace: ExternalTrace) -> np.ndarray:
        """The features."""
        return trace.features

    def objective_grid(self, trace: ExternalTrace) -> list[Objective]:
        """As `Task.objective_grid`; lambda_compute is 0 if no compute was measured."""
        grid = super().objective_grid(trace)
        if trace.kmac.any():
            return grid
        return list(dict.fromkeys(replace(objective, lambda_compute=0.0) for objective in grid))


def task_and_trace(source: Any) -> tuple[ExternalTask, ExternalTrace]:
    """The task of a trace, and the trace.

    Args:
        source: a trace that `external_trace` made, or its file.

    Raises:
        DataError: the file is no such trace.
        OptionError: the source is neither.
    """
    trace = load_external_trace(Path(source)) if isinstance(source, str | os.PathLike) else source
    if not isinstance(trace, ExternalTrace):
        raise OptionError("give a trace that rlcodec.envs.external.trace.external_trace made, or its file")
    return ExternalTask(trace.spec), trace


def task_from_record(extra: Mapping[str, Any]) -> ExternalTask:
    """The task of a run or a policy file, from the entries that the task's spec adds to its metadata.

    Raises:
        DataError: the record of the codec makes no sense; also KeyError, ValueError and TypeError.
    """
    return ExternalTask(ExternalSpec.from_json(extra["spec"]))
