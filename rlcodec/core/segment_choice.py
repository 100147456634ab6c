"""What the next segment of a stream is: the end, or a segment coded in one of the tiers."""

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
"""Where the latents end and the pixels begin, when there are latents: the place where most lossy streams stop."""
CHANGE_PROBABILITY = PROBABILITY_ONE // 16
"""Of another tier than the segment before; the first segment follows a fictitious one of tier `context`."""
FIRST_ROW_CHANGE_PROBABILITY = PROBABILITY_ONE // 4
"""The same at the first row of pixels, the only place where `lm` can begin."""


@kernel
def code_choice(state, data, costs, tiers, change_probability, stop_probability, choice):
    """Codes what the next segment is, in the direction of the coder's state.

    Args:
        state: coder state; remembers the tier of the segment before.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        tiers: how many tiers can be named here, from the first on.
        change_probability: of another tier than before, in 1/65536.
        stop_probability: of stopping here, in 1/65536.
        choice: STOP or a tier, when encoding.

    Returns:
        STOP or a tier. When the data is exhausted, `state[EXHAUSTED]` is set.
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
