"""What the encoder of preset `compact` predicts instead of measuring: the distortion of every number of channels."""

import json
from dataclasses import dataclass

import numpy as np

from rlcodec.control.decision_process import Predictor
from rlcodec.control.objective import KINDS
from rlcodec.control.regressor import Net, decibels_to_quality, distortions, net_of
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import LATENT_TIERS
from rlcodec.presets.compact.choices import BUDGETS, COUNTS
from rlcodec.presets.compact.measurements import PROBES, STATISTICS, CompactMeasurements

FEATURES = len(STATISTICS) + 2 * len(PROBES) + LATENT_TIERS * len(BUDGETS)


@dataclass(frozen=True)
class CompactPredictor(Predictor):
    """Predicts PSNR and then MS-SSIM, both in dB, of every number of channels in COUNTS.

    Attributes:
        net: from `features_of` to 2 * len(COUNTS) outputs.
    """

    net: Net

    @staticmethod
    def from_json(text: str) -> "CompactPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        return CompactPredictor(net_of(json.loads(text)["net"], FEATURES, 2 * len(COUNTS)))

    def distortions(self, features: np.ndarray) -> np.ndarray:
        """Predicted D of every kind and number of channels, float64 (kinds, n, len(COUNTS)), from features (n, FEATURES)."""
        outputs = self.net(features)
        return decibels_to_quality(outputs[:, : len(COUNTS)], outputs[:, len(COUNTS) :])


def features_of(measurements: CompactMeasurements) -> np.ndarray:
    """Inputs of the predictor, float64 (n, FEATURES): statistics, measured quality in dB, and log2 of the budgets' rates."""
    probed = distortions(measurements.mse[:, PROBES], measurements.ms_ssim[:, PROBES])
    decibels = -probed[[KINDS.index("psnr"), KINDS.index("ms-ssim")]]
    bits = measurements.cost.cumsum(2)[..., np.array(BUDGETS) - 1] / COST_UNIT
    rates = np.log2(bits / measurements.area[:, None, None])
    return np.concatenate([measurements.statistics, *decibels, rates.reshape(len(rates), -1)], 1)
