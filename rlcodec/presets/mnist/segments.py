"""Segments of a stream of preset `mnist`, the bit budgets that decisions are made among, and the compute of the transforms."""

import functools

from rlcodec.core.integer_conv import latent_shape
from rlcodec.core.segment_choice import LATENT, PIXELS
from rlcodec.core.segments import Segment
from rlcodec.presets.mnist.weights import MnistWeights

BUDGET_SLICES = (0, 1, 2, 3, 4, 6, 8, 12, 16)
"""The bit budgets that a policy decides among, in whole latent slices."""


def bits_per_slice(height: int, width: int) -> int:
    """Binary latents of one latent slice of an image, whose height and width are in pixels."""
    rows, columns = latent_shape(height, width)
    return rows * columns


@functools.lru_cache
def segments_of(height: int, width: int, bit_budget: int) -> tuple[Segment, ...]:
    """All segments of an image: the latent slices that a bit budget touches, by importance, then the rows of pixels.

    Args:
        height: pixels.
        width: pixels.
        bit_budget: binary latents kept.
    """
    per_slice, touched = bits_per_slice(height, width), slices_touched(bit_budget, height, width)
    latents = (Segment(LATENT, i, min(per_slice, bit_budget - i * per_slice)) for i in range(touched))
    return *latents, *(Segment(PIXELS, y, width) for y in range(height))


def max_bit_budget(weights: MnistWeights, height: int, width: int) -> int:
    """Binary latents of an image, whose height and width are in pixels."""
    return weights.slices * bits_per_slice(height, width)


def slices_touched(bit_budget: int, height: int, width: int) -> int:
    """Latent slices that a bit budget touches, of an image in pixels; the networks know a budget by this number."""
    return -(-bit_budget // bits_per_slice(height, width))


@functools.lru_cache
def synthesis_macs(weights: MnistWeights, height: int, width: int) -> int:
    """Multiply-accumulates of the synthesis transform for an image in pixels, if any latents are kept.

    Without latents the reconstruction is a constant, whose computation is not counted.
    """
    rows, columns = latent_shape(height, width)
    total = 0
    for layer in weights.synthesis:
        total += layer.macs(rows, columns)
        rows, columns = rows * layer.shuffle, columns * layer.shuffle
    return total
