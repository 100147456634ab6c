"""Fits the predictions of preset `mnist` (`rlcodec.presets.mnist.predictor.MnistPredictor`) to a trace, by least squares."""

import numpy as np

from rlcodec.control.objective import FLOORS
from rlcodec.control.regressor import scaled
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT, LM, TABLE
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.mnist.trace import MnistTrace
from rlcodec.presets.mnist.predictor import MnistPredictor, image_features, row_features

RIDGE = 1e-3
"""Penalty on squared weights, per image."""


def fit_predictor(trace: MnistTrace) -> MnistPredictor:
    """Predictions fitted to the images of a trace; see `MnistPredictor` for what is predicted from what."""
    pixels, width = trace.images[0].size, trace.images.shape[2]
    features = image_features(trace, pixels)
    center, spread = features.mean(0), features.std(0) + 1e-6
    bits = trace.pixel_cost / COST_UNIT
    kmac = trace.pixel_macs / MACS_PER_KMAC
    errors = trace.latent_sse / pixels, trace.latent_loss.astype(np.float64)
    targets = [
        *(np.log2(error + floor) for error, floor in zip(errors, FLOORS, strict=True)),
        *(bits[:, :, tier].sum(2) / pixels for tier in (TABLE, CONTEXT, LM)),
        *(kmac[:, :, tier].sum(2) / pixels for tier in (CONTEXT, LM)),
    ]
    image = _ridge(scaled(features, center, spread), np.concatenate(targets, 1))

    of_rows = row_features(
        bits[:, :, TABLE],
        trace.row_busy.astype(np.float64),
        np.broadcast_to(bits[:, :1, CONTEXT], bits[:, :, CONTEXT].shape),
        np.broadcast_to(kmac[:, :1, CONTEXT], kmac[:, :, CONTEXT].shape),
        float(width),
    )
    # Tier `context` without latents is measured, so budget 0 is no example of it.
    row = [
        np.linalg.lstsq(
            _flat(of_rows[:, first:]), _flat(np.stack([bits[:, first:, tier], kmac[:, first:, tier]], -1)), rcond=None
        )[0]
        for tier, first in ((CONTEXT, 1), (LM, 0))
    ]
    return MnistPredictor(center, spread, image, np.concatenate(row, 1))


def _ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Ridge regression, float64 (f + 1, outputs): weights, and the intercept as their last row.

    Args:
        features: float64 (n, f).
        targets: float64 (n, outputs).
    """
    mean = targets.mean(0)
    gram = features.T @ features + RIDGE * len(features) * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, features.T @ (targets - mean))
    return np.concatenate([weights, (mean - features.mean(0) @ weights)[None]])


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])
