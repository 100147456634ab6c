"""Writes the observations of preset `mnist`: the fields of `rlcodec.presets.mnist.decisions.LAYOUT`."""

import numpy as np

from rlcodec.control.objective import KINDS, decibels_of, distortion_in
from rlcodec.control.observation import advice_layout, limited, write_advice
from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.mnist.cost_to_go import budget_costs, named_costs
from rlcodec.presets.mnist.decisions import (
    ACTIONS,
    BUDGET_PHASE,
    FIRST_TIER_ACTION,
    KMAC_SCALES,
    LAYOUT,
    NETWORK_TIERS,
    STOP_ACTION,
)
from rlcodec.presets.mnist.measurements import STATISTICS
from rlcodec.presets.mnist.objectives import RATE_RANGE

RANGES = np.array([RATE_RANGE[kind] for kind in KINDS])
TIER_COUNT, NETWORK_COUNT, STATISTIC_COUNT = len(TIERS), len(NETWORK_TIERS), len(STATISTICS)

ADVICE_FIELDS = len(advice_layout(ACTIONS))
PHASE, PROGRESS, BUDGET, TIER, RATE, COMPUTE, QUALITY, NEXT, REST, IMAGE = (
    int(start) for start in np.cumsum([0, *(length for _, length, _ in LAYOUT[:-1])])[ADVICE_FIELDS:]
)
"""Where the fields behind those of `advice_layout` begin."""


@kernel
def write_observations(sizes, tables, state, which, ranges, change_bits, named, costs, legal, out):
    """Writes observations of some episodes.

    Args:
        sizes: a `Sizes`.
        tables: a `Tables`.
        state: a `StateArrays`.
        which: int64 (n,), the episodes.
        ranges: `RANGES`.
        change_bits: `CHANGE_BITS`.
        named: float64 (TIER_COUNT,), overwritten.
        costs: float64 (actions,), overwritten.
        legal: bool (actions,), overwritten.
        out: float32 (n, size), written.
    """
    most = sizes.slices
    for n in range(len(which)):
        e = which[n]
        i, kind, rate, compute = state.image[e], state.kind[e], state.lambda_rate[e], state.lambda_compute[e]
        choosing, slices, position = state.phase[e] == BUDGET_PHASE, state.slices[e], state.position[e]
        column = min(position if position < slices else position - slices + most, most + sizes.height - 1)
        if choosing:
            budget_costs(sizes, tables, state, e, costs)
            now = distortion_in(kind, state.slice_error[e, 0])
        else:
            pixels = sizes.height * sizes.width
            now = state.stop_value[e, column]
            named_costs(sizes, state, e, column, state.tier[e], rate / pixels, compute / pixels, change_bits, named)
            for a in range(ACTIONS):
                costs[a] = np.inf
            costs[STOP_ACTION] = now
            for tier in range(TIER_COUNT):
                costs[FIRST_TIER_ACTION + tier] = named[tier]
        for a in range(ACTIONS):
            legal[a] = costs[a] < np.inf
        write_advice(n, costs, legal, now, kind, rate, compute, ranges, out)
        for k in range(PHASE, IMAGE):
            out[n, k] = 0
        _write_progress(sizes, state, e, column, out[n])
        for k in range(STATISTIC_COUNT):
            out[n, IMAGE + k] = limited(tables.statistics[i, k] / (10.0 if k == STATISTIC_COUNT - 1 else 1.0))
        if choosing:
            out[n, QUALITY] = decibels_of(kind, state.slice_error[e, 0]) / 50
        else:
            out[n, QUALITY] = state.stop_db[e, column] / 50
            _write_segments(sizes, state, e, column, out[n])


@kernel
def _write_progress(sizes, state, e, column, out):
    """Writes where an episode is and what it has spent, into its observation."""
    pixels, slices, position = sizes.height * sizes.width, state.slices[e], state.position[e]
    out[PHASE + state.phase[e]] = 1
    out[TIER + state.tier[e]] = 1
    out[RATE] = limited(state.cost[e] / COST_UNIT / pixels)
    out[COMPUTE] = limited(state.macs[e] / MACS_PER_KMAC / pixels / 10)
    if state.phase[e] != BUDGET_PHASE:
        out[PROGRESS] = min(position / slices, 1.0) if slices > 0 else 1.0
        out[PROGRESS + 1] = max(column - sizes.slices, 0) / sizes.height
        out[BUDGET] = slices / sizes.slices


@kernel
def _write_segments(sizes, state, e, column, out):
    """Writes what is expected of the next segment and of all that remain, into an observation."""
    pixels, most = sizes.height * sizes.width, sizes.slices
    symbols = sizes.slice_symbols if column < most else sizes.width
    for tier in range(TIER_COUNT):
        out[NEXT + tier] = limited(state.segment_bits[e, tier, column] / symbols)
        rest = 0.0
        for k in range(column, most + sizes.height):
            if k < state.slices[e] or k >= most:
                rest += state.segment_bits[e, tier, k]
        out[REST + tier] = limited(rest / pixels)
    for k in range(NETWORK_COUNT):
        out[NEXT + TIER_COUNT + k] = limited(state.segment_kmac[e, NETWORK_TIERS[k], column] / symbols / KMAC_SCALES[k])
