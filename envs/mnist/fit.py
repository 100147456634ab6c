"""Fits the encoder's cheap predictions (`rlcodec.presets.mnist.observation.Predictor`) to a trace, by least squares."""

import numpy as np

from rlcodec.control.objective import FLOORS, MEASURES
from rlcodec.control.observation import FEATURE_LIMIT
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT, LM, TABLE
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.mnist.trace import Trace
from rlcodec.presets.mnist.measurements import KNOWN_TIERS
from rlcodec.presets.mnist.observation import Geometry, Known, Predictor, image_features, row_features

RIDGE = 1e-3


def _ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Least squares with a little shrinkage; returns weights with the intercept as their last row."""
    mean = targets.mean(0)
    gram = features.T @ features + RIDGE * len(features) * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, features.T @ (targets - mean))
    return np.concatenate([weights, (mean - features.mean(0) @ weights)[None]])


def known_of(trace: Trace) -> Known:
    """What an encoder knows of a trace's images before it chooses."""
    row_cost, row_macs = (np.stack([table[:, 0, t] for t in KNOWN_TIERS], 1) for table in (trace.pixel_cost, trace.pixel_macs))
    return Known(
        trace.statistics,
        trace.latent_cost / COST_UNIT,
        trace.latent_macs / MACS_PER_KMAC,
        row_cost / COST_UNIT,
        row_macs / MACS_PER_KMAC,
    )


def fit_predictor(trace: Trace, geometry: Geometry) -> Predictor:
    """Predictions fitted to a trace's images; see `Predictor` for what each predicts from what."""
    pixels, known = geometry.pixels, known_of(trace)
    features = image_features(known, pixels)
    center, spread = features.mean(0), features.std(0) + 1e-6
    bits = trace.pixel_cost / COST_UNIT
    kmac = trace.pixel_macs / MACS_PER_KMAC
    targets = [
        *(np.log2(trace.errors(measure)[0] + floor) for measure, floor in zip(MEASURES, FLOORS, strict=True)),
        *(bits[:, :, tier].sum(2) / pixels for tier in (TABLE, CONTEXT, LM)),
        *(kmac[:, :, tier].sum(2) / pixels for tier in (CONTEXT, LM)),
    ]
    limited = np.clip((features - center) / spread, -FEATURE_LIMIT, FEATURE_LIMIT)
    image = _ridge(limited, np.concatenate(targets, 1))

    facts = row_features(
        bits[:, :, TABLE],
        trace.row_busy.astype(np.float64),
        np.broadcast_to(bits[:, :1, CONTEXT], bits[:, :, CONTEXT].shape),
        np.broadcast_to(kmac[:, :1, CONTEXT], kmac[:, :, CONTEXT].shape),
        float(geometry.width),
    )
    # What `context` needs without latents is known, so that is not fitted.
    row = [
        np.linalg.lstsq(
            _columns(facts[:, first:]), _columns(np.stack([bits[:, first:, tier], kmac[:, first:, tier]], -1)), rcond=None
        )[0]
        for tier, first in ((CONTEXT, 1), (LM, 0))
    ]
    return Predictor(center, spread, image, np.concatenate(row, 1))


def _columns(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])
