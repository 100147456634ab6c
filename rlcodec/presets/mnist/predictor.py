"""What an encoder of preset `mnist` predicts instead of measuring it, by linear least squares."""

import json
from dataclasses import dataclass, fields

import numpy as np

from rlcodec.control.decision_process import Predictor
from rlcodec.control.regressor import scaled
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.mnist._tables import KMAC_UNIT
from rlcodec.presets.mnist.measurements import MEASURED_TIERS, MnistMeasurements


@dataclass(frozen=True)
class MnistPredictor(Predictor):
    """Coefficients of the predictions, all linear and in units per pixel; a policy file holds them.

    Attributes:
        center: float64 (f,), subtracted from the features of an image.
        spread: float64 (f,), divides them.
        image: float64 (f + 1, 2 (s + 1) + 5 b), from the features and 1 to these predictions: in each measure of error log2 of
            the error plus its floor after 0 to s latent slices; then, of all rows of pixels, for each of b bit budgets: bits
            under `table`, `context` and `lm`, and kMAC under `context` and `lm`.
        row: float64 (6, 4), from `row_features` to a row's bits and kMAC under `context` after latents, and bits and kMAC under
            `lm`.
    """

    center: np.ndarray
    spread: np.ndarray
    image: np.ndarray
    row: np.ndarray

    @staticmethod
    def from_json(text: str) -> "MnistPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        values = json.loads(text)
        return MnistPredictor(*(np.array(values[f.name], np.float64) for f in fields(MnistPredictor)))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions for images, float64 (n, outputs of `image`), from `image_features`, float64 (n, f)."""
        return scaled(features, self.center, self.spread) @ self.image[:-1] + self.image[-1]


def image_features(measurements: MnistMeasurements, pixels: int) -> np.ndarray:
    """Features of images that an encoder knows before it decides.

    Args:
        measurements: of n images; only what an encoder measures before the first decision is used.
        pixels: of an image.

    Returns:
        float64 (n, f): statistics, bits per pixel of the first 1 to s latent slices, bits and kMAC of all rows without latents,
        and squares of the statistics.
    """
    statistics = measurements.statistics
    latent_bits = measurements.latent_cost / COST_UNIT
    row_bits = measurements.pixel_cost[:, 0, : len(MEASURED_TIERS)] / COST_UNIT
    row_kmac = measurements.pixel_macs[:, 0, CONTEXT] / MACS_PER_KMAC
    rates = [np.cumsum(latent_bits[:, tier], 1) / pixels for tier in MEASURED_TIERS]
    totals = [row_bits.sum(2) / pixels, row_kmac.sum(1, keepdims=True) / pixels / 10]
    return np.concatenate([statistics, *rates, *totals, statistics**2, statistics[:, -1:] * statistics], 1)


def row_features(table: np.ndarray, busy: np.ndarray, bits: np.ndarray, kmac: np.ndarray, width: float) -> np.ndarray:
    """Features of the rows of an image.

    Args:
        table: float64 (..., h), bits under tier `table`.
        busy: float64 (..., h), pixels whose context is not all background.
        bits: float64 (..., h), under tier `context` without latents.
        kmac: float64 (..., h), the same.
        width: pixels of a row.

    Returns:
        float64 (..., h, ROW_FEATURES); the last feature, kMAC times its running sum, / KMAC_UNIT, grows as attention does.
    """
    return np.stack([table, busy, bits, kmac, np.full_like(kmac, width), kmac * np.cumsum(kmac, -1) / KMAC_UNIT], -1)
