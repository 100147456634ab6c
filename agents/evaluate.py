"""Measures a policy on held-out images against fixed settings, a threshold rule, the planner and the oracle."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rlcodec.agents.baselines import constant_values, threshold_values, tune_threshold
from rlcodec.agents.oracle import best_fixed, oracle, replay
from rlcodec.coder import COST_UNIT
from rlcodec.envs.episodes import Episodes
from rlcodec.envs.trace import Trace
from rlcodec.model import Model
from rlcodec.objective import PEAK_SQUARED, Objective
from rlcodec.observation import Predictor
from rlcodec.segments import MACS_PER_KMAC

GRID_RATE = {"mse": (3.0, 3.3, 3.6, 3.9, 4.4), "psnr": (1.65, 1.8, 1.95, 2.1, 2.25), "ms-ssim": (1.75, 1.9, 2.05, 2.2, 2.35)}
GRID_COMPUTE = (-4.4, -3.4, -2.35, -1.3)
BOOTSTRAP = 1000
SMALLEST_GAP = 1e-6
"""Relative to J; where oracle and best fixed sequence differ by less there is no gap to take a share of."""

Chooser = Callable[[np.ndarray], np.ndarray]
"""Observations float32 (B, size) to actions (B,)."""


def objective_grid() -> list[Objective]:
    """The grid of objectives that every evaluation uses."""
    return [
        Objective(kind, 10**rate, 10 ** (rate + compute))
        for kind, rates in GRID_RATE.items()
        for rate in rates
        for compute in GRID_COMPUTE
    ]


def greedy_advice(actions: int) -> Chooser:
    """The planner's advice taken as it is."""
    return lambda seen: np.where(seen[:, :actions] > 0.5, seen[:, actions : 2 * actions], np.inf).argmin(1)


def run_episodes(episodes: Episodes, objective: Objective, choose: Chooser) -> np.ndarray:
    """Runs one episode for each image of the trace; returns J, float64 (n,). `episodes` keeps the final state."""
    episodes.reset_to(objective, np.arange(episodes.batch))
    while not episodes.done.all():
        episodes.step(choose(episodes.observe()))
    return episodes.objective_values()


@dataclass(frozen=True)
class Evaluation:
    """Results over a grid.

    Attributes:
        table: a row per objective: J of every contender, shares, rate, quality and compute of the policy.
        share: mean over the objectives of (J_fixed - J_policy) / (J_fixed - J_oracle).
        low: lower end of the 95% bootstrap interval over images.
        high: upper end.
        objectives: how many had a gap to share.
    """

    table: pd.DataFrame
    share: float
    low: float
    high: float
    objectives: int


def _share(fixed: np.ndarray, policy: np.ndarray, best: np.ndarray) -> np.ndarray:
    gap = fixed - best
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(gap > SMALLEST_GAP * np.abs(best), (fixed - policy) / gap, np.nan)


def evaluate_policy(
    trace: Trace, model: Model, predictor: Predictor, choose: Chooser, report: Callable[[int, int], None] | None = None
) -> Evaluation:
    """Evaluates a policy over the grid.

    Fixed sequence and threshold rule are tuned on these very images, in hindsight, which favours them.

    Args:
        trace: of held-out images.
        model: the codec.
        predictor: the policy's predictions.
        choose: the policy.
        report: called with (objectives done, objectives in all).
    """
    episodes, grid = Episodes(trace, model, predictor, len(trace)), objective_grid()
    pixels = trace.images[0].size
    advice = greedy_advice(episodes.action_count)
    rows = []
    names = ("fixed", "threshold", "planner", "policy", "oracle")
    values: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for done, objective in enumerate(grid):
        fixed = best_fixed(trace, objective, model)
        constants = constant_values(episodes, objective)
        rule = tune_threshold(constants, trace.statistics)
        found = {
            "fixed": replay(episodes, objective, [fixed.actions] * len(trace)),
            "threshold": threshold_values(rule, constants, trace.statistics),
            "oracle": np.array([plan.value for plan in oracle(trace, objective, model)]),
            "planner": run_episodes(episodes, objective, advice),
            "policy": run_episodes(episodes, objective, choose),
        }
        for name in names:
            values[name].append(found[name])
        mean = {f"J_{name}": float(found[name].mean()) for name in names}
        share = {
            f"share_{name}": float(_share(found["fixed"].mean(), found[name].mean(), found["oracle"].mean()))
            for name in ("threshold", "planner", "policy")
        }
        mse = episodes.mse
        rows.append(
            {"kind": objective.kind, "lambda_rate": objective.lambda_rate, "lambda_compute": objective.lambda_compute}
            | mean
            | share
            | {
                "rate_bpp": float(episodes.cost.mean() / COST_UNIT / pixels),
                "psnr_db": float(10 * np.log10(PEAK_SQUARED / max(mse.mean(), 1e-9))) if mse.mean() else np.inf,
                "ms_ssim": float(episodes.ms_ssim.mean()),
                "decoder_kmac_per_pixel": float(episodes.macs.mean() / MACS_PER_KMAC / pixels),
            }
        )
        if report:
            report(done + 1, len(grid))
    stacked = {name: np.stack(values[name]) for name in ("fixed", "policy", "oracle")}
    shares = _share(*(stacked[name].mean(1) for name in ("fixed", "policy", "oracle")))
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(BOOTSTRAP):
        index = random.integers(0, len(trace), len(trace))
        again = _share(*(stacked[name][:, index].mean(1) for name in ("fixed", "policy", "oracle")))
        drawn.append(np.nanmean(again[np.isfinite(shares)]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    counted = int(np.isfinite(shares).sum())
    return Evaluation(pd.DataFrame(rows), float(np.nanmean(shares)), float(low), float(high), counted)
