"""The best action sequences of preset `mnist` in hindsight, for each image and on average, by dynamic programming.

For every bit budget and every place to stop, a Viterbi search finds the cheapest tiers; its state is the tier of the previous
segment, since naming another tier costs bits. The oracle searches for each image by itself. The best fixed sequence is the
result of the same search on the mean over all images, since costs add up and distortion depends on the budget and the stop
alone.
"""

from dataclasses import dataclass

import numpy as np

from rlcodec.control.objective import KINDS, LOSS, MEASURE_OF, Objective, distortion
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.hindsight import Plan
from rlcodec.presets.mnist._decisions import CHANGE_COSTS
from rlcodec.presets.mnist._tables import Sizes
from rlcodec.presets.mnist.decisions import FIRST_TIER_ACTION, STOP_ACTION, segment_class
from rlcodec.presets.mnist.process import MnistProcess

LATENT_COLUMNS = [min(tier, LATENT_TIERS - 1) for tier in range(len(TIERS))]
"""Latents have fewer tiers than pixels; the others cannot be named there, so that any number will do."""


@dataclass(frozen=True)
class _Costs:
    """What segments and stops cost of n cases, in J.

    Attributes:
        latent: float64 (n, LATENT_TIERS, s), of latent slices.
        latent_stop: float64 (n, s), of stopping before each latent slice.
        pixel: float64 (n, budgets, tiers, h), of rows of pixels.
        stop: float64 (n, budgets, h + 1), of stopping before each row, or behind the last.
    """

    latent: np.ndarray
    latent_stop: np.ndarray
    pixel: np.ndarray
    stop: np.ndarray

    def mean(self) -> "_Costs":
        """The mean over all cases, as the only case."""
        return _Costs(*(values.mean(0, keepdims=True) for values in vars(self).values()))


def _costs(process: MnistProcess, objective: Objective) -> _Costs:
    tables, pixels = process.measurements, process.sizes.pixels
    per_cost = objective.lambda_rate / COST_UNIT / pixels
    per_mac = objective.lambda_compute / MACS_PER_KMAC / pixels
    if MEASURE_OF[KINDS.index(objective.kind)] == LOSS:
        in_latents, in_rows = tables.latent_loss.astype(np.float64), tables.stop_loss.astype(np.float64)
    else:
        in_latents, in_rows = tables.latent_sse / pixels, tables.stop_sse / pixels
    return _Costs(
        tables.latent_cost * per_cost + tables.latent_macs * per_mac,
        distortion(objective.kind, in_latents[:, :-1]),
        tables.pixel_cost * per_cost + tables.pixel_macs * per_mac,
        distortion(objective.kind, in_rows),
    )


def oracle(process: MnistProcess, objective: Objective) -> list[Plan]:
    """The best plan of every image of a process on complete measurements."""
    return _search(_costs(process, objective), objective, process.sizes)


def best_fixed(process: MnistProcess, objective: Objective) -> Plan:
    """The one action sequence that is best on average over all images; its value is that average."""
    return _search(_costs(process, objective).mean(), objective, process.sizes)[0]


def _search(costs: _Costs, objective: Objective, sizes: Sizes) -> list[Plan]:
    """The best plan of each case."""
    n, tiers = len(costs.latent), len(TIERS)
    per_cost = objective.lambda_rate / COST_UNIT / sizes.pixels
    synthesis = objective.lambda_compute * sizes.synthesis_macs / MACS_PER_KMAC / sizes.pixels
    best = np.full(n, np.inf)
    ends: list[tuple[int, int, int]] = [(0, 0, 0)] * n  # budget, segments coded and last tier of the best plan
    pointers = []
    for budget, slices in enumerate(sizes.budget_slices):
        segments = slices + sizes.height
        reach = np.full((n, tiers), np.inf)
        reach[:, CONTEXT] = synthesis if slices else 0.0
        back = np.zeros((segments, n, tiers), np.int8)
        for i in range(segments + 1):
            before_pixels = i == slices and slices > 0
            stop = STOP_BEFORE_PIXELS_PROBABILITY if before_pixels else STOP_PROBABILITY
            stopped = costs.latent_stop[:, i] if i < slices else costs.stop[:, budget, i - slices]
            mark = 0.0 if i == segments else per_cost * COSTS[stop]
            total = reach.min(1) + stopped + mark
            better = total < best
            best = np.where(better, total, best)
            for case in np.nonzero(better)[0]:
                ends[case] = (budget, i, int(reach[case].argmin()))
            if i == segments:
                break
            coded = costs.latent[:, LATENT_COLUMNS, i] if i < slices else costs.pixel[:, budget, :, i - slices]
            named = per_cost * (COSTS[PROBABILITY_ONE - stop] + CHANGE_COSTS[segment_class(i, slices)])
            step = reach[:, :, None] + named[None]
            back[i] = step.argmin(1)
            reach = step.min(1) + coded
        pointers.append(back)
    plans = []
    for episode, (budget, length, tier) in enumerate(ends):
        actions = []
        for i in range(length - 1, -1, -1):
            actions.append(FIRST_TIER_ACTION + tier)
            tier = int(pointers[budget][i, episode, tier])
        end = [] if length == len(pointers[budget]) else [STOP_ACTION]
        plans.append(Plan(float(best[episode]), (budget, *reversed(actions), *end)))
    return plans
