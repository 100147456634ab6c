"""Fits the predictions of preset `compact` to a trace."""

import numpy as np

from rlcodec.control.objective import KINDS
from rlcodec.control.regressor import distortions
from rlcodec.envs.compact.trace import CompactTrace
from rlcodec.envs.fit import ITERATIONS, NETWORKS, fit_net
from rlcodec.presets.compact.predictor import CompactPredictor, features_of


def fit_compact_predictor(trace: CompactTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> CompactPredictor:
    """Fits a predictor to the pictures of a trace; other arguments as `rlcodec.envs.fit.fit_net`."""
    distortion = distortions(trace.mse, trace.ms_ssim)
    targets = -np.concatenate([distortion[KINDS.index(kind)] for kind in ("psnr", "ms-ssim")], 1)
    return CompactPredictor(fit_net(features_of(trace.measurements()), targets, iterations, networks))
