"""The task of preset `compact`."""

from collections.abc import Sequence

import numpy as np

from rlcodec.envs.compact.fit import fit_compact_predictor
from rlcodec.envs.compact.trace import CompactTrace, measure_picture
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.pictures import PictureTask
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

    trace_type = CompactTrace
    measure_picture = staticmethod(measure_picture)
    fit = staticmethod(fit_compact_predictor)
    grid_rate = COMPACT_GRID_RATE

    def fit_unseen(self, trace: CompactTrace) -> list[CompactPredictor]:
        return fit_unseen(trace, fit_compact_predictor)

    def process(self, trace: CompactTrace, predictors: CompactPredictor | Sequence[CompactPredictor]) -> CompactProcess:
        return CompactProcess(self.spec, trace.measurements(), predictors)

    def statistics(self, trace: CompactTrace) -> np.ndarray:
        """What the encoder predicts from, float64 (n, FEATURES)."""
        return features_of(trace.measurements())


TASK = CompactTask
