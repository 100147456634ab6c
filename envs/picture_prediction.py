"""Fits what the encoder of photographs expects (`rlcodec.photo.planning.PhotoPredictor`) to a trace, by least squares."""

import numpy as np

from rlcodec.envs.pictures import PictureTrace
from rlcodec.objective import PEAK_SQUARED, ROUNDING_MSE, distortion
from rlcodec.photo.blocks import PLANES
from rlcodec.photo.planning import FEATURE_LIMIT, SETTINGS, Linear, PhotoPredictor, synthesis_kmac
from rlcodec.segments import MACS_PER_KMAC

RIDGE = 3e-3
LEAST_KMAC = 1e-4


def _fit(features: np.ndarray, targets: np.ndarray) -> Linear:
    """Least squares with a little shrinkage, for every setting; (n, settings, f) to (n, settings, outputs)."""
    center, spread = features.mean(0), features.std(0) + 1e-6
    limited = np.clip((features - center) / spread, -FEATURE_LIMIT, FEATURE_LIMIT)
    weights = np.empty((SETTINGS, features.shape[2] + 1, targets.shape[2]))
    for s in range(SETTINGS):
        x, mean = limited[:, s], targets[:, s].mean(0)
        middle = x.mean(0)
        gram = (x - middle).T @ (x - middle) + RIDGE * len(x) * np.eye(x.shape[1])
        weights[s, :-1] = np.linalg.solve(gram, (x - middle).T @ (targets[:, s] - mean))
        weights[s, -1] = mean - middle @ weights[s, :-1]
    return Linear(center, spread, weights)


def fit_photo_predictor(trace: PictureTrace) -> PhotoPredictor:
    """Predictions fitted to a trace's pictures; see `PhotoPredictor` for what each predicts from what."""
    areas = trace.areas[:, None, None, None].astype(np.float64)
    rate = np.log2(8 * trace.payload_bytes[..., 0] / areas[..., 0])
    kmac = trace.macs[..., 0] / MACS_PER_KMAC / areas[..., 0] - synthesis_kmac()[0]
    psnr = -distortion("psnr", trace.sse / (PLANES * areas))
    similar = -distortion("ms-ssim", 1 - trace.ms_ssim)
    known = 10 * np.log10(PEAK_SQUARED / (trace.known_mse + 2 * ROUNDING_MSE))
    flat = [t.reshape(*t.shape[:2], -1) for t in (psnr, similar, psnr - known[..., None])]
    first = _fit(trace.features, np.concatenate([rate, np.log2(np.maximum(kmac, LEAST_KMAC)), *flat[:2]], 2))
    second = _fit(np.concatenate([trace.features, rate, known], 2), np.concatenate([flat[2], flat[1]], 2))
    return PhotoPredictor(first, second)
