"""Predicted cost-to-go: the objective J that each action of an episode leads to, as far as an encoder can tell.

What an encoder has measured enters exactly, the rest by `MnistPredictor`. Before the bit budget is chosen, each budget is
weighed by the better of two simple continuations: latents alone, or all rows of pixels. Afterwards a dynamic programme over the
segments left finds the least J from every position on.

Everything here is compiled loops over episodes: for a batch of a few hundred, NumPy calls would cost more than the arithmetic.
Kernels share these arguments: `sizes`, a `Sizes`; `tables`, a `Tables`; `state`, a
`rlcodec.presets.mnist.process.StateArrays`; `e`, the row of an episode.
"""

from collections import namedtuple
from dataclasses import fields
from typing import Any, NamedTuple, cast

import numpy as np

from rlcodec.control.objective import (
    FLOORS,
    MEASURE_OF,
    MEASURES,
    MSE,
    PEAKS,
    decibels_of,
    distortion_in,
)
from rlcodec.core.kernel import inlined, kernel
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT, TABLE, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.mnist.decisions import (
    FIRST_ROW,
    GO_BEFORE_PIXELS_BITS,
    GO_BITS,
    STOP_BEFORE_PIXELS_BITS,
    STOP_BITS,
)
from rlcodec.presets.mnist.measurements import MEASURED_TIERS, MnistMeasurements
from rlcodec.presets.mnist.predictor import KMAC_UNIT, ROW_FEATURES

PROBES = 3
"""So many bit budgets are synthesised before one is chosen: those that the predictions rate best."""
MEASURE_COUNT, TIER_COUNT, MEASURED_COUNT = len(MEASURES), len(TIERS), len(MEASURED_TIERS)
LOW_LOGS, HIGH_LOGS = (tuple(np.log2(limits).tolist()) for limits in (FLOORS, PEAKS))
"""Limits of predicted log2 errors, by measure."""


class Sizes(NamedTuple):
    """Sizes of the images of a process.

    Attributes:
        height: rows of pixels.
        width: pixels of a row.
        slices: latent slices.
        slice_symbols: binary latents of a slice.
        synthesis_macs: multiply-accumulates of the synthesis transform.
        budget_slices: latent slices of each bit budget.
    """

    height: int
    width: int
    slices: int
    slice_symbols: int
    synthesis_macs: int
    budget_slices: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return self.height * self.width


Tables: Any = cast(Any, namedtuple("Tables", [*(f.name for f in fields(MnistMeasurements)[1:]), "predicted", "row_weights"]))
"""What kernels read of n images: the tables of `MnistMeasurements`, and predictions.

`predicted` is float64 (n, outputs of `MnistPredictor.image`). `row_weights` is float64 (p, ROW_FEATURES, 4): the `row` of p
instances of `MnistPredictor`; image i is predicted by number i modulo p."""


@inlined
def slice_error(sizes, tables, measure, image, slices):
    """Error of the picture after some latent slices, in a measure of `rlcodec.control.objective`."""
    if measure == MSE:
        return tables.latent_sse[image, slices] / (sizes.height * sizes.width)
    return np.float64(tables.latent_loss[image, slices])


@inlined
def row_error(sizes, tables, measure, image, budget, rows):
    """Error of the picture after all latents of a budget and some rows of pixels."""
    if measure == MSE:
        return tables.stop_sse[image, budget, rows] / (sizes.height * sizes.width)
    return np.float64(tables.stop_loss[image, budget, rows])


@kernel
def predict_errors(sizes, tables, which, state):
    """Writes predicted errors after 0 to s latent slices, in the measures of the episodes' kinds, into `state.slice_error`.

    Args:
        which: int64, the episodes.
    """
    for e in which:
        measure, image = MEASURE_OF[state.kind[e]], state.image[e]
        for s in range(sizes.slices + 1):
            value = tables.predicted[image, measure * (sizes.slices + 1) + s]
            limited = min(max(value, LOW_LOGS[measure]), HIGH_LOGS[measure])
            state.slice_error[e, s] = np.exp2(limited) - FLOORS[measure]


@kernel
def budget_costs(sizes, tables, state, e, costs):
    """Writes predicted J of choosing each bit budget; infinite for actions that are none.

    Args:
        costs: float64 (actions,), written.
    """
    i, kind, rate, compute = state.image[e], state.kind[e], state.lambda_rate[e], state.lambda_compute[e]
    pixels, budgets = sizes.height * sizes.width, len(sizes.budget_slices)
    first = MEASURE_COUNT * (sizes.slices + 1)
    for a in range(len(costs)):
        costs[a] = np.inf
    for b in range(budgets):
        slices = sizes.budget_slices[b]
        latent, stop_bits = 0.0, STOP_BITS
        table = max(tables.predicted[i, first + b], 0.0)
        context = max(tables.predicted[i, first + budgets + b], 0.0)
        lm = max(tables.predicted[i, first + 2 * budgets + b], 0.0)
        kmac = max(tables.predicted[i, first + 3 * budgets + b], 0.0)
        lm_kmac = max(tables.predicted[i, first + 4 * budgets + b], 0.0)
        if slices > 0:
            stop_bits = STOP_BEFORE_PIXELS_BITS
            latent = np.inf
            for tier in range(MEASURED_COUNT):
                total = 0.0
                for s in range(slices):
                    bits = tables.latent_cost[i, tier, s] / COST_UNIT
                    total += (rate * bits + compute * (tables.latent_macs[i, tier, s] / MACS_PER_KMAC)) / pixels
                latent = min(latent, total)
            latent += compute * (sizes.synthesis_macs / MACS_PER_KMAC) / pixels
        elif b == 0:  # rows without latents are measured
            table = context = kmac = 0.0
            for row in range(sizes.height):
                table += tables.pixel_cost[i, 0, TABLE, row] / COST_UNIT / pixels
                context += tables.pixel_cost[i, 0, CONTEXT, row] / COST_UNIT / pixels
                kmac += tables.pixel_macs[i, 0, CONTEXT, row] / MACS_PER_KMAC / pixels
        stop = distortion_in(kind, state.slice_error[e, slices]) + rate * stop_bits / pixels
        by_network = min(rate * context + compute * kmac, rate * lm + compute * lm_kmac)
        everything = distortion_in(kind, 0.0) + min(rate * table, by_network)
        costs[b] = latent + min(stop, everything)


@kernel
def choose_probes(sizes, tables, which, state, costs, probes):
    """Writes the bit budgets that are predicted to be best, of equal ones the first.

    Args:
        which: int64 (n,), the episodes.
        costs: float64 (actions,), overwritten.
        probes: int64 (n, PROBES), written: latent slices of the budgets.
    """
    for n in range(len(which)):
        budget_costs(sizes, tables, state, which[n], costs)
        for p in range(probes.shape[1]):
            best = 0
            for a in range(len(costs)):
                if costs[a] < costs[best]:
                    best = a
            probes[n, p] = sizes.budget_slices[best]
            costs[best] = np.inf


@kernel
def fill_cost_to_go(sizes, tables, state, e, change_bits, features):
    """Writes what is predicted of the segments of an episode whose bit budget was chosen: bits, kMAC and cost-to-go.

    Args:
        change_bits: `CHANGE_BITS`.
        features: float64 (ROW_FEATURES,), overwritten.
    """
    height, pixels, most = sizes.height, sizes.height * sizes.width, sizes.slices
    total = most + height
    i, budget, kept, kind = state.image[e], state.budget[e], state.slices[e], state.kind[e]
    rate, compute = state.lambda_rate[e] / pixels, state.lambda_compute[e] / pixels
    measure = MEASURE_OF[kind]
    state.slice_error[e, kept] = row_error(sizes, tables, measure, i, budget, 0)
    _fill_segments(sizes, tables, state, e, features)
    for column in range(total + 1):
        error = state.slice_error[e, column] if column < most else row_error(sizes, tables, measure, i, budget, column - most)
        bits = STOP_BEFORE_PIXELS_BITS if column == most and kept > 0 else STOP_BITS
        mark = rate * bits if column < total else 0.0
        # Slices that the budget drops are no segments: nothing is named, coded or stopped there.
        state.stop_value[e, column] = np.inf if kept <= column < most else distortion_in(kind, error) + mark
        state.stop_db[e, column] = decibels_of(kind, error)
    for before in range(TIER_COUNT):
        state.go_value[e, total, before] = state.stop_value[e, total]
    for column in range(total - 1, -1, -1):
        for before in range(TIER_COUNT):
            if kept <= column < most:
                state.go_value[e, column, before] = state.go_value[e, column + 1, before]
                continue
            named_costs(sizes, state, e, column, before, rate, compute, change_bits, features)
            least = np.inf
            for tier in range(TIER_COUNT):
                least = min(least, features[tier])
            state.go_value[e, column, before] = min(least, state.stop_value[e, column])


@kernel
def _fill_segments(sizes, tables, state, e, features):
    """Writes measured or predicted bits and kMAC of all segments of an episode; arguments as `fill_cost_to_go`."""
    i, budget, kept = state.image[e], state.budget[e], state.slices[e]
    row_weights = tables.row_weights[i % tables.row_weights.shape[0]]
    for s in range(sizes.slices):
        for tier in range(TIER_COUNT):  # latents have no tier `lm`; what is written there is not used
            measured = min(tier, CONTEXT)
            state.segment_bits[e, tier, s] = tables.latent_cost[i, measured, s] / COST_UNIT
            state.segment_kmac[e, tier, s] = tables.latent_macs[i, measured, s] / MACS_PER_KMAC
    so_far = 0.0
    for row in range(sizes.height):
        table = tables.pixel_cost[i, budget, TABLE, row] / COST_UNIT
        bits, kmac = tables.pixel_cost[i, 0, CONTEXT, row] / COST_UNIT, tables.pixel_macs[i, 0, CONTEXT, row] / MACS_PER_KMAC
        so_far += kmac
        features[0], features[1], features[2], features[3] = table, tables.row_busy[i, budget, row], bits, kmac
        features[4], features[5] = sizes.width, kmac * so_far / KMAC_UNIT
        column = sizes.slices + row
        state.segment_bits[e, TABLE, column] = table
        state.segment_kmac[e, TABLE, column] = tables.pixel_macs[i, 0, TABLE, row] / MACS_PER_KMAC
        for tier in range(CONTEXT, TIER_COUNT):
            if tier > CONTEXT or kept > 0:
                bits = kmac = 0.0
                for f in range(ROW_FEATURES):
                    bits += features[f] * row_weights[f, 2 * (tier - CONTEXT)]
                    kmac += features[f] * row_weights[f, 2 * (tier - CONTEXT) + 1]
            state.segment_bits[e, tier, column] = max(bits, 0.0)
            state.segment_kmac[e, tier, column] = max(kmac, 0.0)


@kernel
def named_costs(sizes, state, e, column, before, rate, compute, change_bits, costs):
    """Writes the least J of going on with a segment under each tier; infinite for tiers that cannot be named.

    Args:
        column: of the segment in `state.segment_bits`.
        before: tier of the previous segment.
        rate: lambda_rate per pixel.
        compute: lambda_compute per pixel.
        change_bits: `CHANGE_BITS`.
        costs: float64 (at least TIER_COUNT,), written.
    """
    segment = np.sign(column - sizes.slices) + FIRST_ROW  # as `segment_class`
    go_bits = GO_BEFORE_PIXELS_BITS if column == sizes.slices and state.slices[e] > 0 else GO_BITS
    for tier in range(TIER_COUNT):
        costs[tier] = np.inf
        if change_bits[segment, before, tier] < np.inf:
            coded = rate * state.segment_bits[e, tier, column] + compute * state.segment_kmac[e, tier, column]
            named = rate * (go_bits + change_bits[segment, before, tier])
            costs[tier] = coded + state.go_value[e, column + 1, tier] + named
