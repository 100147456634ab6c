"""What an encoder knows of a photograph before it quantises: how large its coefficients are, counted once for all gains.

One pass sorts magnitudes into bins an eighth of an octave wide, by slice, for brightness and for colours. From the counts
follow, for every gain, about how many coefficients would be sent, how large, and what would be lost.
"""

import numpy as np

from rlcodec.kernel import kernel
from rlcodec.photo.blocks import BLOCK, PLANES
from rlcodec.photo.raster import SLICE_COUNT, SLICE_OF, step_of
from rlcodec.threads import side_by_side

BINS_PER_OCTAVE, OCTAVES = 8, 12
BINS = BINS_PER_OCTAVE * OCTAVES
"""Of magnitudes from 1 on, eight to an octave, evenly spaced within it; what is smaller or larger counts in the last on either
side."""
KINDS_OF_PLANES = 2
"""Brightness; the two others."""
MANTISSA_SHIFT = 20
FIRST_BIN = 127 * BINS_PER_OCTAVE
"""Sign aside, a float's bits shifted so are eight times its exponent and the first three bits of its mantissa."""
SENT_FROM = 0.62
"""Quantiser steps from which on a coefficient is likely to be sent."""
FEATURES = SLICE_COUNT * KINDS_OF_PLANES * 3
MOST_BLOCKS = 1 << 14
"""Of larger pictures only some strips are counted."""


@kernel
def _count(bits, slice_of, counts):
    """Counts magnitudes; `bits` are those of float32 coefficients, int32 (3, rows, columns, BLOCK, BLOCK)."""
    planes, rows, columns = bits.shape[:3]
    for plane in range(planes):
        of = counts[min(plane, KINDS_OF_PLANES - 1)]
        for y in range(rows):
            for x in range(columns):
                for u in range(BLOCK):
                    for v in range(BLOCK):
                        at = ((bits[plane, y, x, u, v] & 0x7FFFFFFF) >> MANTISSA_SHIFT) - FIRST_BIN
                        of[slice_of[u, v], min(max(at, 0), BINS - 1)] += 1


def count_magnitudes(strips: list[np.ndarray], workers: int | None = None) -> tuple[np.ndarray, int]:
    """Counts the magnitudes of a picture's coefficients.

    Args:
        strips: from `rlcodec.photo.codec.strips_of`.
        workers: threads.

    Returns:
        int64 (KINDS_OF_PLANES, SLICE_COUNT, BINS), and of how many pixels they are.
    """
    blocks = sum(s.shape[1] * s.shape[2] for s in strips)
    some = strips[:: max(1, -(-blocks // MOST_BLOCKS))]

    def run(part: slice) -> np.ndarray:
        counts = np.zeros((KINDS_OF_PLANES, SLICE_COUNT, BINS), np.int64)
        _count(some[part.start].view(np.int32), SLICE_OF, counts)
        return counts

    found = side_by_side(run, [slice(i, i + 1) for i in range(len(some))], workers)
    return np.sum(found, 0), sum(s.size for s in some) // PLANES


def _magnitudes() -> np.ndarray:
    """Middles of the bins, float64 (BINS,)."""
    octave, part = np.divmod(np.arange(BINS), BINS_PER_OCTAVE)
    middles = 2.0**octave * (1 + (part + 0.5) / BINS_PER_OCTAVE)
    middles[0] = 0.5
    return middles


def gain_features(counts: np.ndarray, pixels: int, gains: tuple[int, ...]) -> np.ndarray:
    """What counts of magnitudes say of some gains.

    Args:
        counts: from `count_magnitudes`.
        pixels: of how many these are.
        gains: indices of the quantiser's settings.

    Returns:
        float64 (gains, FEATURES): for brightness and colours and every slice, log2 of coefficients sent per million pixels, of
        the bits of their magnitudes, and of the squared error a pixel, each plus one.
    """
    steps = np.array([step_of(gain) for gain in gains])
    ratio = _magnitudes()[:, None] / steps
    # A bin that the threshold cuts counts in part.
    sent = np.clip((ratio / SENT_FROM - 1) * BINS_PER_OCTAVE + 0.5, 0, 1)
    lost = sent / 12 + (1 - sent) * ratio**2
    flat = counts.reshape(-1, BINS) * (1e6 / pixels)
    parts = [flat @ sent, flat @ (sent * np.log2(1 + ratio)), flat @ (lost * steps**2) / 1e4]
    return np.log2(1 + np.concatenate(parts)).T
