"""What a policy sees of a digit: the observation's fields, what they are computed from, and the advice that all presets share.

An episode is one image under one objective. Action 0, 1, ... of the first step is a bit budget; of every later step it
is stop, or a tier for the next segment. Everything here works on batches, one row per image or episode.

Beside plain facts the observation holds the **regret** of each action as a small planner predicts it. What the encoder
has measured (`rlcodec.facts`) enters exactly; the rest comes from least-squares predictions (`Predictor`); the
objective's weights turn both into costs. A policy can follow that advice or learn where it is wrong.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from rlcodec.coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.facts import KNOWN_TIERS, STATISTICS
from rlcodec.kernel import inlined, kernel
from rlcodec.objective import (
    COMPUTE_RANGE,
    KINDS,
)
from rlcodec.segments import LATENT, PIXELS, change_costs
from rlcodec.stream import CONTEXT, LM, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TIERS

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
LEAST_RATIO = 10 ** (COMPUTE_RANGE[0] - 1)
"""What lambda_compute / lambda_rate counts as where there is none."""


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


class Known(NamedTuple):
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


class Goal(NamedTuple):
    """The objectives of B episodes: `kind` int64 index into KINDS, `rate` and `compute` float64 weights, each (B,)."""

    kind: np.ndarray
    rate: np.ndarray
    compute: np.ndarray

    def take(self, index: Any) -> "Goal":
        """The same of some of the episodes."""
        return Goal(self.kind[index], self.rate[index], self.compute[index])


class Outlook(NamedTuple):
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


class Standing(NamedTuple):
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


def segment_class(position: np.ndarray | int, slices: np.ndarray | int) -> np.ndarray:
    """Which of `CHANGE_COSTS` the segment at a position takes, after so many latent slices; also of arrays of both."""
    return np.sign(np.subtract(position, slices)) + FIRST_ROW


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


@kernel
def scale_of(rate: float, compute: float) -> float:
    """As `objective_scale`, of one objective, for kernels."""
    return SCALE_RATE_BPP * rate + SCALE_KMAC * compute


@kernel
def write_advice(
    b: int, costs: np.ndarray, legal: np.ndarray, here: float, kind: int, rate: float, compute: float, ranges: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Writes the fields of `advice_layout` of one episode into row b of `out`.

    Args:
        b: row of `out`.
        costs: float64 (actions,), predicted J that each action leads to, infinite where it leads nowhere.
        legal: bool (actions,).
        here: J if stopped now.
        kind: of the objective.
        rate: its lambda_rate.
        compute: its lambda_compute.
        ranges: float64 (kinds, 2), log10 of lambda_rate that the preset's policies are trained for.
        out: float32 (B, size).
    """
    actions = costs.shape[0]
    best, scale = np.inf, scale_of(rate, compute)
    for a in range(actions):
        best = min(best, costs[a])
    for a in range(actions):
        regret = REGRET_LIMIT
        if legal[a]:
            regret = min((costs[a] - best) / scale, REGRET_LIMIT)
        out[b, a] = 1 if legal[a] else 0
        out[b, actions + a] = np.log1p(regret)
    gain = (here - best) / scale
    at = 2 * actions
    out[b, at] = limited(np.log1p(gain) if gain > 0 else -np.log1p(-gain))
    for k in range(len(KINDS)):
        out[b, at + 1 + k] = 1 if k == kind else 0
    at += 1 + len(KINDS)
    out[b, at] = limited(2 * (np.log10(rate) - ranges[kind, 0]) / (ranges[kind, 1] - ranges[kind, 0]) - 1)
    ratio = np.log10(max(compute / rate, LEAST_RATIO))
    out[b, at + 1] = limited(2 * (ratio - COMPUTE_RANGE[0]) / (COMPUTE_RANGE[1] - COMPUTE_RANGE[0]) - 1)


@inlined
def limited(value: float) -> float:
    """A number within the observation's limits."""
    return min(max(value, -OBSERVATION_LIMIT), OBSERVATION_LIMIT)


@kernel
def _write_all_advice(
    costs: np.ndarray, legal: np.ndarray, here: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray,
    ranges: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    for b in range(len(out)):
        write_advice(b, costs[b], legal[b], here[b], kind[b], rate[b], compute[b], ranges, out)


def rate_limits(rate_range: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """Ranges by kind as `write_advice` takes them."""
    return np.array([rate_range[kind] for kind in KINDS])


def advice_of(
    costs: np.ndarray, legal: np.ndarray, here: np.ndarray, goal: Goal, rate_range: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """The fields of `advice_layout` for B episodes, float32 (B, length); arguments as `write_advice`, of all episodes."""
    out = np.empty((len(costs), sum(length for _, length, _ in advice_layout(costs.shape[1]))), np.float32)
    _write_all_advice(costs, legal, here, goal.kind, goal.rate, goal.compute, rate_limits(rate_range), out)
    return out


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Fields side by side, within limits, float32 (B, size)."""
    return np.clip(np.concatenate(parts, 1), -OBSERVATION_LIMIT, OBSERVATION_LIMIT).astype(np.float32)


class Geometry(NamedTuple):
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
