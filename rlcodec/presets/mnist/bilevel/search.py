"""Finds a bilevel source that renders to exactly the gray levels of a digit: the cheapest that a beam search finds.

For each side from the smallest on, constraint propagation finds the source pixels that the gray levels determine, or that they
contradict each other. A beam search then chooses the others in raster order of the box, and the source is rendered to compare.
"""

import numpy as np

from rlcodec.core._range_coder import PROBABILITY_ONE, cost_table
from rlcodec.presets.mnist.bilevel._search import Beam, SourceFinder
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource, all_grids

__all__ = ["BEAMS", "Beam", "SourceFinder", "find_source", "source_prior"]

BEAMS = (96, 1024)
"""Widths of the beam; the second is tried if the first finds nothing."""


def source_prior(near: np.ndarray) -> np.ndarray:
    """Costs of source pixels, int32 (PRIOR_CONTEXTS, 2), from probabilities of ink by `near_context`, in 1/65536."""
    ink, costs = np.asarray(near), np.asarray(cost_table())
    return np.stack([costs[PROBABILITY_ONE - ink], costs[ink]], 1)


def find_source(pixels: np.ndarray, prior: np.ndarray) -> BilevelSource | None:
    """The cheapest source that renders exactly to an image.

    Args:
        pixels: uint8 (height, width).
        prior: int32 (PRIOR_CONTEXTS, 2), cost of a source pixel by `near_context`.

    Returns:
        The source with its place in the image; None if none was found.
    """
    finder = SourceFinder(all_grids(), prior)
    for width in BEAMS:
        source = finder.find(pixels, Beam(width))
        if source:
            return BilevelSource(*source)
    return None
