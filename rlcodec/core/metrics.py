"""How far a picture is from the original."""

import functools
import math

import numpy as np

from rlcodec.core.kernel import array_kernel, kernel
from rlcodec.errors import OptionError

PEAK_SQUARED = 255.0**2
"""Square of the largest value of a sample, for PSNR."""
ROUNDING_LOSS = 2e-4
"""Added to 1 - MS-SSIM, so that decibels stay finite (37.0 dB): what rounding to 8 bits takes off MS-SSIM where a picture is flat. A
variance of 1/12, a quarter of it at each coarser scale, is weighed against the contrast constant."""
WINDOW_TAPS, WINDOW_SIGMA = 11, 1.5
WINDOW_DECIMALS = 12
"""Taps are rounded, so that no library's last digit of an exponential matters."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""What each scale of MS-SSIM counts, from fine to coarse."""
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = 0.01**2 * PEAK_SQUARED, 0.03**2 * PEAK_SQUARED
MOMENTS = 4
"""Of two pictures: both means, the mean of the sum of their squares, the mean of their product."""


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures of one shape, over all channels, in dB; infinite when they agree."""
    mse = float(np.square(one.astype(np.float64) - other).mean())
    return 10 * math.log10(PEAK_SQUARED / mse) if mse else math.inf


def ms_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003), 0 to 1; the mean over channels.

    A Gaussian window of 11 taps where it fits whole, 2x2 means between the scales (beyond an odd side lie zeros), and as many
    of the five scales as the window fits into; the weights of fewer are scaled to a sum of 1. A side below 11 takes a window
    as long as it is. Sums of float64 in a fixed order.

    Args:
        one: uint8 (height, width) or (height, width, channels).
        other: the same.

    Raises:
        OptionError: the pictures are no such arrays, or differ in shape.
    """
    for picture in (one, other):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size:
            raise OptionError(f"MS-SSIM takes uint8 pictures; this is {picture.dtype} of shape {picture.shape}")
    if one.shape != other.shape:
        raise OptionError(f"MS-SSIM takes two pictures of one shape; these have {one.shape} and {other.shape}")
    windows = ms_ssim_windows(*one.shape[:2])
    ones, others = (np.moveaxis(a.reshape(*a.shape[:2], -1), 2, 0).astype(np.float64, order="C") for a in (one, other))
    return sum(ms_ssim_plane(*planes, *windows) for planes in zip(ones, others, strict=True)) / len(ones)


def ms_ssim_db(one: np.ndarray, other: np.ndarray) -> float:
    """MS-SSIM in decibels, -10 log10(1 - MS-SSIM + `ROUNDING_LOSS`): 37 dB when the pictures agree; arguments as `ms_ssim`."""
    return -10 * math.log10(max(1 - ms_ssim(one, other), 0) + ROUNDING_LOSS)


def ms_ssim_loss(one: np.ndarray, other: np.ndarray) -> np.float32:
    """1 - MS-SSIM, rounded as traces keep it: 0 when the pictures agree; arguments as `ms_ssim`."""
    return np.float32(1 - ms_ssim(one, other))


@functools.lru_cache(maxsize=64)
def ms_ssim_windows(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `ms_ssim_plane` needs for pictures of this size: windows down and across, float64, and the scales' weights."""
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
def _similarity(one, other, down, across, products, filtered, moments):
    """Mean contrast and structure of two planes, and mean similarity, which is luminance besides.

    Args:
        one: float64 (height, width).
        other: the same.
        down: float64 (m,), the window over rows.
        across: float64 (n,), over columns.
        products: float64 (MOMENTS * width,), working space: what the window weighs, of one row.
        filtered: float64 (m, MOMENTS * (width - n + 1)), working space: the last m rows, weighed across.
        moments: float64 (MOMENTS * (width - n + 1),), working space.
    """
    height, width = one.shape
    wide = width - across.shape[0] + 1
    contrasts = similarities = 0.0
    for y in range(height):
        for x in range(width):
            a, b = one[y, x], other[y, x]
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
    """Means of 2x2; an odd side begins and ends beyond the plane, with zeros."""
    height, width = plane.shape
    for y in range(half.shape[0]):
        for x in range(half.shape[1]):
            total = 0.0
            for v in range(max(2 * y - height % 2, 0), 2 * y - height % 2 + 2):
                for u in range(max(2 * x - width % 2, 0), 2 * x - width % 2 + 2):
                    total += plane[v, u]
            half[y, x] = total / 4


@array_kernel
def ms_ssim_plane(one, other, down, across, weights):
    """MS-SSIM of two planes, float64 (height, width) of values 0 to 255, with what `ms_ssim_windows` gives for their size."""
    products = np.empty(MOMENTS * one.shape[1])
    filtered = np.empty((down.shape[0], MOMENTS * (one.shape[1] - across.shape[0] + 1)))
    moments = np.empty(filtered.shape[1])
    result = 1.0
    for scale in range(weights.shape[0]):
        contrast, similarity = _similarity(one, other, down, across, products, filtered, moments)
        if scale == weights.shape[0] - 1:
            return result * max(similarity, 0.0) ** weights[scale]
        result *= max(contrast, 0.0) ** weights[scale]
        shape = ((one.shape[0] + 1) // 2, (one.shape[1] + 1) // 2)
        half, other_half = np.empty(shape), np.empty(shape)
        _halve(one, half)
        _halve(other, other_half)
        one, other = half, other_half
    return result
