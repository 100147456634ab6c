"""Distortion metrics: PSNR and MS-SSIM."""

import functools
import math

import numpy as np

from rlcodec.core.kernel import array_kernel, kernel
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
MOMENTS = 4
"""Moments of two pictures: both means, the mean of the sum of their squares, and the mean of their product."""


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
    return sum(ms_ssim_plane(*channels, *windows) for channels in zip(*planes, strict=True)) / len(planes[0])


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


@kernel
def _similarity(first, second, down, across, products, filtered, moments):
    """Means over two planes of contrast and structure, and of luminance, contrast and structure.

    Args:
        first: float64 (height, width).
        second: float64 (height, width).
        down: float64 (m,), the window over rows.
        across: float64 (n,), the window over columns.
        products: float64 (MOMENTS * width,), scratch buffer: the values of one row that are filtered.
        filtered: float64 (m, MOMENTS * (width - n + 1)), scratch buffer: the last m rows, filtered across.
        moments: float64 (MOMENTS * (width - n + 1),), scratch buffer.
    """
    height, width = first.shape
    wide = width - across.shape[0] + 1
    contrasts = similarities = 0.0
    for y in range(height):
        for x in range(width):
            a, b = first[y, x], second[y, x]
            products[MOMENTS * x] = a
            products[MOMENTS * x + 1] = b
            products[MOMENTS * x + 2] = a * a + b * b
            products[MOMENTS * x + 3] = a * b
        row = y % down.shape[0]
        for i in range(MOMENTS * wide):
            filtered[row, i] = across[0] * products[i]
        for tap in range(1, across.shape[0]):
            weight, start = across[tap], MOMENTS * tap
            for i in range(MOMENTS * wide):
                filtered[row, i] += weight * products[start + i]
        top = y - down.shape[0] + 1
        if top < 0:
            continue
        for i in range(MOMENTS * wide):
            moments[i] = down[0] * filtered[top % down.shape[0], i]
        for tap in range(1, down.shape[0]):
            weight, row = down[tap], (top + tap) % down.shape[0]
            for i in range(MOMENTS * wide):
                moments[i] += weight * filtered[row, i]
        for x in range(wide):
            a, b = moments[MOMENTS * x], moments[MOMENTS * x + 1]
            squares, product = a * a + b * b, a * b
            variances, covariance = moments[MOMENTS * x + 2] - squares, moments[MOMENTS * x + 3] - product
            contrast = (2 * covariance + CONTRAST_CONSTANT) / (variances + CONTRAST_CONSTANT)
            contrasts += contrast
            similarities += contrast * (2 * product + LUMINANCE_CONSTANT) / (squares + LUMINANCE_CONSTANT)
    count = (height - down.shape[0] + 1) * wide
    return contrasts / count, similarities / count


@kernel
def _halve(plane, half):
    """Writes means of 2x2 values into `half`; an odd side is padded with a zero at both ends."""
    height, width = plane.shape
    for y in range(half.shape[0]):
        for x in range(half.shape[1]):
            total = 0.0
            for v in range(max(2 * y - height % 2, 0), 2 * y - height % 2 + 2):
                for u in range(max(2 * x - width % 2, 0), 2 * x - width % 2 + 2):
                    total += plane[v, u]
            half[y, x] = total / 4


@array_kernel
def ms_ssim_plane(first, second, down, across, weights):
    """MS-SSIM of two planes, float64 (height, width) of values 0 to 255; other arguments from `ms_ssim_windows`."""
    products = np.empty(MOMENTS * first.shape[1])
    filtered = np.empty((down.shape[0], MOMENTS * (first.shape[1] - across.shape[0] + 1)))
    moments = np.empty(filtered.shape[1])
    result = 1.0
    for scale in range(weights.shape[0]):
        contrast, similarity = _similarity(first, second, down, across, products, filtered, moments)
        if scale == weights.shape[0] - 1:
            return result * max(similarity, 0.0) ** weights[scale]
        result *= max(contrast, 0.0) ** weights[scale]
        shape = ((first.shape[0] + 1) // 2, (first.shape[1] + 1) // 2)
        half, second_half = np.empty(shape), np.empty(shape)
        _halve(first, half)
        _halve(second, second_half)
        first, second = half, second_half
    return result
