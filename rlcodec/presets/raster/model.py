"""The parts of the model of preset `raster`, and what they are: predictions, contexts, candidates.

**Samples.** A sample is predicted by six fixed formulas of its neighbours, and in tiers `context` and `ensemble` by linear
predictions whose weights are fitted to the samples around: a block of samples is predicted with the least squares solution
over the blocks to its left and above, which count the less the further away they are. Inputs are the samples around, and those
of the planes before at the same place, as differences from a mean. Solutions are exact integers: an LDL decomposition in 64
bits of sums that fade by shifts. Wu, Barthel and Zhang, "Piecewise 2D Autoregression for Predictive Image Coding" (ICIP 1998),
and Li and Orchard, "Edge-Directed Prediction for Lossless Compression of Natural Images" (IEEE Transactions on Image
Processing, 2001), fit to a window around each sample; sums by blocks cost a small part of that. The predictions are blended
by the inverse squares of their errors around, as in Meyer and Tischer, "TMW: a New Method for Lossless Image Compression" (PCS
1997), and the mean error of a texture is added, as in Wu and Memon, "Context-Based, Adaptive, Lossless Image Coding" (IEEE
Transactions on Communications, 1997).

The residual is coded as binary decisions: whether it is 0, its sign, a number of steps, and what is left within a step, whose
size follows the errors around. The probabilities come from adaptive counters, by the errors around, by residuals and by how
far the predictions lie apart; tiers that have several mix them.

**Pixels.** In screens and drawings most pixels repeat. Tables say which pixel followed the last time in the same surroundings,
of 20, 12, 6 and 3 pixels. These pixels and the neighbours are candidates: decisions say whether the pixel is one of them. A
pixel that is none is coded bit by bit, or as samples.
"""

import numpy as np

from rlcodec.presets.raster._pixel_coder import PIXEL_COUNTERS, PIXEL_MIXERS, SMALL_HASHED, SMALL_PIXELS
from rlcodec.presets.raster._sample_coder import (
    CLASSES,
    COARSE_COUNTERS,
    CONTEXT,
    ENSEMBLE,
    FIRST_COARSE,
    FIRST_PAIR,
    FRACTIONS,
    GROUPS,
    LEVELS,
    MOST_PLANES,
    NODES,
    PAIRS,
    SAMPLE_COUNTERS,
    SAMPLE_MIXERS,
    TABLE,
)
from rlcodec.presets.raster._strip import PIXELS, PIXELS_OR_SAMPLES, PRICED_COLUMNS, SAMPLES, code_strip

COUNTERS = SAMPLE_COUNTERS + PIXEL_COUNTERS
MIXERS = SAMPLE_MIXERS + PIXEL_MIXERS
COUNTER_GROUPS = (
    (0, (CLASSES, LEVELS, FRACTIONS, NODES)),
    (FIRST_PAIR, (CLASSES, LEVELS // 2, PAIRS, NODES)),
    *((FIRST_COARSE + i * COARSE_COUNTERS, (CLASSES, LEVELS // 4, PAIRS, NODES)) for i in range(GROUPS - 2)),
)
"""The first counter of each group of samples, and the shape of the group: class of the plane, level of the errors around,
further context, decision."""
METHODS = (SAMPLES, PIXELS, PIXELS_OR_SAMPLES)
METHOD_NAMES = ("samples", "pixels", "pixels or samples")


def first_plane_counters() -> np.ndarray:
    """Indices of the counters of samples of a first plane, and of pixels, int64."""
    parts = [np.arange(first, first + int(np.prod(shape[1:]))) for first, shape in COUNTER_GROUPS]
    return np.concatenate([*parts, np.arange(SAMPLE_COUNTERS, COUNTERS)])


__all__ = [
    "CONTEXT",
    "COUNTERS",
    "COUNTER_GROUPS",
    "ENSEMBLE",
    "METHODS",
    "METHOD_NAMES",
    "MIXERS",
    "MOST_PLANES",
    "PIXELS",
    "PIXELS_OR_SAMPLES",
    "PRICED_COLUMNS",
    "SAMPLES",
    "SAMPLE_COUNTERS",
    "SAMPLE_MIXERS",
    "SMALL_HASHED",
    "SMALL_PIXELS",
    "TABLE",
    "code_strip",
    "first_plane_counters",
]
