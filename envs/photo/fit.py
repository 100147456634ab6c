"""Fits the predictions of an encoder of photographs to a trace."""

import numpy as np

from rlcodec.control.objective import ROUNDING_MSE, distortion
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.fit import ITERATIONS, NETWORKS, fit_net
from rlcodec.envs.photo.trace import PhotoTrace
from rlcodec.presets.photo.predictor import PhotoPredictor, synthesis_kmac
from rlcodec.presets.photo.transform import PLANES

LEAST_KMAC = 1e-4
"""Smallest compute of the coefficients, in kMAC per pixel, whose logarithm is fitted."""


def fit_photo_predictor(trace: PhotoTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> PhotoPredictor:
    """Predictions fitted to all pictures and gains of a trace; other arguments as `rlcodec.envs.fit.fit_net`."""
    areas = trace.areas[:, None, None, None].astype(np.float64)
    rate = np.log2(8 * trace.payload_bytes[..., 0] / areas[..., 0])
    kmac = trace.macs[..., 0] / MACS_PER_KMAC / areas[..., 0] - synthesis_kmac()[0]
    psnr_db = -distortion("psnr", trace.sse / (PLANES * areas))
    ms_ssim_db = -distortion("ms-ssim", 1 - trace.ms_ssim)
    coefficient_psnr_db = 10 * np.log10(PEAK_SQUARED / (trace.known_mse + 2 * ROUNDING_MSE))

    def rows(*tables: np.ndarray) -> np.ndarray:
        """Tables by picture and gain side by side, one row for each pair."""
        return np.concatenate([table.reshape(table.shape[0] * table.shape[1], -1) for table in tables], 1)

    outputs = rows(rate, np.log2(np.maximum(kmac, LEAST_KMAC)), psnr_db, ms_ssim_db)
    first = fit_net(rows(trace.features), outputs, iterations, networks)
    outputs = rows(psnr_db - coefficient_psnr_db[..., None], ms_ssim_db)
    second = fit_net(rows(trace.features, rate, coefficient_psnr_db), outputs, iterations, networks)
    return PhotoPredictor(first, second)
