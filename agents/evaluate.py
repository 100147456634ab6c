"""Measures a policy on held-out images against fixed settings, a threshold rule, the planner and the oracle."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rlcodec.agents.baselines import constant_settings, threshold_values, tune_threshold
from rlcodec.agents.contest import Contest, best_mixture, objective_grid
from rlcodec.agents.oracle import best_fixed, oracle
from rlcodec.agents.picture_oracle import compact_contest, own_contest, picture_contest
from rlcodec.control.objective import Objective
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.core.preset_ids import COMPACT, PHOTO
from rlcodec.envs.batch import Core
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.mnist.trace import Trace
from rlcodec.envs.tasks import Task
from rlcodec.presets.external.decisions import OWN
from rlcodec.presets.mnist.observation import Predictor
from rlcodec.presets.mnist.weights import Model

GRID_RATE = {"mse": (3.0, 3.3, 3.6, 3.9, 4.4), "psnr": (1.65, 1.8, 1.95, 2.1, 2.25), "ms-ssim": (1.75, 1.9, 2.05, 2.2, 2.35)}
BOOTSTRAP = 1000
SMALLEST_GAP = 1e-6
"""Relative to J; where oracle and best fixed sequence differ by less there is no gap to take a share of."""

Chooser = Callable[[np.ndarray], np.ndarray]
"""Observations float32 (B, size) to actions (B,)."""


def digit_contest(trace: Trace, model: Model, predictor: Predictor) -> Contest:
    """The contest on a trace of digits, with the encoder's predictions."""
    return Contest(
        Episodes(trace, model, predictor, len(trace)),
        trace.statistics,
        objective_grid(GRID_RATE),
        constant_settings(model.preset.budget_slices, trace.images.shape[1]),
        lambda objective: oracle(trace, objective, model),
        lambda objective: best_fixed(trace, objective, model),
    )


def contest_of(task: Task, trace: Any, predictor: Any) -> Contest:
    """The contest on a trace of any preset, with the encoder's predictions."""
    if task.model.preset is PHOTO:
        return picture_contest(trace, predictor)
    if task.model.preset is COMPACT:
        return compact_contest(trace, predictor)
    if task.model.preset is OWN:
        return own_contest(trace, predictor)
    return digit_contest(trace, task.model, predictor)


def greedy_advice(actions: int) -> Chooser:
    """The planner's advice taken as it is."""
    return lambda seen: np.where(seen[:, :actions] > 0.5, seen[:, actions : 2 * actions], np.inf).argmin(1)


def run_episodes(episodes: Core, objective: Objective, choose: Chooser) -> np.ndarray:
    """Runs one episode for each image of the trace; returns J, float64 (n,). `episodes` keeps the final state."""
    episodes.reset_to(objective, np.arange(episodes.batch))
    while not episodes.done.all():
        episodes.step(choose(episodes.observe()))
    return episodes.objective_values()


@dataclass(frozen=True)
class Evaluation:
    """Results over a grid.

    Attributes:
        table: a row per objective: J of every contender, shares, what the policy spends and gives, and by how much less it
            spends than the best mixtures of fixed settings that do as well.
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


def share_of_gap(fixed: np.ndarray, policy: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How far from the best fixed sequence's J to the oracle's a policy gets: 0 at the first, 1 at the second."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (fixed - policy) / (fixed - best)


def has_gap(contest: Contest, objective: Objective, fixed: np.ndarray, best: np.ndarray) -> bool:
    """Whether there is a gap to take a share of between J of the best fixed sequence and of the oracle, by images."""
    smallest = max(SMALLEST_GAP * abs(best.mean()), contest.smallest_gap * objective.lambda_rate)
    return bool(fixed.mean() - best.mean() > smallest)


def _constant_parts(contest: Contest, kind: str) -> np.ndarray:
    """D, R and C of every constant setting on every image, float64 (settings, 3, n)."""
    parts = []
    for actions in contest.constants:
        contest.replay(Objective(kind, 1.0, 0.0), actions)
        parts.append(contest.episodes.objective_parts())
    return np.stack(parts)


def evaluate_policy(contest: Contest, choose: Chooser, report: Callable[[int, int], None] | None = None) -> Evaluation:
    """Evaluates a policy over a contest's grid.

    Fixed sequence, threshold rule and mixtures are tuned on these very images, in hindsight, which favours them.

    Args:
        contest: on held-out images.
        choose: the policy.
        report: called with (objectives done, objectives in all).
    """
    episodes, n = contest.episodes, contest.images
    advice = greedy_advice(episodes.action_count)
    constants = {kind: _constant_parts(contest, kind) for kind in dict.fromkeys(o.kind for o in contest.grid)}
    rows = []
    names = ("fixed", "threshold", "planner", "policy", "oracle")
    values: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for done, objective in enumerate(contest.grid):
        parts = constants[objective.kind]
        weights = np.array([1.0, objective.lambda_rate, objective.lambda_compute])
        by_constant = np.einsum("p,spn->sn", weights, parts)
        rule = tune_threshold(by_constant, contest.statistics)
        fixed = contest.fixed(objective).actions
        found = {
            "fixed": contest.replay(objective, fixed),
            "threshold": threshold_values(rule, by_constant, contest.statistics),
            "oracle": np.array([plan.value for plan in contest.oracle(objective)]),
            "planner": run_episodes(episodes, objective, advice),
            "policy": run_episodes(episodes, objective, choose),
        }
        for name in names:
            values[name].append(found[name])
        spent, reached = episodes.spent(), episodes.objective_parts().mean(1)
        mixture = best_mixture(np.concatenate([parts.mean(2), contest.parts(objective, fixed)[None]]), reached)
        mean = {f"J_{name}": float(found[name].mean()) for name in names}
        share = {
            f"share_{name}": float(share_of_gap(found["fixed"].mean(), found[name].mean(), found["oracle"].mean()))
            for name in ("threshold", "planner", "policy")
        }
        mse = float(spent.mse.mean())
        rows.append(
            {"kind": objective.kind, "lambda_rate": objective.lambda_rate, "lambda_compute": objective.lambda_compute}
            | mean
            | share
            | {
                "gap_counts": has_gap(contest, objective, found["fixed"], found["oracle"]),
                "distortion": float(reached[0]),
                "rate_bpp": float(reached[1]),
                "psnr_db": 10 * np.log10(PEAK_SQUARED / max(mse, 1e-9)) if mse else np.inf,
                "ms_ssim": float(spent.ms_ssim.mean()),
                "decoder_kmac_per_pixel": float(reached[2]),
                "rate_saved": 1 - reached[1] / mixture.rate,
                "compute_saved": 1 - reached[2] / mixture.compute,
            }
        )
        if report:
            report(done + 1, len(contest.grid))
    stacked = {name: np.stack(values[name]) for name in ("fixed", "policy", "oracle")}
    table = pd.DataFrame(rows)
    counts = table.gap_counts.to_numpy()

    def share_of(index: np.ndarray) -> float:
        shares = share_of_gap(*(stacked[name][counts][:, index].mean(1) for name in ("fixed", "policy", "oracle")))
        known = shares[np.isfinite(shares)]  # of few images drawn anew, none may leave a gap
        return float(known.mean()) if len(known) else float("nan")

    random = np.random.default_rng(0)
    drawn = [share_of(random.integers(0, n, n)) for _ in range(BOOTSTRAP)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Evaluation(table, share_of(np.arange(n)), float(low), float(high), int(counts.sum()))
