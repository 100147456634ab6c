"""Fits the predictions of an encoder of photographs to a trace."""

import numpy as np

from rlcodec.control.objective import distortion
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.fit import ITERATIONS, fit_net
from rlcodec.envs.photo.trace import PhotoTrace
from rlcodec.presets.photo.decisions import ALLOCATED_KINDS
from rlcodec.presets.photo.predictor import PhotoPredictor, psnr_of, synthesis_kmac
from rlcodec.presets.photo.transform import PLANES

LEAST_KMAC = 1e-4
"""Smallest compute of the coefficients, in kMAC per pixel, whose logarithm is fitted."""
NETWORKS = 2
"""Networks whose outputs are averaged; there are four predictions, one before coding and one after it for each allocation."""


def fit_photo_predictor(trace: PhotoTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> PhotoPredictor:
    """Predictions fitted to all pictures and gains of a trace; other arguments as `rlcodec.envs.fit.fit_net`."""
    areas = trace.areas[:, None, None, None, None].astype(np.float64)
    rate = np.log2(8 * trace.payload_bytes[..., 0] / areas[..., 0])
    kmac = np.log2(np.maximum(trace.macs[..., 0] / MACS_PER_KMAC / areas[..., 0] - synthesis_kmac()[0], LEAST_KMAC))
    psnr_db = psnr_of(trace.sse / (PLANES * areas))
    quality = psnr_db.copy()
    quality[:, ALLOCATED_KINDS.index("ms-ssim")] = -distortion("ms-ssim", 1 - trace.scores[:, ALLOCATED_KINDS.index("ms-ssim")])
    quality[:, ALLOCATED_KINDS.index("ssimulacra2")] = trace.scores[:, ALLOCATED_KINDS.index("ssimulacra2")]
    pairs = len(trace) * trace.features.shape[1]

    def rows(*tables: np.ndarray) -> np.ndarray:
        """Tables by picture and gain side by side, one row for each pair."""
        return np.concatenate([table.reshape(pairs, -1) for table in tables], 1)

    allocations = range(len(ALLOCATED_KINDS))
    outputs = [table[:, a] for a in allocations for table in (rate, kmac, quality)]
    first = fit_net(rows(trace.features), rows(*outputs), iterations, networks)
    quality[:, 0] -= psnr_db[:, 0, ..., :1]
    second = (
        fit_net(rows(trace.features, rate[:, a], psnr_db[:, a, ..., 0]), rows(quality[:, a]), iterations, networks)
        for a in allocations
    )
    return PhotoPredictor(first, tuple(second))
