"""Codes the choices that `rlcodec.core.segment_choice` describes."""

from libc.stdint cimport int64_t

from rlcodec.core._range_coder cimport PROBABILITY_ONE, RangeCoder, code_decision


cdef int64_t code_choice(
    RangeCoder coder, int64_t tiers, int64_t change_probability, int64_t stop_probability, int64_t choice
) noexcept nogil:
    """Codes what the next segment is, in the coder's direction.

    Args:
        coder: remembers the tier of the segment before.
        tiers: how many tiers the segment can have, from the first on.
        change_probability: of another tier than before, in 1/65536.
        stop_probability: of stopping, in 1/65536.
        choice: STOP or a tier, when encoding.

    Returns:
        STOP or a tier. If the data are exhausted, the coder's `exhausted` is set.
    """
    cdef int64_t before = coder.state.previous_tier, left = tiers - 1, tier
    if code_decision(coder, stop_probability, choice == STOP) or coder.state.exhausted:
        return STOP
    if not code_decision(coder, change_probability, choice != before):
        return before
    # One of the other tiers, in their order, each as likely as the others.
    for tier in range(tiers):
        if tier == before:
            continue
        if left == 1 or code_decision(coder, PROBABILITY_ONE // left, choice == tier):
            if not coder.state.exhausted:
                coder.state.previous_tier = tier
            return tier
        left -= 1
    return STOP


def tiers_at(int64_t y, int64_t before):
    """How many tiers, from the first on, row `y` can have after one of tier `before`: `lm` starts at the first row or never."""
    return tier_count_at(y, before)
