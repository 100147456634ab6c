"""What decisions cost in bits; `rlcodec.presets.mnist.decisions` says what they are."""

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t

from rlcodec.core._range_coder cimport COST_UNIT, PROBABILITY_ONE
from rlcodec.core._segment_choice cimport STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TIER_COUNT

from rlcodec.core._range_coder import cost_table
from rlcodec.core.segment_choice import LATENT, PIXELS, change_costs

CHANGE_COSTS = np.stack([change_costs(LATENT, 0), change_costs(PIXELS, 0), change_costs(PIXELS, 1)])


cdef void fill_costs(const int32_t[::1] costs, const double[:, :, ::1] changes) noexcept:
    """Sets all costs, and what is legal, from the code lengths of decisions and from CHANGE_COSTS."""
    cdef int64_t[2] stop = [STOP_PROBABILITY, STOP_BEFORE_PIXELS_PROBABILITY]
    cdef int64_t i, before, tier
    for i in range(2):
        stop_cost[i], go_cost[i] = costs[stop[i]], costs[PROBABILITY_ONE - stop[i]]
        stop_bits[i], go_bits[i] = stop_cost[i] / COST_UNIT, go_cost[i] / COST_UNIT
    for i in range(SEGMENT_CLASSES):
        for before in range(TIER_COUNT):
            legal_actions[i][before] = 1 << STOP_ACTION
            for tier in range(TIER_COUNT):
                change_cost[i][before][tier] = changes[i, before, tier]
                change_bits[i][before][tier] = changes[i, before, tier] / COST_UNIT
                if changes[i, before, tier] < INFINITY:
                    legal_actions[i][before] |= 1 << (FIRST_TIER_ACTION + tier)


fill_costs(cost_table(), CHANGE_COSTS)


def tier_cost(int64_t position, int64_t slices, int64_t before, int64_t tier):
    """Cost of going on with a tier after another in 1/COST_UNIT bit.

    Args:
        position: segments before it.
        slices: latent slices that the bit budget keeps.
        before: tier of the previous segment.
        tier: legal after it.

    Raises:
        ValueError: there is no such tier.
    """
    if not (0 <= before < TIER_COUNT and 0 <= tier < TIER_COUNT):
        raise ValueError(f"there is no tier {tier} after {before}")
    return cost_of_tier(position, slices, before, tier)
