"""How far a picture is from the original."""

import math

import numpy as np

from rlcodec.objective import PEAK_SQUARED


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures of one shape, over all channels, in dB; infinite when they agree."""
    mse = float(np.square(one.astype(np.float64) - other).mean())
    return 10 * math.log10(PEAK_SQUARED / mse) if mse else math.inf
