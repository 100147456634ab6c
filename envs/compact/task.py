"""The task of preset `compact`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlcodec.envs.compact.fit import fit_compact_predictor
from rlcodec.envs.compact.trace import CompactTrace, load_compact_trace, measure_compact
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.pictures import PictureTask
from rlcodec.errors import DataError
from rlcodec.presets.base import Preset
from rlcodec.presets.compact.predictor import CompactPredictor, features_of
from rlcodec.presets.compact.process import CompactProcess

COMPACT_GRID_RATE = {
    "mse": (3.5, 4.0, 4.5, 5.0),
    "psnr": (1.2, 1.6, 2.0, 2.3),
    "ms-ssim": (1.2, 1.5, 1.75, 2.0),
}
"""log10 of lambda_rate of the objectives that evaluations use, by kind of distortion."""


class CompactTask(PictureTask):
    """The task."""

    grid_rate = COMPACT_GRID_RATE

    def measure(self, images: Sequence[np.ndarray], options: MeasureOptions = MeasureOptions()) -> CompactTrace:
        """As `rlcodec.envs.compact.trace.measure_compact`."""
        return measure_compact(images, options)

    def load(self, path: Path) -> CompactTrace:
        """As `rlcodec.envs.compact.trace.load_compact_trace`."""
        return load_compact_trace(path)

    def fit(self, trace: CompactTrace) -> CompactPredictor:
        """As `rlcodec.envs.compact.fit.fit_compact_predictor`."""
        return fit_compact_predictor(trace)

    def fit_unseen(self, trace: CompactTrace) -> list[CompactPredictor]:
        """As `rlcodec.envs.fit.fit_unseen`."""
        return fit_unseen(trace, fit_compact_predictor)

    def process(self, trace: CompactTrace, predictors: CompactPredictor | Sequence[CompactPredictor]) -> CompactProcess:
        """The decision process on the pictures of a trace; raises DataError if it has none."""
        if not len(trace):
            raise DataError("the trace has no images")
        return CompactProcess(self.spec, trace.measurements(), predictors)

    def statistics(self, trace: CompactTrace) -> np.ndarray:
        """What the encoder predicts from, float64 (n, FEATURES)."""
        return features_of(trace.measurements())


def make_task(preset: Preset) -> CompactTask:
    """The task of the preset."""
    return CompactTask(preset)
