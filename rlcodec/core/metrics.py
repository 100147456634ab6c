"""Distortion metrics: PSNR and MS-SSIM."""

import functools
import math

import numpy as np

from rlcodec.core._metrics import halve, similarity
from rlcodec.errors import OptionError

PEAK_SQUARED = 255.0**2
"""Square of the largest value of a sample, for PSNR."""
ROUNDING_LOSS = 2e-4
"""Added to 1 - MS-SSIM, so that decibels stay finite (37.0 dB). It is the loss by rounding a flat picture to 8 bits: an error
of variance 1/12, and a quarter of that at each coarser scale, in relation to the contrast constant."""
WINDOW_TAPS, WINDOW_SIGMA = 11, 1.5
WINDOW_DECIMALS = 12
"""Taps are rounded, so that they do not depend on the last digit of a library's exponential function."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponent of each scale of MS-SSIM, from fine to coarse."""
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = 0.01**2 * PEAK_SQUARED, 0.03**2 * PEAK_SQUARED


def psnr_db(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures of one shape, over all channels, in dB; infinite if they are equal."""
    mse = float(np.square(first.astype(np.float64) - second).mean())
    return 10 * math.log10(PEAK_SQUARED / mse) if mse else math.inf


def ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003), 0 to 1; the mean over channels.

    The window is Gaussian with 11 taps, or as many as the shorter side, and is applied where it fits whole. Scales are 2x2
    means of the finer one; odd sides are padded with zeros. Of the five scales as many are used as the window fits into, and
    the weights of fewer are scaled to a sum of 1. Sums are float64 in a fixed order.

    Args:
        first: uint8 (height, width) or (height, width, channels).
        second: of the same shape.

    Raises:
        OptionError: the pictures are no such arrays, or differ in shape.
    """
    for picture in (first, second):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size:
            raise OptionError(f"MS-SSIM takes uint8 pictures; this is {picture.dtype} of shape {picture.shape}")
    if first.shape != second.shape:
        raise OptionError(f"MS-SSIM takes two pictures of one shape; these have {first.shape} and {second.shape}")
    windows, pictures = ms_ssim_windows(*first.shape[:2]), (first, second)
    planes = [np.moveaxis(p.reshape(*p.shape[:2], -1), 2, 0).astype(np.float64, order="C") for p in pictures]
    similarities = [ms_ssim_plane(one, other, *windows) for one, other in zip(*planes, strict=True)]
    return sum(similarities) / len(similarities)


def ms_ssim_loss(first: np.ndarray, second: np.ndarray) -> np.float32:
    """1 - MS-SSIM, rounded as traces hold it, 0 if the pictures are equal; arguments as `ms_ssim`."""
    return np.float32(1 - ms_ssim(first, second))


@functools.lru_cache(maxsize=64)
def ms_ssim_windows(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arguments of `ms_ssim_plane` for a size: windows over rows and over columns, and weights of the scales, float64."""
    scales, side = 1, -(-min(height, width) // 2)
    while scales < len(SCALE_WEIGHTS) and side >= WINDOW_TAPS:
        scales, side = scales + 1, -(-side // 2)
    weights = np.array(SCALE_WEIGHTS[:scales])
    if scales < len(SCALE_WEIGHTS):  # all five sum to 1.0001 and are left as published
        weights /= weights.sum()
    return _window(min(height, WINDOW_TAPS)), _window(min(width, WINDOW_TAPS)), weights


def _window(taps: int) -> np.ndarray:
    place = np.arange(taps) - (taps - 1) / 2
    window = np.round(np.exp(-np.square(place / WINDOW_SIGMA) / 2), WINDOW_DECIMALS)
    return window / window.sum()


def ms_ssim_plane(first: np.ndarray, second: np.ndarray, down: np.ndarray, across: np.ndarray, weights: np.ndarray) -> float:
    """MS-SSIM of two planes, float64 (height, width) of values 0 to 255; other arguments from `ms_ssim_windows`."""
    result = 1.0
    for weight in weights[:-1].tolist():
        contrast, _ = similarity(first, second, down, across, LUMINANCE_CONSTANT, CONTRAST_CONSTANT)
        result *= max(contrast, 0.0) ** weight
        first, second = halve(first), halve(second)
    _, similar = similarity(first, second, down, across, LUMINANCE_CONSTANT, CONTRAST_CONSTANT)
    return result * max(similar, 0.0) ** float(weights[-1])
