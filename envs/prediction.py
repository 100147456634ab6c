"""Fits the encoder's cheap predictions (`rlcodec.observation.Predictor`) to a trace, by least squares."""

import numpy as np

from rlcodec.coder import COST_UNIT
from rlcodec.envs.trace import Trace
from rlcodec.observation import FEATURE_LIMIT, Geometry, Known, Predictor, image_features
from rlcodec.session import MACS_PER_KMAC
from rlcodec.stream import CONTEXT, TABLE

RIDGE = 1e-3


def _ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Least squares with a little shrinkage; returns weights with the intercept as their last row."""
    mean = targets.mean(0)
    gram = features.T @ features + RIDGE * len(features) * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, features.T @ (targets - mean))
    return np.concatenate([weights, (mean - features.mean(0) @ weights)[None]])


def known_of(trace: Trace) -> Known:
    """What an encoder knows of a trace's images before it chooses."""
    return Known(
        trace.statistics,
        trace.latent_cost / COST_UNIT,
        trace.latent_macs / MACS_PER_KMAC,
        trace.pixel_cost[:, 0] / COST_UNIT,
        trace.pixel_macs[:, 0] / MACS_PER_KMAC,
    )


def fit_predictor(trace: Trace, geometry: Geometry) -> Predictor:
    """Predictions fitted to a trace's images; see `Predictor` for what each predicts from what."""
    pixels, known = geometry.pixels, known_of(trace)
    features = image_features(known, pixels)
    center, spread = features.mean(0), features.std(0) + 1e-6
    bits = trace.pixel_cost / COST_UNIT
    kmac = trace.pixel_macs[:, :, CONTEXT] / MACS_PER_KMAC
    targets = [
        np.log2(trace.latent_sse / pixels + 1),
        bits[:, :, TABLE].sum(2) / pixels,
        bits[:, :, CONTEXT].sum(2) / pixels,
        kmac.sum(2) / pixels,
    ]
    limited = np.clip((features - center) / spread, -FEATURE_LIMIT, FEATURE_LIMIT)
    image = _ridge(limited, np.concatenate(targets, 1))

    with_latents = slice(1, None)
    shape = bits[:, with_latents, TABLE].shape
    facts = [
        bits[:, with_latents, TABLE],
        trace.row_busy[:, with_latents].astype(np.float64),
        np.broadcast_to(bits[:, :1, CONTEXT], shape),
        np.broadcast_to(kmac[:, :1], shape),
        np.full(shape, float(geometry.width)),
    ]
    wanted = [bits[:, with_latents, CONTEXT], kmac[:, with_latents]]
    columns = [np.stack([a.reshape(-1) for a in group], 1) for group in (facts, wanted)]
    return Predictor(center, spread, image, np.linalg.lstsq(*columns, rcond=None)[0])
