"""The segments of a stream: which there are, what deciding on them costs, and the compute of the transforms."""

from dataclasses import dataclass

import numpy as np

from rlcodec.coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.kernel import kernel
from rlcodec.model import Model
from rlcodec.stream import (
    CHANGE_PROBABILITY,
    FIRST_ROW_CHANGE_PROBABILITY,
    LATENT_TIERS,
    LM,
    STOP,
    TIERS,
)
from rlcodec.transform import latent_shape

LATENT, PIXELS = "latent", "pixels"
TIER_COUNT = len(TIERS)
MACS_PER_KMAC = 1000


@dataclass(frozen=True)
class Segment:
    """A place in the stream: a latent slice or a row of pixels.

    Attributes:
        kind: "latent" or "pixels".
        index: of the slice or row.
        symbols: bits of the slice that the budget keeps, or pixels of the row.
    """

    kind: str
    index: int
    symbols: int


@dataclass(frozen=True)
class CodedSegment:
    """What a segment cost, its own choice included.

    Attributes:
        segment: which.
        tier: index into `TIERS`; STOP for the mark that ends a stream early.
        cost: code length in 1/COST_UNIT bit.
        macs: multiply-accumulates that the decoder spends on it.
        complete: False where a cut stream ended inside it.
    """

    segment: Segment
    tier: int
    cost: int
    macs: int
    complete: bool = True

    @property
    def bits(self) -> float:
        """Code length in bits."""
        return self.cost / COST_UNIT

    @property
    def tier_name(self) -> str:
        """Name of the tier, or "stop"."""
        return "stop" if self.tier == STOP else TIERS[self.tier]


def segments_of(model: Model, height: int, width: int, bit_budget: int) -> tuple[Segment, ...]:
    """All segments of an image under a bit budget: latent slices in order of importance, then rows of pixels."""
    rows, columns = latent_shape(height, width)
    per_slice = rows * columns
    latents = (Segment(LATENT, i, min(per_slice, bit_budget - i * per_slice)) for i in range(-(-bit_budget // per_slice)))
    return *latents, *(Segment(PIXELS, y, width) for y in range(height))


def max_bit_budget(model: Model, height: int, width: int) -> int:
    """Binary latents of an image of this size."""
    rows, columns = latent_shape(height, width)
    return model.slices * rows * columns


def budget_index(bit_budget: int, height: int, width: int) -> int:
    """Slices that a budget touches; the networks know a budget by this number."""
    rows, columns = latent_shape(height, width)
    return -(-bit_budget // (rows * columns))


def synthesis_macs(model: Model, height: int, width: int, bit_budget: int) -> int:
    """Multiply-accumulates of the synthesis transform; none without latents, when its output is a constant."""
    if not bit_budget:
        return 0
    rows, columns = latent_shape(height, width)
    total = 0
    for layer in model.synthesis:
        total += layer.macs(rows, columns)
        rows, columns = rows * layer.shuffle, columns * layer.shuffle
    return total


def analysis_macs(model: Model, height: int, width: int) -> int:
    """Multiply-accumulates of the analysis transform."""
    rows, columns = (4 * n for n in latent_shape(height, width))
    total = 0
    for layer in model.analysis:
        total += layer.macs(rows, columns)
        rows, columns = -(-rows // layer.stride), -(-columns // layer.stride)
    return total


@kernel
def tiers_at(y, before):
    """How many tiers, from the first on, row `y` can have after `before`: `lm` starts at the first row, or not at all."""
    return TIER_COUNT if y == 0 or before == LM else TIER_COUNT - 1


def change_costs(kind: str, index: int) -> np.ndarray:
    """What naming a segment's tier costs, in 1/COST_UNIT bit: float64 (tier before, tier named), infinite where illegal.

    Args:
        kind: LATENT or PIXELS.
        index: of the slice or row.
    """
    change = FIRST_ROW_CHANGE_PROBABILITY if (kind, index) == (PIXELS, 0) else CHANGE_PROBABILITY
    costs = np.full((TIER_COUNT, TIER_COUNT), np.inf)
    for before in range(TIER_COUNT):
        tiers = LATENT_TIERS if kind == LATENT else tiers_at(index, before)
        for tier in range(tiers):
            # The choice among the others is even: one bit where there are two.
            other = COSTS[change] + (COSTS[PROBABILITY_ONE // 2] if tiers > 2 else 0)
            costs[before, tier] = COSTS[PROBABILITY_ONE - change] if tier == before else other
    return costs
