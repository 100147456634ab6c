"""The raster-encoder of photographs: codes quantised coefficients block by block, with one loop for both directions.

Areas are coded in raster order, their blocks one after another, and of each block its three planes. The first slice holds what
was chosen for each area, and the constant coefficients, as differences from a prediction by the means around them. Each further
slice holds the diagonals of a band of frequencies. Before each diagonal of a block a decision says whether any coefficient of
the slice is left that is not zero. A magnitude is a path down a chain of binary decisions ("more than 0?", "more than 1?", and
so on). Their probabilities come from adaptive counters, chosen by the magnitude that is expected: a weighted sum of magnitudes
around, in this block, in blocks to the left and above, of coarser frequencies also to the right and below, and in the planes
before. Tier `table` takes the probability of one counter, tier `context` a mixture of four. Signs are coded with probability
1/2.

Quantisation is dependent: the parity of a magnitude chooses which of two quantisers, half a step apart, the next coefficient
has. When encoding, the loop also quantises: a trellis over the four states finds the values of a block with the smallest sum of
squared error and lambda times bits, by the counters of tier `table`. `docs/format.md` has every detail.
"""

from rlcodec.presets.photo._coefficient_coder import (
    COUNTERS,
    EXPECTATIONS,
    INPUTS,
    LEVELS,
    MIXERS,
    UNIT,
    WEIGHT_UNIT,
    StripState,
    code_slice,
)

__all__ = ["COUNTERS", "EXPECTATIONS", "INPUTS", "LEVELS", "MIXERS", "UNIT", "WEIGHT_UNIT", "StripState", "code_slice"]
