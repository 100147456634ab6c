"""Features that an encoder computes of a photograph before it quantises, from histograms of coefficients of blocks of 16x16.

One pass counts magnitudes in bins an eighth of an octave wide, by slice, of luma and of chroma, and blocks by their energy.
From the counts follow, for every gain, estimates of how many coefficients would be sent, how large they are, what would be
lost, and which share of the blocks is flat.
"""

from typing import NamedTuple

import numpy as np

from rlcodec.parallel.threads import side_by_side
from rlcodec.presets.photo._features import (
    BINS,
    BINS_PER_OCTAVE,
    BLOCK,
    ENERGY_BINS,
    ENERGY_BINS_PER_OCTAVE,
    KINDS_OF_PLANES,
    OCTAVES,
    count_bins,
    measure_blocks,
)
from rlcodec.presets.photo.colors import ColorTransform
from rlcodec.presets.photo.division import even_division
from rlcodec.presets.photo.transform import (
    AREA,
    PARTS,
    SIDES,
    SLICE_OF,
    SLICES,
    padded_size,
    planes_of,
    to_coefficients,
)

BLOCK_SLICES = SLICE_OF[PARTS[SIDES.index(BLOCK)]].astype(np.int64).reshape(BLOCK, BLOCK)
"""The slice of each coefficient of a block of 16x16 pixels, int64 (BLOCK, BLOCK)."""
SENT_FROM = 0.62
"""Magnitude in quantiser steps from which on a coefficient is likely to be sent."""
LEAST_ENERGY = 2.0**-8
"""Lower end of the first bin of the mean square of a block's luma without its mean."""
EVEN_BELOW = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Thresholds, in squared quantiser steps, below which a block's mean square counts as flat."""
CONTRAST = 3 * BLOCK**2 * (0.03 * 255) ** 2
"""The contrast constant of SSIM in units of a block's energy; luma has three times the variance of a colour channel."""
LEAST_UNLIKE = 1e-4
FEATURES = SLICES * KINDS_OF_PLANES * 3 + len(EVEN_BELOW) + 2 + SLICES - 1 + 1
MOST_BLOCKS = 512
"""In pictures with more blocks, every other row of blocks is left out, or more."""


class Counts(NamedTuple):
    """Counts over a picture.

    Attributes:
        magnitudes: int64 (KINDS_OF_PLANES, SLICES, BINS), coefficients by bin.
        blocks: int64 (ENERGY_BINS,), blocks by bin of their mean square.
        similar: float64 (gains, SLICES - 1), sums of similarities over blocks.
    """

    magnitudes: np.ndarray
    blocks: np.ndarray
    similar: np.ndarray


def block_rows(pixels: np.ndarray, skip: int = 1) -> np.ndarray:
    """Coefficients of every `skip`-th row of blocks of a strip, float32 (3, rows, columns, BLOCK**2); pixels are uint8 RGB."""
    planes = planes_of(pixels, ColorTransform().forward)
    count, height, width = planes.shape
    rows = planes.reshape(count, height // BLOCK, BLOCK, width)[:, ::skip]
    return to_coefficients(np.ascontiguousarray(rows).reshape(count, -1, width), BLOCK)


def count_magnitudes(pixels: np.ndarray, steps: np.ndarray, workers: int | None = None) -> Counts:
    """Counts the magnitudes of a picture's coefficients.

    Args:
        pixels: uint8 (height, width, 3).
        steps: float64 (gains,), of the quantiser.
        workers: threads; as many as there are cores if None.
    """
    height, width = padded_size(*pixels.shape[:2])
    skip = max(1, height * width // BLOCK**2 // MOST_BLOCKS)
    octaves = np.clip(np.log2(steps * SENT_FROM), 0, OCTAVES - 1e-3)
    # Magnitudes are taken as uniformly distributed within an octave.
    cuts = np.floor(octaves) + np.exp2(octaves % 1) - 1

    def run(strip: slice) -> Counts:
        counts = Counts(
            np.zeros((KINDS_OF_PLANES, SLICES, BINS), np.int64),
            np.zeros(ENERGY_BINS, np.int64),
            np.zeros((len(steps), SLICES - 1)),
        )
        blocks = block_rows(pixels[strip.start * AREA : strip.stop * AREA], skip)
        count_bins(blocks, BLOCK_SLICES, counts.magnitudes)
        measure_blocks(blocks, BLOCK_SLICES, steps, cuts, CONTRAST, LEAST_ENERGY, counts.blocks, counts.similar)
        return counts

    strips = even_division(len(pixels))
    return Counts(*(np.sum(tables, 0) for tables in zip(*side_by_side(run, strips, workers), strict=True)))


def gain_features(counts: Counts, steps: np.ndarray) -> np.ndarray:
    """The features of some gains.

    Args:
        counts: from `count_magnitudes`.
        steps: float64 (gains,), those of the counts.

    Returns:
        float64 (gains, FEATURES): for luma and chroma and every slice log2 of one plus the number of coefficients sent per
        million pixels, the bits of their magnitudes, and the squared error; the share of flat blocks at each threshold; mean
        and standard deviation of log2 of the blocks' mean squares; log2 of the mean dissimilarity of blocks if slices up to
        each are sent; and log2 of the step.
    """
    octave, part = np.divmod(np.arange(BINS), BINS_PER_OCTAVE)
    magnitudes = 2.0**octave * (1 + (part + 0.5) / BINS_PER_OCTAVE)  # at the middle of each bin
    magnitudes[0] = 0.5
    ratio = magnitudes[:, None] / steps
    # The bin that holds the threshold counts in part.
    sent = np.clip((ratio / SENT_FROM - 1) * BINS_PER_OCTAVE + 0.5, 0, 1)
    lost = sent / 12 + (1 - sent) * ratio**2
    blocks = counts.blocks.sum()
    flat = counts.magnitudes.reshape(-1, BINS) * (1e6 / (blocks * BLOCK**2))
    parts = [flat @ sent, flat @ (sent * np.log2(1 + ratio)), flat @ (lost * steps**2) / 1e4]

    octaves = np.arange(ENERGY_BINS + 1) / ENERGY_BINS_PER_OCTAVE + np.log2(LEAST_ENERGY)
    below = np.concatenate([[0], np.cumsum(counts.blocks)]) / blocks
    even = [np.interp(np.log2(limit * steps**2), octaves, below) for limit in EVEN_BELOW]
    middles = np.log2(np.exp2(octaves[:-1, None] + 0.25) / steps**2 + 1e-3)
    share = counts.blocks / blocks
    mean = share @ middles
    deviation = np.sqrt(np.maximum(share @ middles**2 - mean**2, 0))
    unlike = np.log2(1 - counts.similar.T / blocks + LEAST_UNLIKE)
    return np.concatenate([np.log2(1 + np.concatenate(parts)), even, [mean / 4, deviation / 2], unlike, [np.log2(steps)]]).T
