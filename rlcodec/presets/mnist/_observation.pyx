"""Writes the observations of preset `mnist`: the fields of `rlcodec.presets.mnist.decisions.LAYOUT`."""

cimport cython

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from rlcodec.control._objective cimport KIND_COUNT, decibels_of, distortion_of, measure_of
from rlcodec.control._observation cimport limited, write_advice, write_objective
from rlcodec.core._segment_choice cimport TIER_COUNT
from rlcodec.presets.mnist._cost_to_go cimport budget_costs, named_costs
from rlcodec.presets.mnist._decisions cimport BUDGET_PHASE, FIRST_TIER_ACTION, STOP_ACTION
from rlcodec.presets.mnist._tables cimport (
    OBJECTIVE_FIELDS,
    Sizes,
    StateArrays,
    Tables,
    bits_of,
    check_rows,
    check_sizes,
    kmac_of,
    row_error,
)

from rlcodec.control.observation import advice_layout, rate_limits
from rlcodec.presets.mnist.decisions import ACTIONS, KMAC_SCALES, LAYOUT, NETWORK_TIERS, OBSERVATION_SIZE
from rlcodec.presets.mnist.objectives import RATE_RANGE

# Where the fields behind those of `advice_layout` begin.
cdef int64_t PHASE, PROGRESS, BUDGET, TIER, RATE, COMPUTE, QUALITY, NEXT, REST, IMAGE
PHASE, PROGRESS, BUDGET, TIER, RATE, COMPUTE, QUALITY, NEXT, REST, IMAGE = np.cumsum(
    [length for _, length, _ in LAYOUT]
)[len(advice_layout(ACTIONS)) - 1:len(LAYOUT) - 1].tolist()

cdef const double[:, ::1] ranges = rate_limits(RATE_RANGE)
cdef const int64_t[::1] network_tiers = np.array(NETWORK_TIERS, np.int64)
cdef const double[::1] kmac_scales = np.array(KMAC_SCALES)


@cython.cdivision(True)
cdef void write_progress(Sizes sizes, StateArrays state, int64_t e, int64_t column, float* out) noexcept nogil:
    """Writes where an episode is and what it has spent, into its observation."""
    cdef double pixels = <double>sizes.pixels, slices = <double>state.slices[e]
    out[PHASE + state.phase[e]] = 1
    out[TIER + state.tier[e]] = 1
    out[RATE] = <float>limited(bits_of(state.cost[e]) / pixels)
    out[COMPUTE] = <float>limited(kmac_of(state.macs[e]) / pixels / 10)
    if state.phase[e] != BUDGET_PHASE:
        out[PROGRESS] = <float>min(state.position[e] / slices, 1.0) if slices > 0 else 1
        out[PROGRESS + 1] = <float>(max(column - sizes.slices, 0) / <double>sizes.height)
        out[BUDGET] = <float>(slices / sizes.slices)


@cython.cdivision(True)
cdef void write_segments(Sizes sizes, StateArrays state, int64_t e, int64_t column, float* out) noexcept nogil:
    """Writes what is expected of the next segment and of all that remain, into an observation."""
    cdef int64_t most = sizes.slices, total = sizes.slices + sizes.height, kept = state.slices[e], tier, k
    cdef double symbols = <double>(sizes.slice_symbols if column < most else sizes.width)
    cdef const double* bits = &state.segment_bits[e, 0, 0]
    cdef double[TIER_COUNT] rest
    for tier in range(TIER_COUNT):
        rest[tier] = 0.0
        out[NEXT + tier] = <float>limited(bits[TIER_COUNT * column + tier] / symbols)
    for k in range(column, kept):
        for tier in range(TIER_COUNT):
            rest[tier] += bits[TIER_COUNT * k + tier]
    for k in range(max(column, most), total):
        for tier in range(TIER_COUNT):
            rest[tier] += bits[TIER_COUNT * k + tier]
    for tier in range(TIER_COUNT):
        out[REST + tier] = <float>limited(rest[tier] / sizes.pixels)
    for k in range(network_tiers.shape[0]):
        out[NEXT + TIER_COUNT + k] = <float>limited(
            state.segment_kmac[e, column, network_tiers[k]] / symbols / kmac_scales[k]
        )


cdef void copy_objective(StateArrays state, int64_t e, float* out) noexcept nogil:
    """Writes the fields of the objective, which are computed once an episode."""
    cdef double kind = <double>state.kind[e], rate = state.lambda_rate[e], compute = state.lambda_compute[e]
    cdef double* seen = &state.objective_of_fields[e, 0]
    if seen[0] != kind or seen[1] != rate or seen[2] != compute:
        write_objective(state.kind[e], rate, compute, &ranges[0, 0], KIND_COUNT, &state.objective_fields[e, 0])
        seen[0], seen[1], seen[2] = kind, rate, compute
    memcpy(out, &state.objective_fields[e, 0], OBJECTIVE_FIELDS * sizeof(float))


@cython.cdivision(True)
cdef void write_observation(
    Sizes sizes, Tables tables, StateArrays state, int64_t e, double* costs, uint8_t* legal, int64_t actions, float* out
) noexcept nogil:
    """Writes the observation of an episode.

    Args:
        costs: (actions,), overwritten.
        legal: (actions,), overwritten.
        actions: how many.
        out: written.
    """
    cdef int64_t i = state.image[e], kind = state.kind[e], slices = state.slices[e], position = state.position[e]
    cdef int64_t most = sizes.slices, statistics = tables.statistics.shape[1], column, a, k
    cdef double error, now
    column = min(position if position < slices else position - slices + most, most + sizes.height - 1)
    memset(out + PHASE, 0, (IMAGE - PHASE) * sizeof(float))
    if state.phase[e] == BUDGET_PHASE:
        error = state.slice_error[e, 0]
        now = distortion_of(kind, error)
        budget_costs(sizes, tables, state, e, costs, actions)
    else:
        if column < most:
            error = state.slice_error[e, column]
        else:
            error = row_error(sizes, tables, measure_of[kind], i, state.budget[e], column - most)
        now = costs[STOP_ACTION] = state.stop_value[e, column]
        named_costs(sizes, state, e, column, costs + FIRST_TIER_ACTION)
        for a in range(FIRST_TIER_ACTION + TIER_COUNT, actions):
            costs[a] = INFINITY
        write_segments(sizes, state, e, column, out)
    for a in range(actions):
        legal[a] = costs[a] < INFINITY
    write_advice(costs, legal, actions, now, state.lambda_rate[e], state.lambda_compute[e], out)
    copy_objective(state, e, out + 2 * actions + 1)
    write_progress(sizes, state, e, column, out)
    out[QUALITY] = <float>(decibels_of(kind, error) / 50)
    for k in range(statistics - 1):
        out[IMAGE + k] = <float>limited(tables.statistics[i, k])
    out[IMAGE + statistics - 1] = <float>limited(tables.statistics[i, statistics - 1] / 10)


def write_observations(Sizes sizes, Tables tables, StateArrays state, const int64_t[::1] rows, float[:, ::1] out):
    """Writes observations of some episodes.

    Args:
        sizes: of the images.
        tables: of measurements and predictions.
        state: of the episodes.
        rows: int64 (n,), which of them.
        out: float32 (n, OBSERVATION_SIZE), written.
    """
    cdef double[::1] costs = np.empty(ACTIONS)
    cdef uint8_t[::1] legal = np.empty(ACTIONS, np.uint8)
    cdef int64_t n
    check_sizes(sizes, state)
    check_rows(state, rows)
    if out.shape[0] != rows.shape[0] or out.shape[1] != OBSERVATION_SIZE:
        raise ValueError(f"observations of {rows.shape[0]} episodes have shape {(rows.shape[0], OBSERVATION_SIZE)}")
    with nogil:
        for n in range(rows.shape[0]):
            write_observation(
                sizes, tables, state, rows[n], &costs[0], &legal[0], costs.shape[0], &out[n, 0]
            )
