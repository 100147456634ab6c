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
from rlcodec.presets.photo.measurements import ALLOCATION_COUNT, of_kinds
from rlcodec.presets.photo.repair import KMAC
from rlcodec.presets.photo.transform import TRANSFORM_MACS

K, E = len(STOPS), len(ENDINGS)
OUTPUTS = 2 * K + K * E
"""Of an allocation, before coding."""
FIRST_OUTPUTS = ALLOCATION_COUNT * OUTPUTS
SECOND_INPUTS, SECOND_OUTPUTS = FEATURES + 2 * K, K * E


@dataclass(frozen=True)
class PhotoPredictor(Predictor):
    """The regression networks of an encoder.

    Quality is what an allocation is for: PSNR or MS-SSIM in dB, or SSIMULACRA2.

    Attributes:
        first: used before coding; from the features of a gain. Outputs for each allocation: for each stop log2 of bits per
            pixel and log2 of the coefficients' kMAC per pixel; for each stop and synthesis the quality.
        second: a network for each allocation, used after coding; from the same features, and by stop log2 of bits per pixel and
            the PSNR without repair. Outputs: for each stop and synthesis the quality; for PSNR only what repair adds to it.
    """

    first: Net
    second: tuple[Net, ...]

    @staticmethod
    def from_json(text: str) -> "PhotoPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        nets = json.loads(text)
        second = tuple(net_of(net, SECOND_INPUTS, SECOND_OUTPUTS) for net in nets["second"])
        if len(second) != ALLOCATION_COUNT:
            raise ValueError(f"there are predictions for {len(second)} allocations")
        return PhotoPredictor(net_of(nets["first"], FEATURES, FIRST_OUTPUTS), second)


def synthesis_kmac() -> np.ndarray:
    """Compute of each synthesis in kMAC per pixel, inverse transforms included, float64 (syntheses,)."""
    return np.array([TRANSFORM_MACS / MACS_PER_KMAC + KMAC[ending] for ending in ENDINGS])


def psnr_of(mse: np.ndarray) -> np.ndarray:
    """PSNR in dB of mean squared errors, finite."""
    return 10 * np.log10(PEAK_SQUARED / (mse + ROUNDING_MSE))


def predict_before_coding(predictor: PhotoPredictor, features: np.ndarray) -> Outcomes:
    """Predictions for every allocation, gain, stop and synthesis, from features float64 (B, gains, FEATURES)."""
    outputs = predictor.first(features)
    outputs = outputs.reshape(*outputs.shape[:-1], ALLOCATION_COUNT, OUTPUTS).swapaxes(1, 2)
    quality = outputs[..., 2 * K :].reshape(*outputs.shape[:-1], K, E)
    kmac = np.exp2(outputs[..., K : 2 * K, None]) + synthesis_kmac()
    rate = np.broadcast_to(np.exp2(outputs[..., :K, None]), kmac.shape)
    return Outcomes(rate, kmac, of_kinds(decibels_to_quality(*quality.swapaxes(0, 1))))


def predict_after_coding(
    predictor: PhotoPredictor, features: np.ndarray, rate: np.ndarray, plain_mse: np.ndarray
) -> np.ndarray:
    """Predicted D of pictures that were coded, float64 (kinds, B, allocations, gains, stops, syntheses).

    Args:
        predictor: regression networks.
        features: float64 (B, gains, FEATURES).
        rate: float64 (B, allocations, gains, stops), bits per pixel.
        plain_mse: float64 (B, allocations, gains, stops), mean squared error without repair.
    """
    psnr_db = psnr_of(plain_mse)
    quality = np.stack(
        [
            net(np.concatenate([features, np.log2(rate[:, a]), psnr_db[:, a]], -1)).reshape(*rate[:, a].shape, E)
            for a, net in enumerate(predictor.second)
        ]
    )
    quality[0] += psnr_db[:, 0, ..., None]
    return of_kinds(decibels_to_quality(*quality))
