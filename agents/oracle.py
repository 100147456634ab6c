"""The exact oracle and the best fixed action sequence, by one dynamic programme over trace tables.

For every bit budget and every place to stop, the cheapest tiers are found by a Viterbi search whose state is the tier
of the segment before (naming another tier costs bits). The oracle does this for each image; the best fixed sequence is
the same search on the images' mean, since costs add up and distortion depends on budget and stop alone.
"""

from dataclasses import dataclass

import numpy as np

from rlcodec.control.objective import KINDS, MEASURE_OF, Objective, distortion_of
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.mnist.trace import Trace
from rlcodec.presets.mnist.observation import CHANGE_COSTS, FIRST_TIER_ACTION, STOP_ACTION, segment_class
from rlcodec.presets.mnist.segments import synthesis_macs
from rlcodec.presets.mnist.weights import Model

LATENT_COLUMNS = [min(tier, LATENT_TIERS - 1) for tier in range(len(TIERS))]
"""Latents have fewer tiers than pixels; the others cannot be named there, so any number will do."""


@dataclass(frozen=True)
class Plan:
    """The best action sequence found, for one image or for all.

    Attributes:
        value: J.
        actions: what to do, as the environment counts actions.
    """

    value: float
    actions: tuple[int, ...]


@dataclass(frozen=True)
class _Tables:
    """Costs in J of n cases: latents (n, LATENT_TIERS, s), latent stops (n, s), pixels (n, b, t, h), stops (n, b, h + 1)."""

    latent: np.ndarray
    latent_stop: np.ndarray
    pixel: np.ndarray
    stop: np.ndarray


def _tables(trace: Trace, objective: Objective) -> _Tables:
    pixels = trace.images[0].size
    per_cost = objective.lambda_rate / COST_UNIT / pixels
    per_mac = objective.lambda_compute / MACS_PER_KMAC / pixels
    kind = np.full(len(trace), KINDS.index(objective.kind))
    in_latents, in_rows = trace.errors(MEASURE_OF[kind[0]])
    return _Tables(
        trace.latent_cost * per_cost + trace.latent_macs * per_mac,
        distortion_of(kind, in_latents[:, :-1]),
        trace.pixel_cost * per_cost + trace.pixel_macs * per_mac,
        distortion_of(kind, in_rows),
    )


def _search(tables: _Tables, objective: Objective, model: Model, pixels: tuple[int, int]) -> list[Plan]:
    """The best plan of each case."""
    n, tiers = len(tables.latent), len(TIERS)
    height, area = tables.pixel.shape[3], pixels[0] * pixels[1]
    per_cost = objective.lambda_rate / COST_UNIT / area
    synthesis = objective.lambda_compute * synthesis_macs(model, *pixels, 1) / MACS_PER_KMAC / area
    best = np.full(n, np.inf)
    chosen: list[tuple[int, int, int, int]] = [(0, 0, 0, 0)] * n
    pointers = {}
    for budget, slices in enumerate(model.preset.budget_slices):
        segments = slices + height
        reach = np.full((n, tiers), np.inf)
        reach[:, CONTEXT] = synthesis if slices else 0.0
        back = np.zeros((segments, n, tiers), np.int8)
        for i in range(segments + 1):
            boundary = i == slices and slices > 0
            stop = STOP_BEFORE_PIXELS_PROBABILITY if boundary else STOP_PROBABILITY
            distortion = tables.latent_stop[:, i] if i < slices else tables.stop[:, budget, i - slices]
            mark = 0.0 if i == segments else per_cost * COSTS[stop]
            total = reach.min(1) + distortion + mark
            better = total < best
            best = np.where(better, total, best)
            for case in np.nonzero(better)[0]:
                chosen[case] = (budget, slices, i, int(reach[case].argmin()))
            if i == segments:
                break
            cost = tables.latent[:, LATENT_COLUMNS, i] if i < slices else tables.pixel[:, budget, :, i - slices]
            step = reach[:, :, None] + per_cost * (COSTS[PROBABILITY_ONE - stop] + CHANGE_COSTS[segment_class(i, slices)])[None]
            back[i] = step.argmin(1)
            reach = step.min(1) + cost
        pointers[budget] = back
    plans = []
    for case, (budget, _, length, tier) in enumerate(chosen):
        names = []
        for i in range(length - 1, -1, -1):
            names.append(FIRST_TIER_ACTION + tier)
            tier = int(pointers[budget][i, case, tier])
        end = [] if length == model.preset.budget_slices[budget] + height else [STOP_ACTION]
        plans.append(Plan(float(best[case]), (budget, *reversed(names), *end)))
    return plans


def oracle(trace: Trace, objective: Objective, model: Model) -> list[Plan]:
    """The best plan of every image, known in hindsight."""
    return _search(_tables(trace, objective), objective, model, trace.images.shape[1:])


def best_fixed(trace: Trace, objective: Objective, model: Model) -> Plan:
    """The one action sequence that is best on average over the trace's images; its value is that average."""
    tables = _tables(trace, objective)
    mean = _Tables(*(getattr(tables, name).mean(0, keepdims=True) for name in ("latent", "latent_stop", "pixel", "stop")))
    return _search(mean, objective, model, trace.images.shape[1:])[0]


def replay(episodes: Episodes, objective: Objective, actions: list[tuple[int, ...]]) -> np.ndarray:
    """J of given action sequences, one for each image of the trace, float64 (n,); `episodes` has as many rows."""
    episodes.reset_to(objective, np.arange(len(actions)))
    for i in range(max(map(len, actions))):
        episodes.step(np.array([a[min(i, len(a) - 1)] for a in actions]))
    return episodes.objective_values()
