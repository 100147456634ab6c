"""Features that an encoder computes of a photograph before it quantises, from histograms of the coefficients.

One pass counts magnitudes in bins an eighth of an octave wide, by slice, of luma and of chroma, and blocks by their energy.
From the counts follow, for every gain, estimates of how many coefficients would be sent, how large they are, what would be
lost, and which share of the blocks is flat.
"""

from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import kernel
from rlcodec.parallel.threads import side_by_side
from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT, SLICE_OF
from rlcodec.presets.photo.transform import BLOCK

BINS_PER_OCTAVE, OCTAVES = 8, 12
BINS = BINS_PER_OCTAVE * OCTAVES
"""Bins of magnitudes from 1 on, eight to an octave, evenly spaced within it; the outermost bins also hold what lies beyond."""
KINDS_OF_PLANES = 2
"""Luma, and the two planes of chroma."""
MANTISSA_SHIFT = 20
FIRST_BIN = 127 * BINS_PER_OCTAVE
"""The bits of a float32 without its sign, shifted right by MANTISSA_SHIFT, are 8 * exponent + the first three bits of the
mantissa."""
SENT_FROM = 0.62
"""Magnitude in quantiser steps from which on a coefficient is likely to be sent."""
ENERGY_BINS, ENERGY_BINS_PER_OCTAVE, LEAST_ENERGY = 48, 2, 2.0**-8
"""Bins of the mean square of a block's luma without its mean."""
EVEN_BELOW = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Thresholds, in squared quantiser steps, below which a block's mean square counts as flat."""
CONTRAST = 3 * BLOCK**2 * (0.03 * 255) ** 2
"""The contrast constant of SSIM in units of a block's energy; luma has three times the variance of a colour channel."""
LEAST_UNLIKE = 1e-4
FEATURES = SLICE_COUNT * KINDS_OF_PLANES * 3 + len(EVEN_BELOW) + 2 + SLICE_COUNT - 1 + 1
MOST_BLOCKS = 512
"""In pictures with more blocks, every other row of blocks is left out, or more."""


@kernel
def _count(bits, skip, slice_of, counts):
    """Counts magnitudes in every `skip`-th row of blocks; `bits` are of float32, int32 (3, rows, columns, BLOCK, BLOCK)."""
    planes, rows, columns = bits.shape[:3]
    for plane in range(planes):
        of = counts[min(plane, KINDS_OF_PLANES - 1)]
        for y in range(0, rows, skip):
            for x in range(columns):
                for u in range(BLOCK):
                    for v in range(BLOCK):
                        at = ((bits[plane, y, x, u, v] & 0x7FFFFFFF) >> MANTISSA_SHIFT) - FIRST_BIN
                        of[slice_of[u, v], min(max(at, 0), BINS - 1)] += 1


@kernel
def _measure_blocks(coefficients, bits, skip, slice_of, steps, cuts, energy, count, blocks, similar):
    """Counts blocks by the mean square of their luma, and adds up how similar each would stay at every step.

    Args:
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK).
        bits: the same as int32.
        skip: one of so many rows of blocks is used.
        slice_of: int64 (BLOCK, BLOCK).
        steps: float64 (settings,), of the quantiser.
        cuts: float64 (settings,), octave below which coefficients are lost.
        energy: float64 (SLICE_COUNT, OCTAVES + 1), scratch buffer: sums of squares in all octaves before each.
        count: float64 of the same shape, scratch buffer: numbers of coefficients in all octaves before each.
        blocks: int64 (ENERGY_BINS,), receives numbers of blocks.
        similar: float64 (settings, SLICE_COUNT - 1), receives sums over blocks of SSIM's contrast and structure term, if slices
            up to each are sent.
    """
    _, rows, columns = bits.shape[:3]
    for y in range(0, rows, skip):
        for x in range(columns):
            for s in range(SLICE_COUNT):
                for o in range(OCTAVES + 1):
                    energy[s, o] = 0.0
                    count[s, o] = 0.0
            for u in range(BLOCK):
                for v in range(BLOCK):
                    at = ((bits[0, y, x, u, v] & 0x7FFFFFFF) >> (MANTISSA_SHIFT + 3)) - FIRST_BIN // BINS_PER_OCTAVE
                    octave, s = min(max(at, 0), OCTAVES - 1), slice_of[u, v]
                    energy[s, octave + 1] += coefficients[0, y, x, u, v] * coefficients[0, y, x, u, v]
                    count[s, octave + 1] += 1
            whole = 0.0
            for s in range(1, SLICE_COUNT):
                for o in range(OCTAVES):
                    energy[s, o + 1] += energy[s, o]
                    count[s, o + 1] += count[s, o]
                whole += energy[s, OCTAVES]
            octaves = np.log2(max(whole / BLOCK**2, LEAST_ENERGY) / LEAST_ENERGY)
            blocks[min(np.int64(octaves * ENERGY_BINS_PER_OCTAVE), ENERGY_BINS - 1)] += 1
            for g in range(steps.shape[0]):
                cut = np.int64(cuts[g])
                part, rounding = cuts[g] - cut, steps[g] * steps[g] / 12
                total, lost = 0.0, 0.0
                for s in range(1, SLICE_COUNT):
                    below = energy[s, cut] + part * (energy[s, cut + 1] - energy[s, cut])
                    sent = count[s, OCTAVES] - count[s, cut] - part * (count[s, cut + 1] - count[s, cut])
                    total += energy[s, OCTAVES]
                    lost += below + min(rounding * sent, energy[s, OCTAVES] - below)
                    kept = 2 * (total - lost) + CONTRAST
                    similar[g, s - 1] += kept / (kept + lost)


class Counts(NamedTuple):
    """Counts over a picture.

    Attributes:
        magnitudes: int64 (KINDS_OF_PLANES, SLICE_COUNT, BINS), coefficients by bin.
        blocks: int64 (ENERGY_BINS,), blocks by bin of their mean square.
        similar: float64 (gains, SLICE_COUNT - 1), sums of similarities over blocks.
    """

    magnitudes: np.ndarray
    blocks: np.ndarray
    similar: np.ndarray


def count_magnitudes(strips: list[np.ndarray], steps: np.ndarray, workers: int | None = None) -> Counts:
    """Counts the magnitudes of a picture's coefficients.

    Args:
        strips: from `rlcodec.presets.photo.strips.strips_of`.
        steps: float64 (gains,), of the quantiser.
        workers: threads; as many as there are cores if None.
    """
    blocks = sum(s.shape[1] * s.shape[2] for s in strips)
    skip = max(1, blocks // MOST_BLOCKS)
    octaves = np.clip(np.log2(steps * SENT_FROM), 0, OCTAVES - 1e-3)
    # Magnitudes are taken as uniformly distributed within an octave.
    cuts = np.floor(octaves) + np.exp2(octaves % 1) - 1

    def run(strip: np.ndarray) -> Counts:
        counts = Counts(
            np.zeros((KINDS_OF_PLANES, SLICE_COUNT, BINS), np.int64),
            np.zeros(ENERGY_BINS, np.int64),
            np.zeros((len(steps), SLICE_COUNT - 1)),
        )
        bits = strip.view(np.int32)
        _count(bits, skip, SLICE_OF, counts.magnitudes)
        energy, count = np.empty((2, SLICE_COUNT, OCTAVES + 1))
        _measure_blocks(strip, bits, skip, SLICE_OF, steps, cuts, energy, count, counts.blocks, counts.similar)
        return counts

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
