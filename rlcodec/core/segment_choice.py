"""The choice at the start of every segment: stop, or the tier in which the segment is coded."""

import numpy as np

from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import COSTS, EXHAUSTED, PREVIOUS_TIER, PROBABILITY_ONE, code_decision

TABLE, CONTEXT, LM = 0, 1, 2
TIERS = ("table", "context", "lm")
LATENT_TIERS = 2
"""Latent slices have the first two tiers only."""
STOP = -1
STOP_PROBABILITY = PROBABILITY_ONE // 64
STOP_BEFORE_PIXELS_PROBABILITY = PROBABILITY_ONE // 4
"""Probability of stopping between latents and pixels, if there are latents: most lossy streams stop there."""
CHANGE_PROBABILITY = PROBABILITY_ONE // 16
"""Probability of another tier than that of the segment before; the first segment follows a fictitious one of tier `context`."""
FIRST_ROW_CHANGE_PROBABILITY = PROBABILITY_ONE // 4
"""The same at the first row of pixels, the only segment where tier `lm` can begin."""


@kernel
def code_choice(state, data, costs, tiers, change_probability, stop_probability, choice):
    """Codes what the next segment is, in the direction of the coder's state.

    Args:
        state: coder state; remembers the tier of the segment before.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        tiers: how many tiers the segment can have, from the first on.
        change_probability: of another tier than before, in 1/65536.
        stop_probability: of stopping, in 1/65536.
        choice: STOP or a tier, when encoding.

    Returns:
        STOP or a tier. If the data are exhausted, `state[EXHAUSTED]` is set.
    """
    stop = code_decision(state, data, costs, stop_probability, 1 if choice == STOP else 0)
    if stop or state[EXHAUSTED]:
        return STOP
    before = state[PREVIOUS_TIER]
    if not code_decision(state, data, costs, change_probability, 0 if choice == before else 1):
        return before
    # One of the other tiers, in their order, each as likely as the others.
    left = tiers - 1
    for tier in range(tiers):
        if tier == before:
            continue
        if left == 1 or code_decision(state, data, costs, PROBABILITY_ONE // left, 1 if choice == tier else 0):
            if not state[EXHAUSTED]:
                state[PREVIOUS_TIER] = tier
            return tier
        left -= 1
    return STOP


LATENT, PIXELS = "latent", "pixels"
TIER_COUNT = len(TIERS)


@kernel
def tiers_at(y, before):
    """How many tiers, from the first on, row `y` can have after one of tier `before`: `lm` starts at the first row or never."""
    return TIER_COUNT if y == 0 or before == LM else TIER_COUNT - 1


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
