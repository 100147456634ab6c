"""What a policy sees of a digit: the observation's fields, what they are computed from, and the advice that all presets share.

An episode is one image under one objective. Action 0, 1, ... of the first step is a bit budget; of every later step it
is stop, or a tier for the next segment. Everything here works on batches, one row per image or episode.

Beside plain facts the observation holds the **regret** of each action as a small planner predicts it. What the encoder
has measured (`rlcodec.presets.mnist.measurements`) enters exactly; the rest comes from least-squares predictions (`Predictor`); the
objective's weights turn both into costs. A policy can follow that advice or learn where it is wrong.
"""

import json
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from rlcodec.control.observation import advice_layout
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import (
    CONTEXT,
    LATENT,
    LM,
    PIXELS,
    STOP_BEFORE_PIXELS_PROBABILITY,
    STOP_PROBABILITY,
    TIERS,
    change_costs,
)
from rlcodec.presets.mnist.measurements import KNOWN_TIERS, STATISTICS

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
KMAC_UNIT = 1000.0


def action_count(budgets: int) -> int:
    """Actions of a preset with so many bit budgets."""
    return max(budgets, FIRST_TIER_ACTION + len(TIERS))


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
        latent_bits: float64 (B, t, s), of every slice under each of `rlcodec.presets.mnist.measurements.KNOWN_TIERS`.
        latent_kmac: float64 (B, t, s).
        row_bits: float64 (B, t, h), of every row under each of these when no latents are sent.
        row_kmac: float64 (B, t, h).
    """

    statistics: np.ndarray
    latent_bits: np.ndarray
    latent_kmac: np.ndarray
    row_bits: np.ndarray
    row_kmac: np.ndarray


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
