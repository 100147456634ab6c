"""What a policy sees: its fields, its predictions, and the one function that computes them for encoder and environment.

An episode is one image under one objective. Action 0, 1, ... of the first step is a bit budget; of every later step it
is stop, or a tier for the next segment. Everything here works on batches, one row per image.

Beside plain facts the observation holds the **regret** of each action as a small planner predicts it. What the encoder
has measured (`rlcodec.facts`) enters exactly; the rest comes from least-squares predictions (`Predictor`); the
objective's weights turn both into costs. A policy can follow that advice or learn where it is wrong.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from rlcodec.coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.facts import KNOWN_TIERS, STATISTICS
from rlcodec.kernel import kernel
from rlcodec.objective import (
    COMPUTE_RANGE,
    FLOORS,
    KINDS,
    MEASURE_OF,
    MEASURES,
    PEAKS,
    RATE_RANGE,
    decibels,
    distortion_of,
)
from rlcodec.segments import LATENT, PIXELS, change_costs
from rlcodec.stream import CONTEXT, LM, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TABLE, TIERS

STOP_ACTION = 0
FIRST_TIER_ACTION = 1
BUDGET_PHASE, LATENT_PHASE, PIXEL_PHASE = range(3)

STOP_BITS = float(COSTS[STOP_PROBABILITY]) / COST_UNIT
STOP_BEFORE_PIXELS_BITS = float(COSTS[STOP_BEFORE_PIXELS_PROBABILITY]) / COST_UNIT
GO_BITS = float(COSTS[PROBABILITY_ONE - STOP_PROBABILITY]) / COST_UNIT
GO_BEFORE_PIXELS_BITS = float(COSTS[PROBABILITY_ONE - STOP_BEFORE_PIXELS_PROBABILITY]) / COST_UNIT
CHANGE_COSTS = np.stack([change_costs(LATENT, 0), change_costs(PIXELS, 0), change_costs(PIXELS, 1)])
"""Cost of naming a tier, (segment class, tier before, tier named); infinite where it is illegal."""
CHANGE_BITS = CHANGE_COSTS / COST_UNIT
LATENT_SEGMENT, FIRST_ROW, LATER_ROW = range(3)
"""Segment classes."""
DEAR_TIERS = (CONTEXT, LM)
"""Tiers that run a network on pixels."""

PROBES = 3
"""So many budgets are synthesised before one is chosen, those that the predictions like best."""
FEATURE_LIMIT = 4.0
KMAC_UNIT = 1000.0

SCALE_RATE_BPP = 0.05
SCALE_KMAC = 0.5
REGRET_LIMIT = 20.0
OBSERVATION_LIMIT = 32.0


def action_count(budgets: int) -> int:
    """Actions of a preset with so many bit budgets."""
    return max(budgets, FIRST_TIER_ACTION + len(TIERS))


def advice_layout(actions: int) -> tuple[tuple[str, int, str], ...]:
    """The fields that every preset's observation begins with, of so many actions; `advice_parts` computes them."""
    return (
        ("mask", actions, "1 where the action is legal"),
        ("regret", actions, "log1p of the predicted J above the best action's, in objective scales, at most 20; 0 is best"),
        ("gain", 1, "signed log1p of the predicted J to be gained by going on in the best way, in objective scales"),
        ("kind", len(KINDS), "one-hot: " + ", ".join(KINDS)),
        ("lambda_rate", 1, "log10, the trained range mapped to [-1, 1]"),
        ("lambda_compute", 1, "log10 of lambda_compute / lambda_rate, the trained range mapped to [-1, 1]"),
    )


def layout(budgets: int) -> tuple[tuple[str, int, str], ...]:
    """The observation's fields in order: name, length, unit and scale."""
    return (
        *advice_layout(action_count(budgets)),
        ("phase", 3, "one-hot: budget, latent, pixels"),
        ("progress", 2, "latent slices coded of those kept; rows coded of all"),
        ("budget", 1, "slices kept of all"),
        ("tier", len(TIERS), "tier of the segment before, one-hot: " + ", ".join(TIERS)),
        ("rate", 1, "bits per pixel spent"),
        ("compute", 1, "decoder kMAC per pixel spent, / 10"),
        (
            "quality",
            1,
            "dB if stopped now, / 50: of MS-SSIM where that is the kind, else PSNR; predicted where no probe or reconstruction "
            "was made",
        ),
        (
            "next",
            len(TIERS) + len(DEAR_TIERS),
            "next segment: bits per symbol under each tier (lm, and rows after latents, predicted); kMAC per symbol / 20 under "
            "context and / 400 under lm",
        ),
        ("rest", len(TIERS), "bits per pixel of the segments left under each tier"),
        ("image", len(STATISTICS), "statistics of the image: " + ", ".join(STATISTICS) + " / 10"),
    )


def layout_size(budgets: int) -> int:
    """Length of an observation."""
    return sum(length for _, length, _ in layout(budgets))


@dataclass(frozen=True)
class Predictor:
    """Least-squares predictions of what the encoder cannot know cheaply. All linear, in per-pixel units.

    Attributes:
        center: float64 (f,), subtracted from the features of an image.
        spread: float64 (f,), divides them.
        image: float64 (f + 1, 2 (s + 1) + 5 b): in each measure, log2 of error and floor after 0 to s slices; then of all
            pixels, for each of b budgets: bits under `table`, `context` and `lm`, kMAC under `context` and `lm`.
        row: float64 (6, 4): from `row_features` to a row's bits and kMAC under `context` with latents, and bits and kMAC
            under `lm`.
    """

    center: np.ndarray
    spread: np.ndarray
    image: np.ndarray
    row: np.ndarray

    def to_json(self) -> str:
        """All arrays as JSON."""
        return json.dumps({f.name: getattr(self, f.name).tolist() for f in fields(self)})

    @staticmethod
    def from_json(text: str) -> "Predictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        values = json.loads(text)
        return Predictor(*(np.array(values[f.name], np.float64) for f in fields(Predictor)))


@dataclass
class Known:
    """What the encoder knows of B images before it chooses; bits and kMAC are totals, not per pixel.

    Attributes:
        statistics: float64 (B, len(STATISTICS)).
        latent_bits: float64 (B, t, s), of every slice under each of `rlcodec.facts.KNOWN_TIERS`.
        latent_kmac: float64 (B, t, s).
        row_bits: float64 (B, t, h), of every row under each of these when no latents are sent.
        row_kmac: float64 (B, t, h).
    """

    statistics: np.ndarray
    latent_bits: np.ndarray
    latent_kmac: np.ndarray
    row_bits: np.ndarray
    row_kmac: np.ndarray

    def take(self, index: np.ndarray) -> "Known":
        """The same of some of the images."""
        return Known(*(getattr(self, f.name)[index] for f in fields(self)))


@dataclass
class Goal:
    """The objectives of B episodes: `kind` int64 index into KINDS, `rate` and `compute` float64 weights, each (B,)."""

    kind: np.ndarray
    rate: np.ndarray
    compute: np.ndarray

    def take(self, index: Any) -> "Goal":
        """The same of some of the episodes."""
        return Goal(self.kind[index], self.rate[index], self.compute[index])


@dataclass
class Outlook:
    """What a planner expects of B episodes whose budget is chosen. Segments: all s slices, then all h rows.

    Attributes:
        bits: float64 (B, t, s + h), of the segments.
        kmac: float64 (B, t, s + h).
        stop: float64 (B, s + h + 1), J added from stopping before each segment, distortion included.
        go: float64 (B, s + h + 1, t), the least J added from each segment on, by the tier before it.
        stop_db: float64 (B, s + h + 1), quality in the kind's decibels after stopping before each segment.
    """

    bits: np.ndarray
    kmac: np.ndarray
    stop: np.ndarray
    go: np.ndarray
    stop_db: np.ndarray

    def take(self, index: Any) -> "Outlook":
        """The same of some of the episodes."""
        return Outlook(*(getattr(self, f.name)[index] for f in fields(self)))


@dataclass
class Standing:
    """Where B episodes stand.

    Attributes:
        phase: int64, BUDGET_PHASE, LATENT_PHASE or PIXEL_PHASE.
        slices: int64, slices that the chosen budget keeps.
        position: int64, segments coded.
        tier: int64, of the segment before.
        bits: float64, spent.
        kmac: float64, spent by the decoder.
    """

    phase: np.ndarray
    slices: np.ndarray
    position: np.ndarray
    tier: np.ndarray
    bits: np.ndarray
    kmac: np.ndarray


def image_features(known: Known, pixels: int) -> np.ndarray:
    """Features of an image for the predictions, (B, f): statistics, rates per pixel so far by slices, and squares."""
    statistics = known.statistics
    rates = [np.cumsum(known.latent_bits[:, tier], 1) / pixels for tier in KNOWN_TIERS]
    totals = [known.row_bits.sum(2) / pixels, known.row_kmac[:, CONTEXT].sum(1, keepdims=True) / pixels / 10]
    return np.concatenate([statistics, *rates, *totals, statistics**2, statistics[:, -1:] * statistics], 1)


def row_features(table: np.ndarray, busy: np.ndarray, bits: np.ndarray, kmac: np.ndarray, width: float) -> np.ndarray:
    """What rows are predicted from, (..., h, 6).

    Bits under `table`, busy pixels, bits and kMAC under `context` without latents, the width, and kMAC times the sum of it
    so far, which attention grows with.
    """
    return np.stack([table, busy, bits, kmac, np.full_like(kmac, width), kmac * np.cumsum(kmac, -1) / KMAC_UNIT], -1)


def objective_scale(lambda_rate: np.ndarray, lambda_compute: np.ndarray) -> np.ndarray:
    """The unit of rewards and regrets: what a twentieth of a bit and half a kMAC per pixel are worth."""
    return SCALE_RATE_BPP * lambda_rate + SCALE_KMAC * lambda_compute


def advice_parts(
    costs: np.ndarray, legal: np.ndarray, here: np.ndarray, goal: Goal, rate_range: Mapping[str, tuple[float, float]]
) -> list[np.ndarray]:
    """The fields of `advice_layout` for B episodes, (B, length) each.

    Args:
        costs: float64 (B, actions), predicted J that each action leads to, infinite where it leads nowhere.
        legal: bool (B, actions).
        here: float64 (B,), J if stopped now.
        goal: the objectives.
        rate_range: log10 of lambda_rate that the preset's policies are trained for, by kind.
    """
    best, scale = costs.min(1), objective_scale(goal.rate, goal.compute)
    regret = np.where(legal, np.minimum((costs - best[:, None]) / scale[:, None], REGRET_LIMIT), REGRET_LIMIT)
    gain = (here - best) / scale
    low, high = np.array([rate_range[k] for k in KINDS])[goal.kind].T
    ratio = np.log10(np.maximum(goal.compute / goal.rate, 10 ** (COMPUTE_RANGE[0] - 1)))
    return [
        legal,
        np.log1p(regret),
        (np.sign(gain) * np.log1p(np.abs(gain)))[:, None],
        np.eye(len(KINDS))[goal.kind],
        (2 * (np.log10(goal.rate) - low) / (high - low) - 1)[:, None],
        (2 * (ratio - COMPUTE_RANGE[0]) / (COMPUTE_RANGE[1] - COMPUTE_RANGE[0]) - 1)[:, None],
    ]


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Fields side by side, within limits, float32 (B, size)."""
    return np.clip(np.concatenate(parts, 1), -OBSERVATION_LIMIT, OBSERVATION_LIMIT).astype(np.float32)


@dataclass(frozen=True)
class Geometry:
    """Sizes that the planner needs.

    Attributes:
        height: rows of the image.
        width: pixels of a row.
        slice_symbols: latents of a slice.
        synthesis_kmac: of the synthesis transform.
        budget_slices: slices of each bit budget.
    """

    height: int
    width: int
    slice_symbols: int
    synthesis_kmac: float
    budget_slices: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """Pixels of the image."""
        return self.height * self.width


def segment_class(position: np.ndarray | int, slices: np.ndarray | int) -> np.ndarray:
    """Which of `CHANGE_COSTS` the segment at a position takes, after so many latent slices; also of arrays of both."""
    return np.where(position < slices, LATENT_SEGMENT, np.where(position == slices, FIRST_ROW, LATER_ROW))


@kernel
def _fill_go(
    cost: np.ndarray,
    stop: np.ndarray,
    dropped: np.ndarray,
    rate: np.ndarray,
    go_bits: np.ndarray,
    change_bits: np.ndarray,
    go: np.ndarray,
) -> None:
    """Writes the least J from each segment on, by the tier before it: a dynamic programme from the end.

    Args:
        cost: float64 (B, t, n), of coding each of n segments.
        stop: float64 (B, n + 1), of stopping before each.
        dropped: bool (B, n), where there is no segment.
        rate: float64 (B,), of a bit.
        go_bits: float64 (B, n), of not stopping.
        change_bits: float64 (n, t, t), of naming a tier after another, infinite where it cannot be.
        go: float64 (B, n + 1, t), receives them.
    """
    batch, tiers, count = cost.shape
    for b in range(batch):
        for before in range(tiers):
            go[b, count, before] = stop[b, count]
        for i in range(count - 1, -1, -1):
            for before in range(tiers):
                if dropped[b, i]:
                    go[b, i, before] = go[b, i + 1, before]
                    continue
                named = np.inf
                for tier in range(tiers):
                    if change_bits[i, before, tier] < np.inf:
                        named = min(named, cost[b, tier, i] + go[b, i + 1, tier] + rate[b] * change_bits[i, before, tier])
                go[b, i, before] = min(named + rate[b] * go_bits[b, i], stop[b, i])


class Planner:
    """Predicts the J that each action leads to, and writes observations."""

    def __init__(self, predictor: Predictor, geometry: Geometry):
        self.predictor, self.geometry = predictor, geometry
        self.budgets = np.array(geometry.budget_slices)
        self.actions = action_count(len(self.budgets))
        self.size = layout_size(len(self.budgets))

    def predict(self, known: Known) -> np.ndarray:
        """Predictions for a batch of images, as the outputs of `Predictor.image`."""
        features = (image_features(known, self.geometry.pixels) - self.predictor.center) / self.predictor.spread
        return np.clip(features, -FEATURE_LIMIT, FEATURE_LIMIT) @ self.predictor.image[:-1] + self.predictor.image[-1]

    def predicted_error(self, predicted: np.ndarray, kind: np.ndarray, slices: int) -> np.ndarray:
        """Predicted error in the measure of each row's kind after 0 to s slices, (B, s + 1)."""
        measured = predicted[:, : len(MEASURES) * (slices + 1)].reshape(len(predicted), len(MEASURES), -1)
        measure = MEASURE_OF[kind]
        floor, peak = FLOORS[measure][:, None], PEAKS[measure][:, None]
        return np.exp2(np.clip(measured[np.arange(len(kind)), measure], np.log2(floor), np.log2(peak))) - floor

    def probes(self, known: Known, predicted: np.ndarray, goal: Goal) -> np.ndarray:
        """The `PROBES` budgets that look best: indices, (B, PROBES). The encoder synthesises them to be sure."""
        error = self.predicted_error(predicted, goal.kind, known.latent_bits.shape[2])
        costs = self.budget_costs(known, predicted, error, goal)
        return np.argsort(costs, axis=1, kind="stable")[:, :PROBES]

    def budget_costs(self, known: Known, predicted: np.ndarray, error: np.ndarray, goal: Goal) -> np.ndarray:
        """J per bit budget, (B, budgets), of pure latents or of everything, whichever is better.

        Args:
            known: of the images.
            predicted: from `predict`.
            error: float64 (B, s + 1), after so many slices, predicted or measured, in the measure of each goal's kind.
            goal: the objectives.
        """
        g, slices, b = self.geometry, known.latent_bits.shape[2], len(self.budgets)
        rate, compute = goal.rate[:, None], goal.compute[:, None]
        table, context, lm, kmac, lm_kmac = (
            np.maximum(v, 0) for v in np.split(predicted[:, len(MEASURES) * (slices + 1) :], 5, 1)
        )
        table[:, 0], context[:, 0] = known.row_bits.sum(2).T / g.pixels
        kmac[:, 0] = known.row_kmac[:, CONTEXT].sum(1) / g.pixels
        per_slice = (rate[:, None] * known.latent_bits + compute[:, None] * known.latent_kmac) / g.pixels
        latent = np.concatenate([np.zeros((len(error), 1)), np.cumsum(per_slice, 2).min(1)], 1)[:, self.budgets]
        base = latent + compute * np.where(self.budgets > 0, g.synthesis_kmac / g.pixels, 0.0)
        stop_bits = np.where(self.budgets > 0, STOP_BEFORE_PIXELS_BITS, STOP_BITS)
        stop = distortion_of(goal.kind, error[:, self.budgets]) + rate * stop_bits / g.pixels
        everything = distortion_of(goal.kind, np.zeros((len(error), b)))
        by_network = np.minimum(rate * context + compute * kmac, rate * lm + compute * lm_kmac)
        everything = everything + np.minimum(rate * table, by_network)
        return base + np.minimum(stop, everything)

    def outlook(
        self,
        known: Known,
        error: np.ndarray,
        goal: Goal,
        slices: np.ndarray,
        table: np.ndarray,
        busy: np.ndarray,
        stop_error: np.ndarray,
    ) -> Outlook:
        """What to expect once the budget is chosen.

        Args:
            known: of B images.
            error: float64 (B, s + 1), after so many slices, predicted or measured, in the measure of each goal's kind.
            goal: the objectives.
            slices: int64 (B,), that the budget keeps.
            table: float64 (B, h), bits of the rows under `table` with this budget's reconstruction.
            busy: float64 (B, h), pixels of the rows whose context is not all background.
            stop_error: float64 (B, h + 1), after all latents and so many rows, in the same measure.
        """
        g, most = self.geometry, known.latent_bits.shape[2]
        with_latents = (slices > 0)[:, None]
        facts = row_features(table, busy, known.row_bits[:, CONTEXT], known.row_kmac[:, CONTEXT], g.width)
        guess = np.maximum(facts @ self.predictor.row, 0)
        context_bits = np.where(with_latents, guess[..., 0], known.row_bits[:, CONTEXT])
        context_kmac = np.where(with_latents, guess[..., 1], known.row_kmac[:, CONTEXT])
        row_bits = np.stack([table, context_bits, guess[..., 2]], 1)
        row_kmac = np.stack([known.row_kmac[:, TABLE], context_kmac, guess[..., 3]], 1)
        # Latents have no tier `lm`; nothing is made of what stands there.
        bits = np.concatenate([known.latent_bits[:, [TABLE, CONTEXT, CONTEXT]], row_bits], 2)
        kmac = np.concatenate([known.latent_kmac[:, [TABLE, CONTEXT, CONTEXT]], row_kmac], 2)

        total = most + g.height
        rate = goal.rate / g.pixels
        cost = rate[:, None, None] * bits + (goal.compute / g.pixels)[:, None, None] * kmac
        errors = np.concatenate([error[:, :most], stop_error], 1)
        # Slices that the budget drops are no segments: nothing is named, coded or stopped there.
        column = np.arange(total)[None]
        dropped = (column >= slices[:, None]) & (column < most)
        stop_bits = np.where((column == most) & with_latents, STOP_BEFORE_PIXELS_BITS, STOP_BITS)
        go_bits = np.where((column == most) & with_latents, GO_BEFORE_PIXELS_BITS, GO_BITS)
        stop = np.full((len(slices), total + 1), np.inf)
        distortion = distortion_of(goal.kind, errors)
        stop[:, :-1] = np.where(dropped, np.inf, distortion[:, :-1] + rate[:, None] * stop_bits)
        stop[:, -1] = distortion[:, -1]
        go = np.empty((len(slices), total + 1, len(TIERS)))
        _fill_go(cost, stop, dropped, rate, go_bits, CHANGE_BITS[segment_class(np.arange(total), most)], go)
        return Outlook(bits, kmac, stop, go, decibels(goal.kind, errors))

    def no_outlook(self, batch: int, slices: int) -> Outlook:
        """A placeholder for episodes whose budget is not chosen yet."""
        total, tiers = slices + self.geometry.height, len(TIERS)
        return Outlook(
            np.zeros((batch, tiers, total)),
            np.zeros((batch, tiers, total)),
            np.zeros((batch, total + 1)),
            np.zeros((batch, total + 1, tiers)),
            np.zeros((batch, total + 1)),
        )

    def column(self, standing: Standing, most: int) -> np.ndarray:
        """Which column of an `Outlook` the next segment is, (B,)."""
        column = np.where(standing.position < standing.slices, standing.position, standing.position - standing.slices + most)
        return np.minimum(column, most + self.geometry.height - 1)

    def observe(
        self, known: Known, predicted: np.ndarray, error: np.ndarray, goal: Goal, standing: Standing, outlook: Outlook
    ) -> np.ndarray:
        """Observations of a batch, float32 (B, size). Rows of `outlook` count only where the budget is chosen."""
        g, batch, most = self.geometry, len(standing.phase), known.latent_bits.shape[2]
        rows = np.arange(batch)
        choosing = standing.phase == BUDGET_PHASE
        coming = (~choosing).astype(np.float64)
        column = self.column(standing, most)
        rate = goal.rate / g.pixels

        boundary = (column == most) & (standing.slices > 0)
        go_bits = np.where(boundary, GO_BEFORE_PIXELS_BITS, GO_BITS)
        cost = (
            rate[:, None] * outlook.bits[rows, :, column] + (goal.compute / g.pixels)[:, None] * outlook.kmac[rows, :, column]
        )
        change = CHANGE_BITS[segment_class(column, most), standing.tier]
        named = cost + outlook.go[rows, column + 1] + rate[:, None] * (go_bits[:, None] + change)
        costs = np.full((batch, self.actions), np.inf)
        costs[:, STOP_ACTION] = outlook.stop[rows, column]
        costs[:, FIRST_TIER_ACTION : FIRST_TIER_ACTION + len(TIERS)] = named
        here = costs[:, STOP_ACTION].copy()
        if choosing.any():
            costs[choosing] = np.inf
            images = known.take(choosing)
            some = goal.take(choosing)
            costs[choosing, : len(self.budgets)] = self.budget_costs(images, predicted[choosing], error[choosing], some)
            here[choosing] = distortion_of(some.kind, error[choosing, 0])

        symbols = np.where(column < most, g.slice_symbols, g.width)
        ahead = np.arange(most + g.height)[None] >= column[:, None]
        ahead &= (np.arange(most + g.height)[None] < standing.slices[:, None]) | (np.arange(most + g.height)[None] >= most)
        rest = (outlook.bits * ahead[:, None]).sum(2) / g.pixels
        first_db = decibels(goal.kind, error[:, 0])
        image = known.statistics.copy()
        image[:, -1] /= 10
        parts = [
            *advice_parts(costs, np.isfinite(costs), here, goal, RATE_RANGE),
            np.eye(3)[standing.phase],
            (np.where(standing.slices > 0, np.minimum(standing.position / np.maximum(standing.slices, 1), 1), 1) * coming)[
                :, None
            ],
            (np.maximum(column - most, 0) / g.height * coming)[:, None],
            (standing.slices / most * coming)[:, None],
            np.eye(len(TIERS))[standing.tier],
            (standing.bits / g.pixels)[:, None],
            (standing.kmac / g.pixels / 10)[:, None],
            (np.where(choosing, first_db, outlook.stop_db[rows, column]) / 50)[:, None],
            outlook.bits[rows, :, column] / symbols[:, None] * coming[:, None],
            outlook.kmac[rows][:, DEAR_TIERS][np.arange(batch), :, column] / symbols[:, None] / (20, 400) * coming[:, None],
            rest * coming[:, None],
            image,
        ]
        return joined(parts)
