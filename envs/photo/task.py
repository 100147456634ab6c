"""The task of preset `photo`: measuring photographs, fitting predictions, and the decision process on a trace."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, Predictor
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.photo.fit import fit_photo_predictor
from rlcodec.envs.photo.trace import PhotoTrace, has_features_of_this_version, measure_picture
from rlcodec.envs.pictures import PictureTask
from rlcodec.envs.tasks import Predictors
from rlcodec.errors import DataError
from rlcodec.presets.photo.decisions import SETTINGS
from rlcodec.presets.photo.process import PhotoProcess

GRID_RATE = {
    "mse": (0.4, 1.0, 1.6, 2.2, 2.8),
    "psnr": (0.5, 0.75, 1.0, 1.25, 1.5),
    "ms-ssim": (0.6, 0.8, 1.0, 1.2, 1.4),
    "ssimulacra2": (1.0, 1.3, 1.6, 1.9, 2.2),
}
"""log10 of lambda_rate of the objectives that evaluations use, by kind of distortion."""
SMALLEST_GAP_BPP = 0.005
"""With "mse" one setting for all pictures is closer than this to the oracle nearly everywhere: there is nothing to decide."""


class PhotoTask(PictureTask):
    """The decisions about photographs; see `rlcodec.envs.tasks.Task` for its methods."""

    trace_type = PhotoTrace
    measure_picture = staticmethod(measure_picture)
    fit = staticmethod(fit_photo_predictor)
    grid_rate = GRID_RATE
    smallest_gap_bpp: ClassVar[float] = SMALLEST_GAP_BPP

    def load(self, path: Path) -> PhotoTrace:
        trace = super().load(path)
        if len(trace) and not has_features_of_this_version(trace):
            raise DataError(f"{path}: another version of rlcodec computed its features; run `rlcodec trace` again")
        return trace

    def fit_unseen(self, trace: PhotoTrace) -> Sequence[Predictor]:
        return fit_unseen(trace, fit_photo_predictor)

    def process(self, trace: PhotoTrace, predictors: Predictors) -> DecisionProcess:
        return PhotoProcess(self.spec, trace.measurements(), predictors)

    def statistics(self, trace: PhotoTrace) -> np.ndarray:
        """The features of the middle gain, float64 (n, f)."""
        return trace.features[:, SETTINGS // 2]


TASK = PhotoTask
