"""Fits the predictions of preset `compact` to a trace."""

import numpy as np

from rlcodec.control.objective import KINDS
from rlcodec.control.regressor import distortions
from rlcodec.envs.compact.trace import CompactTrace
from rlcodec.envs.fit import ITERATIONS, NETWORKS, fit_net
from rlcodec.presets.compact.decisions import CompactPredictor, features_of


def fit_compact_predictor(trace: CompactTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> CompactPredictor:
    """Predictions for preset `compact` fitted to a trace's pictures; see `CompactPredictor`."""
    quality = distortions(trace.mse, trace.ms_ssim)
    wanted = -np.concatenate([quality[KINDS.index(kind)] for kind in ("psnr", "ms-ssim")], 1)
    return CompactPredictor(fit_net(features_of(trace.facts()), wanted, iterations, networks))
