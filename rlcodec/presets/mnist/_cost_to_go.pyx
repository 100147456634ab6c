"""Predicted cost-to-go: the objective J that each action of an episode leads to, as far as an encoder can tell.

What an encoder has measured enters exactly, the rest by `MnistPredictor`. Before the bit budget is chosen, each budget is
weighed by the better of two simple continuations: latents alone, or all rows of pixels. Afterwards a dynamic programme over the
segments left finds the least J from every position on.

Functions share these arguments: `sizes` of the images, `tables` of measurements and predictions, `state` of the episodes, and
`e`, the row of an episode.
"""

cimport cython

import numpy as np

from libc.math cimport INFINITY, exp2
from libc.stdint cimport int64_t

from rlcodec.control._objective cimport KIND_COUNT, MEASURE_COUNT, distortion_of, floors, measure_of
from rlcodec.core._segment_choice cimport CONTEXT, LATENT_TIERS, TABLE, TIER_COUNT
from rlcodec.presets.mnist._decisions cimport (
    FIRST_ROW,
    SEGMENT_CLASSES,
    before_pixels,
    change_bits,
    class_at,
    go_bits,
    stop_bits,
)
from rlcodec.presets.mnist._tables cimport (
    KMAC_UNIT,
    ROW_FEATURES,
    ROW_OUTPUTS,
    Sizes,
    StateArrays,
    Tables,
    bits_of,
    check_rows,
    check_sizes,
    kmac_of,
    row_error,
    slice_error,
)

from rlcodec.control.objective import FLOORS, PEAKS
from rlcodec.presets.mnist.decisions import ACTIONS

# Limits of predicted log2 errors, by measure.
cdef double[MEASURE_COUNT] low_logs
cdef double[MEASURE_COUNT] high_logs
low_logs[:] = np.log2(FLOORS)
high_logs[:] = np.log2(PEAKS)


cdef void predict_errors(Sizes sizes, Tables tables, StateArrays state, int64_t e) noexcept nogil:
    """Writes predicted errors after 0 to s latent slices, in the measure of the episode's kind, into `state.slice_error`."""
    cdef int64_t measure = measure_of[state.kind[e]], count = sizes.slices + 1, s
    cdef const double* predicted = &tables.predicted[state.image[e], measure * count]
    for s in range(count):
        state.slice_error[e, s] = exp2(min(max(predicted[s], low_logs[measure]), high_logs[measure])) - floors[measure]


@cython.cdivision(True)
cdef void budget_costs(
    Sizes sizes, Tables tables, StateArrays state, int64_t e, double* costs, int64_t actions
) noexcept nogil:
    """Writes predicted J of choosing each bit budget; infinite for actions that are none.

    Args:
        costs: (actions,), written.
        actions: how many; at least the bit budgets.
    """
    cdef int64_t i = state.image[e], kind = state.kind[e], budgets = sizes.budgets, coded = 0, a, b, slices, tier
    cdef double rate = state.lambda_rate[e], compute = state.lambda_compute[e], pixels = <double>sizes.pixels
    cdef const double* predicted = &tables.predicted[i, MEASURE_COUNT * (sizes.slices + 1)]
    cdef double exact = distortion_of(kind, 0.0), synthesis = compute * kmac_of(sizes.synthesis_macs) / pixels
    cdef double[LATENT_TIERS] spent
    cdef double latent, table, context, kmac, lm, lm_kmac, stop
    for tier in range(LATENT_TIERS):
        spent[tier] = 0.0
    for a in range(budgets, actions):
        costs[a] = INFINITY
    for b in range(budgets):
        slices, latent = sizes.kept[b], 0.0
        table, context = max(predicted[b], 0.0), max(predicted[budgets + b], 0.0)
        lm, kmac = max(predicted[2 * budgets + b], 0.0), max(predicted[3 * budgets + b], 0.0)
        lm_kmac = max(predicted[4 * budgets + b], 0.0)
        if slices > 0:
            while coded < slices:
                for tier in range(LATENT_TIERS):
                    spent[tier] += (
                        rate * bits_of(tables.latent_cost[i, tier, coded])
                        + compute * kmac_of(tables.latent_macs[i, tier, coded])
                    ) / pixels
                coded += 1
            latent = spent[0]
            for tier in range(1, LATENT_TIERS):
                latent = min(latent, spent[tier])
            latent += synthesis
        else:  # rows without latents are measured
            table, context, kmac = tables.without_latents[i, 0], tables.without_latents[i, 1], tables.without_latents[i, 2]
        stop = distortion_of(kind, state.slice_error[e, slices]) + rate * stop_bits[slices > 0] / pixels
        costs[b] = latent + min(
            stop, exact + min(rate * table, min(rate * context + compute * kmac, rate * lm + compute * lm_kmac))
        )


cdef void choose_probes(
    Sizes sizes, Tables tables, StateArrays state, int64_t e, double* costs, int64_t actions, int64_t* probes
) noexcept nogil:
    """Writes the bit budgets that are predicted to be best, of equal ones the first.

    Args:
        costs: (actions,), overwritten.
        actions: how many.
        probes: (PROBES,), written: latent slices of the budgets.
    """
    cdef int64_t p, a, best
    budget_costs(sizes, tables, state, e, costs, actions)
    for p in range(PROBES):
        best = 0
        for a in range(sizes.budgets):
            if costs[a] < costs[best]:
                best = a
        probes[p] = sizes.kept[best]
        costs[best] = INFINITY


@cython.cdivision(True)
cdef void fill_cost_to_go(Sizes sizes, Tables tables, StateArrays state, int64_t e) noexcept nogil:
    """Writes what is predicted of the segments of an episode whose bit budget was chosen: bits, kMAC and cost-to-go."""
    cdef int64_t most = sizes.slices, total = sizes.slices + sizes.height, column, before, tier, segment
    cdef int64_t i = state.image[e], budget = state.budget[e], kept = state.slices[e], kind = state.kind[e]
    cdef int64_t measure = measure_of[kind]
    cdef double rate = state.lambda_rate[e] / sizes.pixels, compute = state.lambda_compute[e] / sizes.pixels, least
    cdef double[SEGMENT_CLASSES][TIER_COUNT][TIER_COUNT] named
    cdef double[TIER_COUNT] ahead
    cdef const double* bits = &state.segment_bits[e, 0, 0]
    cdef const double* kmac = &state.segment_kmac[e, 0, 0]
    cdef double* stop = &state.stop_value[e, 0]
    cdef double* go = &state.go_value[e, 0, 0]
    state.slice_error[e, kept] = row_error(sizes, tables, measure, i, budget, 0)
    fill_segments(sizes, tables, state, e)
    # Slices that the budget drops are no segments; nothing is written there.
    for column in range(kept):
        stop[column] = distortion_of(kind, state.slice_error[e, column]) + rate * stop_bits[0]
    for column in range(most, total + 1):
        stop[column] = distortion_of(kind, row_error(sizes, tables, measure, i, budget, column - most))
        if column < total:
            stop[column] += rate * stop_bits[before_pixels(column, most, kept)]
    for segment in range(SEGMENT_CLASSES):
        for before in range(TIER_COUNT):
            for tier in range(TIER_COUNT):
                named[segment][before][tier] = named_cost(rate, segment, kept, before, tier)
    for before in range(TIER_COUNT):
        go[TIER_COUNT * total + before] = stop[total]
    for column in range(total - 1, -1, -1):
        if kept <= column < most:
            continue
        segment = class_at(column, most)
        for tier in range(TIER_COUNT):
            ahead[tier] = rate * bits[TIER_COUNT * column + tier] + compute * kmac[TIER_COUNT * column + tier]
            ahead[tier] += go[TIER_COUNT * next_column(column, kept, most) + tier]
        for before in range(TIER_COUNT):
            least = stop[column]
            for tier in range(TIER_COUNT):
                least = min(least, ahead[tier] + named[segment][before][tier])
            go[TIER_COUNT * column + before] = least


cdef inline int64_t next_column(int64_t column, int64_t kept, int64_t most) noexcept nogil:
    """The column behind one: slices from `kept` on, of `most`, are dropped."""
    return most if column + 1 == kept else column + 1


cdef inline double named_cost(double rate, int64_t segment, int64_t kept, int64_t before, int64_t tier) noexcept nogil:
    """J of going on with a tier, without what is coded; infinite if it cannot be named.

    Args:
        rate: lambda_rate per pixel.
        segment: class of the segment.
        kept: latent slices that the bit budget keeps.
        before: tier of the previous segment.
        tier: that is named.
    """
    cdef double change = change_bits[segment][before][tier]
    return rate * (go_bits[segment == FIRST_ROW and kept > 0] + change) if change < INFINITY else INFINITY


@cython.cdivision(True)
cdef void fill_segments(Sizes sizes, Tables tables, StateArrays state, int64_t e) noexcept nogil:
    """Writes measured or predicted bits and kMAC of all segments of an episode."""
    cdef int64_t i = state.image[e], budget = state.budget[e], s, tier, row, f, k
    cdef const double* weights = &tables.row_weights[i % tables.row_weights.shape[0], 0, 0]
    cdef const int64_t* table_cost = &tables.pixel_cost[i, budget, TABLE, 0]
    cdef const int64_t* table_macs = &tables.pixel_macs[i, 0, TABLE, 0]
    cdef const int64_t* context_cost = &tables.pixel_cost[i, 0, CONTEXT, 0]
    cdef const int64_t* context_macs = &tables.pixel_macs[i, 0, CONTEXT, 0]
    cdef double* bits = &state.segment_bits[e, 0, 0]
    cdef double* kmac = &state.segment_kmac[e, 0, 0]
    cdef double so_far = 0.0
    cdef double[ROW_FEATURES] features
    cdef double[ROW_OUTPUTS] sums
    for s in range(state.slices[e]):
        for tier in range(TIER_COUNT):  # latents have no tier `lm`; what is written there is not used
            bits[tier] = bits_of(tables.latent_cost[i, min(tier, CONTEXT), s])
            kmac[tier] = kmac_of(tables.latent_macs[i, min(tier, CONTEXT), s])
        bits += TIER_COUNT
        kmac += TIER_COUNT
    bits, kmac = &state.segment_bits[e, sizes.slices, 0], &state.segment_kmac[e, sizes.slices, 0]
    for row in range(sizes.height):
        features[0], features[1] = bits_of(table_cost[row]), tables.row_busy[i, budget, row]
        features[2], features[3] = bits_of(context_cost[row]), kmac_of(context_macs[row])
        so_far += features[3]
        features[4], features[5] = sizes.width, features[3] * so_far / KMAC_UNIT
        for k in range(ROW_OUTPUTS):
            sums[k] = 0.0
        for f in range(ROW_FEATURES):
            for k in range(ROW_OUTPUTS):
                sums[k] += features[f] * weights[ROW_OUTPUTS * f + k]
        if state.slices[e] == 0:  # then tier `context` is measured
            sums[0], sums[1] = features[2], features[3]
        bits[TABLE], kmac[TABLE] = features[0], kmac_of(table_macs[row])
        for tier in range(CONTEXT, TIER_COUNT):
            bits[tier] = max(sums[2 * (tier - CONTEXT)], 0.0)
            kmac[tier] = max(sums[2 * (tier - CONTEXT) + 1], 0.0)
        bits += TIER_COUNT
        kmac += TIER_COUNT


@cython.cdivision(True)
cdef void named_costs(Sizes sizes, StateArrays state, int64_t e, int64_t column, double* costs) noexcept nogil:
    """Writes the least J of going on with a segment under each tier; infinite for tiers that cannot be named.

    Args:
        column: of the segment in `state.segment_bits`.
        costs: (TIER_COUNT,), written.
    """
    cdef double rate = state.lambda_rate[e] / sizes.pixels, compute = state.lambda_compute[e] / sizes.pixels
    cdef int64_t segment = class_at(column, sizes.slices), tier
    for tier in range(TIER_COUNT):
        costs[tier] = rate * state.segment_bits[e, column, tier] + compute * state.segment_kmac[e, column, tier]
        costs[tier] += state.go_value[e, next_column(column, state.slices[e], sizes.slices), tier]
        costs[tier] += named_cost(rate, segment, state.slices[e], state.tier[e], tier)


def predict(Sizes sizes, Tables tables, StateArrays state, const int64_t[::1] rows, int64_t[:, ::1] probes):
    """Predicts errors of the pictures after latent slices, and the best bit budgets, of episodes that have just started.

    Args:
        sizes: of the images.
        tables: of measurements and predictions.
        state: `slice_error` is written.
        rows: int64 (n,), the episodes.
        probes: int64 (n, at least PROBES), written: latent slices of the budgets that are predicted to be best.

    Raises:
        ValueError: there is no such episode, image or kind of distortion.
    """
    cdef double[::1] costs = np.empty(ACTIONS)
    cdef int64_t n, e
    check_sizes(sizes, state)
    check_rows(state, rows)
    for n in range(rows.shape[0]):
        e = rows[n]
        if not (0 <= state.image[e] < tables.statistics.shape[0] and 0 <= state.kind[e] < KIND_COUNT):
            raise ValueError(f"there is no image {state.image[e]} or no kind of distortion {state.kind[e]}")
    with nogil:
        for n in range(rows.shape[0]):
            predict_errors(sizes, tables, state, rows[n])
            choose_probes(sizes, tables, state, rows[n], &costs[0], costs.shape[0], &probes[n, 0])


def use_measured(Sizes sizes, Tables tables, StateArrays state, const int64_t[::1] rows, const int64_t[:, ::1] slices):
    """Replaces predicted errors by measured ones.

    Args:
        sizes: of the images.
        tables: of measurements and predictions.
        state: `slice_error` is written.
        rows: int64 (n,), the episodes.
        slices: int64 (n, m), after how many latent slices the picture was measured.
    """
    cdef int64_t n, e, k
    check_sizes(sizes, state)
    check_rows(state, rows)
    with nogil:
        for n in range(rows.shape[0]):
            e = rows[n]
            for k in range(slices.shape[1]):
                state.slice_error[e, slices[n, k]] = slice_error(
                    sizes, tables, measure_of[state.kind[e]], state.image[e], slices[n, k]
                )
