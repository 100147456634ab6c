"""What encoders of pictures predict with: a few small networks, and distortion of every kind side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, ROUNDING_MSE, distortion
from rlcodec.core.metrics import PEAK_SQUARED

FEATURE_LIMIT = 4.0


def distortions(mse: np.ndarray, ms_ssim: np.ndarray) -> np.ndarray:
    """D of every kind: (kinds, ...)."""
    return np.stack([distortion(kind, 1 - ms_ssim if kind == "ms-ssim" else mse) for kind in KINDS])


def decibels_to_quality(psnr: np.ndarray, ms_ssim_db: np.ndarray) -> np.ndarray:
    """D of every kind from both qualities in dB: (kinds, ...)."""
    mse = PEAK_SQUARED * 10 ** (-psnr / 10) - ROUNDING_MSE
    return np.stack([{"mse": np.maximum(mse, 0), "psnr": -psnr, "ms-ssim": -ms_ssim_db}[kind] for kind in KINDS])


@dataclass(frozen=True)
class Net:
    """A few small networks with tanh between their layers, whose mean errs less than each.

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
        """Outputs, (..., outputs), for inputs (..., inputs)."""
        rows = inputs.reshape(1, -1, inputs.shape[-1])
        x = np.clip((rows - self.center) / self.spread, -FEATURE_LIMIT, FEATURE_LIMIT)
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.tanh(x @ weights + biases)
        x = (x @ self.weights[-1] + self.biases[-1]).mean(0)
        return x.reshape(*inputs.shape[:-1], -1)


def net_of(values: dict[str, Any]) -> Net:
    """The networks that JSON has; raises ValueError, KeyError or TypeError on anything else."""
    weights, biases = (tuple(np.array(layer, np.float64) for layer in values[name]) for name in ("weights", "biases"))
    return Net(np.array(values["center"], np.float64), np.array(values["spread"], np.float64), weights, biases)
