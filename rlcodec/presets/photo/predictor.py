"""What an encoder of photographs predicts before and after it has coded a picture, with small regression networks."""

import json
from dataclasses import dataclass

import numpy as np

from rlcodec.control.decision_process import Predictor
from rlcodec.control.objective import ROUNDING_MSE
from rlcodec.control.outcomes import Outcomes
from rlcodec.control.regressor import Net, decibels_to_quality, net_of
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.photo.decisions import ENDINGS, STOPS
from rlcodec.presets.photo.features import FEATURES
from rlcodec.presets.photo.repair import KMAC
from rlcodec.presets.photo.transform import TRANSFORM_MACS

K, E = len(STOPS), len(ENDINGS)
FIRST_OUTPUTS = 2 * K + 2 * K * E
SECOND_INPUTS, SECOND_OUTPUTS = FEATURES + 2 * K, 2 * K * E


@dataclass(frozen=True)
class PhotoPredictor(Predictor):
    """The regression networks of an encoder.

    Attributes:
        first: used before coding; from the features of a gain. Outputs: for each stop log2 of bits per pixel and log2 of the
            coefficients' kMAC per pixel; for each stop and synthesis PSNR, then MS-SSIM, in dB.
        second: used after coding; from the same features, and by stop log2 of bits per pixel and the PSNR of the coefficients.
            Outputs: for each stop and synthesis the PSNR above that of the coefficients, then MS-SSIM, in dB.
    """

    first: Net
    second: Net

    @staticmethod
    def from_json(text: str) -> "PhotoPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        nets = json.loads(text)
        return PhotoPredictor(
            net_of(nets["first"], FEATURES, FIRST_OUTPUTS), net_of(nets["second"], SECOND_INPUTS, SECOND_OUTPUTS)
        )


def synthesis_kmac() -> np.ndarray:
    """Compute of each synthesis in kMAC per pixel, inverse transforms included, float64 (syntheses,)."""
    return np.array([TRANSFORM_MACS / MACS_PER_KMAC + KMAC[ending] for ending in ENDINGS])


def predict_before_coding(predictor: PhotoPredictor, features: np.ndarray) -> Outcomes:
    """Predictions for every gain, stop and synthesis, from features float64 (B, gains, FEATURES)."""
    outputs = predictor.first(features)
    decibels = outputs[..., 2 * K :].reshape(*outputs.shape[:-1], 2, K, E)
    kmac = np.exp2(outputs[..., K : 2 * K, None]) + synthesis_kmac()
    rate = np.broadcast_to(np.exp2(outputs[..., :K, None]), kmac.shape)
    return Outcomes(rate, kmac, decibels_to_quality(decibels[..., 0, :, :], decibels[..., 1, :, :]))


def predict_after_coding(
    predictor: PhotoPredictor, features: np.ndarray, rate: np.ndarray, coefficient_mse: np.ndarray
) -> np.ndarray:
    """Predicted D by kind of distortion at gains at which the picture was coded, float64 (kinds, ..., stops, syntheses).

    Args:
        predictor: regression networks.
        features: float64 (..., FEATURES).
        rate: float64 (..., stops), bits per pixel.
        coefficient_mse: float64 (..., stops), from `rlcodec.presets.photo.measurements.mse_of_coefficients`.
    """
    psnr_db = 10 * np.log10(PEAK_SQUARED / (coefficient_mse + 2 * ROUNDING_MSE))
    outputs = predictor.second(np.concatenate([features, np.log2(rate), psnr_db], -1))
    decibels = outputs.reshape(*outputs.shape[:-1], 2, K, E)
    return decibels_to_quality(psnr_db[..., None] + decibels[..., 0, :, :], decibels[..., 1, :, :])
