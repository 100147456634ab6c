"""The planner of digits: predicts the J that each action leads to, and writes observations, for encoder and environment alike.

In loops over episodes, compiled: of a batch of a few hundred, calls of numpy would cost more than their arithmetic.
"""

import numpy as np

from rlcodec.control.objective import FLOORS, KINDS, MEASURE_OF, MEASURES, PEAKS, RATE_RANGE, decibels_of, distortion_in
from rlcodec.control.observation import FEATURE_LIMIT, Goal, limited, rate_limits, write_advice
from rlcodec.core.kernel import kernel
from rlcodec.core.segment_choice import CONTEXT, TABLE, TIERS
from rlcodec.presets.mnist.measurements import STATISTICS
from rlcodec.presets.mnist.observation import (
    BUDGET_PHASE,
    CHANGE_BITS,
    DEAR_TIERS,
    FIRST_ROW,
    FIRST_TIER_ACTION,
    GO_BEFORE_PIXELS_BITS,
    GO_BITS,
    KMAC_UNIT,
    PROBES,
    STOP_ACTION,
    STOP_BEFORE_PIXELS_BITS,
    STOP_BITS,
    Geometry,
    Known,
    Outlook,
    Predictor,
    Standing,
    action_count,
    image_features,
    layout_size,
)

RANGES = rate_limits(RATE_RANGE)
KIND_COUNT, MEASURE_COUNT, TIER_COUNT = len(KINDS), len(MEASURES), len(TIERS)
STATISTIC_COUNT, DEAR_COUNT = len(STATISTICS), len(DEAR_TIERS)
ROW_FEATURES = 6
DEAR_KMAC = (20.0, 400.0)
"""What kMAC per symbol are divided by under each of the dear tiers."""
PREDICTED_SUMS = 5
"""Bits under three tiers and kMAC under two: what is predicted of all pixels by budget."""
LOGS_OF_FLOORS, LOGS_OF_PEAKS = np.log2(FLOORS), np.log2(PEAKS)


@kernel
def _expect_errors(predicted, image, kind, measure_of, floors, low, high, error):
    """Writes predicted errors of images in the measures of their kinds, after 0 to s slices."""
    stops = error.shape[1]
    for b in range(len(image)):
        measure = measure_of[kind[b]]
        for s in range(stops):
            value = predicted[image[b], measure * stops + s]
            error[b, s] = np.exp2(min(max(value, low[measure]), high[measure])) - floors[measure]


@kernel
def _budget_costs(geometry, known, predicted, i, error, kind, rate, compute, costs):
    """Writes J per bit budget, of pure latents or of everything, whichever is better; infinite for other actions.

    Args:
        geometry: a `Geometry`.
        known: a `Known`.
        predicted: from `Planner.predict`.
        i: the image.
        error: float64 (s + 1,), after so many slices, predicted or measured, in the measure of the kind.
        kind: of the objective.
        rate: its lambda_rate.
        compute: its lambda_compute.
        costs: float64 (actions,).
    """
    pixels, most = geometry.height * geometry.width, known.latent_bits.shape[2]
    budgets, first = len(geometry.budget_slices), MEASURE_COUNT * (most + 1)
    for a in range(len(costs)):
        costs[a] = np.inf
    for b in range(budgets):
        slices = geometry.budget_slices[b]
        latent, stop_bits = 0.0, STOP_BITS
        table, context = max(predicted[i, first + b], 0.0), max(predicted[i, first + budgets + b], 0.0)
        lm, kmac = max(predicted[i, first + 2 * budgets + b], 0.0), max(predicted[i, first + 3 * budgets + b], 0.0)
        lm_kmac = max(predicted[i, first + 4 * budgets + b], 0.0)
        if slices > 0:
            stop_bits = STOP_BEFORE_PIXELS_BITS
            latent = np.inf
            for tier in range(known.latent_bits.shape[1]):
                total = 0.0
                for s in range(slices):
                    total += (rate * known.latent_bits[i, tier, s] + compute * known.latent_kmac[i, tier, s]) / pixels
                latent = min(latent, total)
            latent += compute * geometry.synthesis_kmac / pixels
        elif b == 0:
            table = context = kmac = 0.0
            for row in range(geometry.height):
                table += known.row_bits[i, TABLE, row] / pixels
                context += known.row_bits[i, CONTEXT, row] / pixels
                kmac += known.row_kmac[i, CONTEXT, row] / pixels
        stop = distortion_in(kind, error[slices]) + rate * stop_bits / pixels
        by_network = min(rate * context + compute * kmac, rate * lm + compute * lm_kmac)
        everything = distortion_in(kind, 0.0) + min(rate * table, by_network)
        costs[b] = latent + min(stop, everything)


@kernel
def _choose_probes(geometry, known, predicted, image, error, goal, costs, probes):
    """Writes the budgets that cost least of each image, the first of equal ones first."""
    for b in range(len(image)):
        _budget_costs(geometry, known, predicted, image[b], error[b], goal.kind[b], goal.rate[b], goal.compute[b], costs)
        for n in range(probes.shape[1]):
            best = 0
            for a in range(len(costs)):
                if costs[a] < costs[best]:
                    best = a
            probes[b, n] = best
            costs[best] = np.inf


@kernel
def _fill_outlook(
    geometry, known, image, error, goal, slices, table, busy, stop_error, which, row_weights, change_bits, facts, outlook
):
    """Writes the outlook of episodes; arguments as `Planner.fill_outlook`, `facts` is working space."""
    height, pixels, most = geometry.height, geometry.height * geometry.width, known.latent_bits.shape[2]
    total = most + height
    for n in range(len(which)):
        e, i, kept = which[n], image[n], slices[n]
        rate, compute = goal.rate[n] / pixels, goal.compute[n] / pixels
        for s in range(most):
            for tier in range(TIER_COUNT):  # latents have no tier `lm`; nothing is made of what stands there
                outlook.bits[e, tier, s] = known.latent_bits[i, min(tier, CONTEXT), s]
                outlook.kmac[e, tier, s] = known.latent_kmac[i, min(tier, CONTEXT), s]
        so_far = 0.0
        for row in range(height):
            bits, kmac = known.row_bits[i, CONTEXT, row], known.row_kmac[i, CONTEXT, row]
            so_far += kmac
            facts[0], facts[1], facts[2], facts[3] = table[n, row], busy[n, row], bits, kmac
            facts[4], facts[5] = geometry.width, kmac * so_far / KMAC_UNIT
            column = most + row
            outlook.bits[e, TABLE, column] = table[n, row]
            outlook.kmac[e, TABLE, column] = known.row_kmac[i, TABLE, row]
            for tier in range(CONTEXT, TIER_COUNT):
                if tier > CONTEXT or kept > 0:
                    bits = kmac = 0.0
                    for f in range(ROW_FEATURES):
                        bits += facts[f] * row_weights[f, 2 * (tier - CONTEXT)]
                        kmac += facts[f] * row_weights[f, 2 * (tier - CONTEXT) + 1]
                outlook.bits[e, tier, column] = max(bits, 0.0)
                outlook.kmac[e, tier, column] = max(kmac, 0.0)
        for column in range(total + 1):
            here = error[n, column] if column < most else stop_error[n, column - most]
            bits = STOP_BEFORE_PIXELS_BITS if column == most and kept > 0 else STOP_BITS
            mark = rate * bits if column < total else 0.0
            # Slices that the budget drops are no segments: nothing is named, coded or stopped there.
            outlook.stop[e, column] = np.inf if kept <= column < most else distortion_in(goal.kind[n], here) + mark
            outlook.stop_db[e, column] = decibels_of(goal.kind[n], here)
        for before in range(TIER_COUNT):
            outlook.go[e, total, before] = outlook.stop[e, total]
        for column in range(total - 1, -1, -1):
            for before in range(TIER_COUNT):
                if kept <= column < most:
                    outlook.go[e, column, before] = outlook.go[e, column + 1, before]
                    continue
                _fill_named(e, column, before, most, kept > 0, rate, compute, change_bits, outlook, facts)
                least = np.inf
                for tier in range(TIER_COUNT):
                    least = min(least, facts[tier])
                outlook.go[e, column, before] = min(least, outlook.stop[e, column])


@kernel
def _fill_named(e, column, before, most, with_latents, rate, compute, change_bits, outlook, costs):
    """Writes the least J of going on from a segment under each tier, named after another; infinite where it cannot be."""
    segment = np.sign(column - most) + FIRST_ROW  # as `segment_class`
    go_bits = GO_BEFORE_PIXELS_BITS if column == most and with_latents else GO_BITS
    for tier in range(TIER_COUNT):
        costs[tier] = np.inf
        if change_bits[segment, before, tier] < np.inf:
            coded = rate * outlook.bits[e, tier, column] + compute * outlook.kmac[e, tier, column]
            costs[tier] = coded + outlook.go[e, column + 1, tier] + rate * (go_bits + change_bits[segment, before, tier])


@kernel
def _observe(
    geometry, known, predicted, image, error, goal, standing, outlook, which, ranges, change_bits, named, costs, legal, out
):
    """Writes observations; arguments as `Planner.observe`, `named`, `costs` and `legal` are working space."""
    height, pixels, most = geometry.height, geometry.height * geometry.width, known.latent_bits.shape[2]
    actions = len(costs)
    for n in range(len(which)):
        e = which[n]
        i, kind, rate, compute = image[e], goal.kind[e], goal.rate[e], goal.compute[e]
        choosing, slices, position = standing.phase[e] == BUDGET_PHASE, standing.slices[e], standing.position[e]
        column = min(position if position < slices else position - slices + most, most + height - 1)
        if choosing:
            _budget_costs(geometry, known, predicted, i, error[e], kind, rate, compute, costs)
            here = distortion_in(kind, error[e, 0])
        else:
            here = outlook.stop[e, column]
            for a in range(actions):
                costs[a] = np.inf
            costs[STOP_ACTION] = here
            tier = standing.tier[e]
            _fill_named(e, column, tier, most, slices > 0, rate / pixels, compute / pixels, change_bits, outlook, named)
            for tier in range(TIER_COUNT):
                costs[FIRST_TIER_ACTION + tier] = named[tier]
        for a in range(actions):
            legal[a] = costs[a] < np.inf
        write_advice(n, costs, legal, here, kind, rate, compute, ranges, out)

        at = out.shape[1] - STATISTIC_COUNT
        for k in range(2 * actions + 1 + KIND_COUNT + 2, at):
            out[n, k] = 0
        for k in range(STATISTIC_COUNT):
            out[n, at + k] = limited(known.statistics[i, k] / (10.0 if k == STATISTIC_COUNT - 1 else 1.0))
        at = 2 * actions + 1 + KIND_COUNT + 2
        out[n, at + standing.phase[e]] = 1
        out[n, at + 6 + standing.tier[e]] = 1
        at += 6 + TIER_COUNT
        out[n, at] = limited(standing.bits[e] / pixels)
        out[n, at + 1] = limited(standing.kmac[e] / pixels / 10)
        if choosing:
            out[n, at + 2] = decibels_of(kind, error[e, 0]) / 50
            continue
        out[n, at + 2] = outlook.stop_db[e, column] / 50
        before = at - 3 - TIER_COUNT
        out[n, before] = min(position / slices, 1.0) if slices > 0 else 1.0
        out[n, before + 1] = max(column - most, 0) / height
        out[n, before + 2] = slices / most
        at += 3
        symbols = geometry.slice_symbols if column < most else geometry.width
        for tier in range(TIER_COUNT):
            out[n, at + tier] = limited(outlook.bits[e, tier, column] / symbols)
            rest = 0.0
            for k in range(column, most + height):
                if k < slices or k >= most:
                    rest += outlook.bits[e, tier, k]
            out[n, at + TIER_COUNT + DEAR_COUNT + tier] = limited(rest / pixels)
        for k in range(DEAR_COUNT):
            out[n, at + TIER_COUNT + k] = limited(outlook.kmac[e, DEAR_TIERS[k], column] / symbols / DEAR_KMAC[k])


class Planner:
    """Predicts the J that each action leads to, and writes observations.

    Attributes:
        actions: how many there are.
        size: of an observation.
    """

    def __init__(self, predictor: Predictor, geometry: Geometry):
        self.predictor, self.geometry = predictor, geometry
        budgets = len(geometry.budget_slices)
        self.actions, self.size = action_count(budgets), layout_size(budgets)
        self._costs, self._legal = np.empty(self.actions), np.empty(self.actions, bool)
        self._facts = np.empty(ROW_FEATURES)

    def predict(self, known: Known) -> np.ndarray:
        """Predictions for a batch of images, as the outputs of `Predictor.image`."""
        features = (image_features(known, self.geometry.pixels) - self.predictor.center) / self.predictor.spread
        return np.clip(features, -FEATURE_LIMIT, FEATURE_LIMIT) @ self.predictor.image[:-1] + self.predictor.image[-1]

    def expect_errors(self, predicted: np.ndarray, image: np.ndarray, kind: np.ndarray, slices: int) -> np.ndarray:
        """Predicted error in the measure of each kind after 0 to s slices, float64 (B, s + 1).

        Args:
            predicted: from `predict`.
            image: int64 (B,), rows of `predicted`.
            kind: int64 (B,), of the objectives.
            slices: s.
        """
        error = np.empty((len(image), slices + 1))
        _expect_errors(predicted, image, kind, MEASURE_OF, FLOORS, LOGS_OF_FLOORS, LOGS_OF_PEAKS, error)
        return error

    def probes(self, known: Known, predicted: np.ndarray, image: np.ndarray, error: np.ndarray, goal: Goal) -> np.ndarray:
        """The `PROBES` budgets that look best: indices, (B, PROBES). The encoder synthesises them to be sure.

        Args:
            known: of images.
            predicted: from `predict`.
            image: int64 (B,), rows of both.
            error: float64 (B, s + 1), from `expect_errors`.
            goal: the objectives, B of them.
        """
        probes = np.empty((len(image), PROBES), np.int64)
        _choose_probes(self.geometry, known, predicted, image, error, goal, self._costs, probes)
        return probes

    def fill_outlook(
        self, known: Known, image: np.ndarray, error: np.ndarray, goal: Goal, slices: np.ndarray, table: np.ndarray,
        busy: np.ndarray, stop_error: np.ndarray, which: np.ndarray, outlook: Outlook,
    ) -> None:  # fmt: skip
        """Writes what to expect of B episodes once their budgets are chosen.

        Args:
            known: of images.
            image: int64 (B,), its rows.
            error: float64 (B, s + 1), after so many slices, predicted or measured, in the measure of each goal's kind.
            goal: the objectives.
            slices: int64 (B,), that the budget keeps.
            table: float64 (B, h), bits of the rows under `table` with this budget's reconstruction.
            busy: float64 (B, h), pixels of the rows whose context is not all background.
            stop_error: float64 (B, h + 1), after all latents and so many rows, in the same measure.
            which: int64 (B,), rows of `outlook`.
            outlook: receives them.
        """
        _fill_outlook(
            self.geometry, known, image, error, goal, slices, table, busy, stop_error, which, self.predictor.row, CHANGE_BITS,
            self._facts, outlook,
        )  # fmt: skip

    def no_outlook(self, batch: int, slices: int) -> Outlook:
        """A placeholder for episodes whose budget is not chosen yet."""
        total = slices + self.geometry.height
        return Outlook(
            np.zeros((batch, TIER_COUNT, total)),
            np.zeros((batch, TIER_COUNT, total)),
            np.zeros((batch, total + 1)),
            np.zeros((batch, total + 1, TIER_COUNT)),
            np.zeros((batch, total + 1)),
        )

    def observe(
        self, known: Known, predicted: np.ndarray, image: np.ndarray, error: np.ndarray, goal: Goal, standing: Standing,
        outlook: Outlook, which: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Observations of some of B episodes, float32 (len(which), size).

        Args:
            known: of images.
            predicted: from `predict`.
            image: int64 (B,), rows of both.
            error: float64 (B, s + 1), after so many slices, predicted or measured, in the measure of each goal's kind.
            goal: the objectives.
            standing: of the episodes.
            outlook: of the episodes; counts only where the budget is chosen.
            which: int64, of the episodes.
        """
        out = np.empty((len(which), self.size), np.float32)
        _observe(
            self.geometry, known, predicted, image, error, goal, standing, outlook, which, RANGES, CHANGE_BITS, self._facts,
            self._costs, self._legal, out,
        )  # fmt: skip
        return out
