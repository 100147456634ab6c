"""Named objectives of preset `mnist`, and the objectives that its policies are trained for."""

from rlcodec.control.objective import Objective

NAMED = {
    "small": Objective("mse", 6000.0, 6.0),
    "balanced": Objective("mse", 1000.0, 1.0),
    "fast": Objective("mse", 1000.0, 60.0),
}
RATE_RANGE = {"mse": (2.9, 4.5), "psnr": (1.6, 2.3), "ms-ssim": (1.7, 2.4)}
"""log10 of the smallest and the largest lambda_rate that policies are trained for, by kind of distortion.

Below the range lossless coding is best for nearly every digit; above it, in decibels, sending nothing is."""
