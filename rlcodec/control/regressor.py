"""Small regression networks with which encoders of pictures predict, and the distortion of every kind that follows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, ROUNDING_MSE, distortion
from rlcodec.core.metrics import PEAK_SQUARED

FEATURE_LIMIT = 4.0
"""Inputs are clipped to so many standard deviations."""


def scaled(features: np.ndarray, center: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Features, float64 (..., f), normalised and limited as predictions take them."""
    return np.clip((features - center) / spread, -FEATURE_LIMIT, FEATURE_LIMIT)


def distortions(mse: np.ndarray, ms_ssim: np.ndarray, ssimulacra2: np.ndarray | None = None) -> np.ndarray:
    """D of every kind, from what was measured.

    Args:
        mse: mean squared errors, float64 (...).
        ms_ssim: MS-SSIM, of the same shape.
        ssimulacra2: scores, of the same shape; None if they are not measured.

    Returns:
        float64 (kinds, ...): of `KINDS`, or of `PERCEPTUAL_KINDS` with scores.
    """
    measured = [distortion(kind, 1 - ms_ssim if kind == "ms-ssim" else mse) for kind in KINDS]
    return np.stack(measured if ssimulacra2 is None else [*measured, -ssimulacra2])


def decibels_to_quality(psnr_db: np.ndarray, ms_ssim_db: np.ndarray, ssimulacra2: np.ndarray | None = None) -> np.ndarray:
    """D of every kind, from predicted qualities.

    Args:
        psnr_db: PSNR in decibels, float64 (...).
        ms_ssim_db: MS-SSIM in decibels, of the same shape.
        ssimulacra2: scores, of the same shape; None if they are not predicted.

    Returns:
        float64 (kinds, ...): of `KINDS`, or of `PERCEPTUAL_KINDS` with scores.
    """
    mse = PEAK_SQUARED * 10 ** (-psnr_db / 10) - ROUNDING_MSE
    by_kind = {"mse": np.maximum(mse, 0), "psnr": -psnr_db, "ms-ssim": -ms_ssim_db}
    predicted = [by_kind[kind] for kind in KINDS]
    return np.stack(predicted if ssimulacra2 is None else [*predicted, -ssimulacra2])


@dataclass(frozen=True)
class Net:
    """Several small networks of one shape with tanh between their layers; the output is the mean of theirs.

    Attributes:
        center: float64 (inputs,), subtracted from the inputs.
        spread: float64 (inputs,), divides them.
        weights: float64 (networks, m, n) of each layer.
        biases: float64 (networks, 1, n) of each layer.
    """

    center: np.ndarray
    spread: np.ndarray
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs, float64 (..., outputs), for inputs (..., inputs)."""
        rows = inputs.reshape(1, -1, inputs.shape[-1])
        x = scaled(rows, self.center, self.spread)
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.tanh(x @ weights + biases)
        x = (x @ self.weights[-1] + self.biases[-1]).mean(0)
        return x.reshape(*inputs.shape[:-1], -1)


def net_of(values: dict[str, Any], inputs: int, outputs: int) -> Net:
    """The networks, of so many inputs and outputs, from what JSON holds; raises ValueError, KeyError or TypeError otherwise."""
    weights, biases = (tuple(np.array(layer, np.float64) for layer in values[name]) for name in ("weights", "biases"))
    net = Net(np.array(values["center"], np.float64), np.array(values["spread"], np.float64), weights, biases)
    if net(np.zeros(inputs)).shape != (outputs,):
        raise ValueError("the predictions have other outputs")
    return net
