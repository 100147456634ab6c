"""Fits what encoders of pictures expect (`PhotoPredictor`, `CompactPredictor`) to a trace: small networks."""

import numpy as np

from rlcodec.control.objective import ROUNDING_MSE, distortion
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.fit import ITERATIONS, NETWORKS, fit_net
from rlcodec.envs.photo.trace import PictureTrace
from rlcodec.presets.photo.decisions import PhotoPredictor, synthesis_kmac
from rlcodec.presets.photo.transform import PLANES

LEAST_KMAC = 1e-4


def fit_photo_predictor(trace: PictureTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> PhotoPredictor:
    """Predictions fitted to a trace's pictures; see `PhotoPredictor` for what each predicts from what."""
    areas = trace.areas[:, None, None, None].astype(np.float64)
    rate = np.log2(8 * trace.payload_bytes[..., 0] / areas[..., 0])
    kmac = trace.macs[..., 0] / MACS_PER_KMAC / areas[..., 0] - synthesis_kmac()[0]
    psnr = -distortion("psnr", trace.sse / (PLANES * areas))
    similar = -distortion("ms-ssim", 1 - trace.ms_ssim)
    known = 10 * np.log10(PEAK_SQUARED / (trace.known_mse + 2 * ROUNDING_MSE))

    def rows(*tables: np.ndarray) -> np.ndarray:
        """Tables by picture and setting, one row for each pair."""
        flat = [t.reshape(t.shape[0] * t.shape[1], -1) for t in tables]
        return np.concatenate(flat, 1)

    first = fit_net(
        rows(trace.features), rows(rate, np.log2(np.maximum(kmac, LEAST_KMAC)), psnr, similar), iterations, networks
    )
    second = fit_net(rows(trace.features, rate, known), rows(psnr - known[..., None], similar), iterations, networks)
    return PhotoPredictor(first, second)
