"""What an encoder of photographs predicts before and after it has coded a picture, with small regression networks."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rlcodec.control.objective import ROUNDING_MSE, Objectives
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
class PhotoPredictor:
    """The regression networks of an encoder.

    Attributes:
        first: used before coding; from the features of a gain. Outputs: for each stop log2 of bits per pixel and log2 of the
            coefficients' kMAC per pixel; for each stop and synthesis PSNR, then MS-SSIM, in dB.
        second: used after coding; from the same features, and by stop log2 of bits per pixel and the PSNR of the coefficients.
            Outputs: for each stop and synthesis the PSNR above that of the coefficients, then MS-SSIM, in dB.
    """

    first: Net
    second: Net

    def to_json(self) -> str:
        """All arrays as JSON."""
        return json.dumps(asdict(self), default=lambda array: array.tolist())

    @staticmethod
    def from_json(text: str) -> "PhotoPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        nets = [net_of(json.loads(text)[name]) for name in ("first", "second")]
        for net, inputs, outputs in zip(nets, (FEATURES, SECOND_INPUTS), (FIRST_OUTPUTS, SECOND_OUTPUTS), strict=True):
            if net(np.zeros(inputs)).shape != (outputs,):
                raise ValueError("the predictions have other outputs")
        return PhotoPredictor(*nets)


@dataclass(frozen=True)
class CostTables:
    """What gains, stops and syntheses cost and give, measured or predicted; (...) is (B, gains), or (B,) of chosen gains.

    Attributes:
        rate: bits per pixel, float64 (..., stops).
        kmac: decoder kMAC per pixel, float64 (..., stops, syntheses).
        quality: D by kind of distortion, float64 (kinds, ..., stops, syntheses).
    """

    rate: np.ndarray
    kmac: np.ndarray
    quality: np.ndarray

    def take(self, *index: Any) -> "CostTables":
        """The same for some rows."""
        return CostTables(self.rate[index], self.kmac[index], self.quality[:, *index])

    def values(self, objectives: Objectives) -> np.ndarray:
        """J, float64 (..., stops, syntheses), under one objective for each entry of the first axis."""
        shape = (-1, *[1] * (self.kmac.ndim - 1))
        quality = np.take_along_axis(self.quality, objectives.kind.reshape(1, *shape), 0)[0]
        rate, compute = (weights.reshape(shape) for weights in (objectives.lambda_rate, objectives.lambda_compute))
        return quality + rate * self.rate[..., None] + compute * self.kmac


def synthesis_kmac() -> np.ndarray:
    """Compute of each synthesis in kMAC per pixel, inverse transforms included, float64 (syntheses,)."""
    return np.array([TRANSFORM_MACS / MACS_PER_KMAC + KMAC[ending] for ending in ENDINGS])


def predict_before_coding(predictor: PhotoPredictor, features: np.ndarray) -> CostTables:
    """Predictions for every gain, from features float64 (B, gains, FEATURES)."""
    outputs = predictor.first(features)
    decibels = outputs[..., 2 * K :].reshape(*outputs.shape[:-1], 2, K, E)
    kmac = np.exp2(outputs[..., K : 2 * K, None]) + synthesis_kmac()
    return CostTables(np.exp2(outputs[..., :K]), kmac, decibels_to_quality(decibels[..., 0, :, :], decibels[..., 1, :, :]))


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
