"""The choice at the start of every segment: stop, or the tier in which the segment is coded."""

import numpy as np

from rlcodec.core._segment_choice import (
    CHANGE_PROBABILITY,
    CONTEXT,
    FIRST_ROW_CHANGE_PROBABILITY,
    LATENT_TIERS,
    LM,
    STOP,
    STOP_BEFORE_PIXELS_PROBABILITY,
    STOP_PROBABILITY,
    TABLE,
    TIER_COUNT,
    tiers_at,
)
from rlcodec.core.range_coder import COSTS, PROBABILITY_ONE

__all__ = [
    "CHANGE_PROBABILITY",
    "CONTEXT",
    "FIRST_ROW_CHANGE_PROBABILITY",
    "LATENT",
    "LATENT_TIERS",
    "LM",
    "PIXELS",
    "STOP",
    "STOP_BEFORE_PIXELS_PROBABILITY",
    "STOP_PROBABILITY",
    "TABLE",
    "TIERS",
    "TIER_COUNT",
    "change_costs",
    "tiers_at",
]

TIERS = ("table", "context", "lm")
LATENT, PIXELS = "latent", "pixels"


def change_costs(kind: str, index: int) -> np.ndarray:
    """Code length of a segment's tier in 1/COST_UNIT bit: float64 (tier before, tier), infinite if the tier is illegal.

    Args:
        kind: LATENT or PIXELS.
        index: of the slice or row.
    """
    change = FIRST_ROW_CHANGE_PROBABILITY if (kind, index) == (PIXELS, 0) else CHANGE_PROBABILITY
    costs = np.full((TIER_COUNT, TIER_COUNT), np.inf)
    for before in range(TIER_COUNT):
        tiers = LATENT_TIERS if kind == LATENT else tiers_at(index, before)
        for tier in range(tiers):
            # All other tiers are equally likely: one bit if there are two.
            other = COSTS[change] + (COSTS[PROBABILITY_ONE // 2] if tiers > 2 else 0)
            costs[before, tier] = COSTS[PROBABILITY_ONE - change] if tier == before else other
    return costs
