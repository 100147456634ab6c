"""Evaluates a policy on held-out images against fixed settings, a threshold rule, the planner's advice and the oracle."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rlcodec.agents.baselines import PlannerActor, tune_threshold
from rlcodec.control.actor import Actor, best_legal
from rlcodec.control.decision_process import DecisionProcess, EpisodeState
from rlcodec.control.objective import Objective
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.core.progress import Report, with_progress
from rlcodec.core.statistics import bootstrap_interval
from rlcodec.envs.hindsight import Hindsight

SMALLEST_GAP = 1e-6
"""Relative to J; if the oracle and the best fixed sequence differ by less, there is no gap to take a share of."""
SOLVED = 0
"""Status of a linear programme that has a solution."""
ENDED = -1
"""In place of an action, where an episode has ended."""
RULES = ("threshold", "planner", "policy")
CONTENDERS = ("fixed", *RULES, "oracle")


def run_episodes(process: DecisionProcess, objective: Objective, actor: Actor) -> EpisodeState:
    """Runs one episode for each image of a process as an actor chooses.

    Args:
        process: whose images.
        objective: of all episodes.
        actor: makes the decisions.

    Returns:
        The final states; `process.values` of them is J.
    """
    count = process.image_count
    state = process.initial(np.arange(count), process.spec.objectives_of(objective, count))
    run_to_end(process, state, actor)
    return state


def run_to_end(process: DecisionProcess, state: EpisodeState, actor: Actor) -> list[tuple[int, ...]]:
    """Runs episodes, whose states change in place, to their end as an actor chooses; returns the actions of each."""
    steps = []
    while not state.done.all():
        action = best_legal(actor.logits(process.observe(state)), process.legal(state))
        steps.append(np.where(state.done, ENDED, action))
        process.apply(state, action)
    return [tuple(row[row != ENDED].tolist()) for row in np.array(steps).T]


@dataclass(frozen=True)
class Mixture:
    """What a mixture of fixed settings, drawn for each image by lot, needs at least to do as well as a policy.

    Attributes:
        rate_bpp: the least bits per pixel with no more D and compute; NaN if no mixture does as well.
        kmac_per_pixel: the least decoder kMAC per pixel with no more D and rate; NaN if no mixture does as well.
    """

    rate_bpp: float
    kmac_per_pixel: float


def best_mixture(settings: np.ndarray, policy: np.ndarray) -> Mixture:
    """The mixtures of fixed settings that match a policy at the least rate, and at the least compute.

    Mixtures reach every point of the convex hull of the settings, so they are a stronger baseline than any one setting.

    Args:
        settings: float64 (s, 3), mean D, R and C of the settings.
        policy: float64 (3,), of the policy.
    """
    from scipy.optimize import linprog

    def least(component: int) -> float:
        others = [i for i in range(3) if i != component]
        solution = linprog(
            settings[:, component],
            A_ub=settings[:, others].T,
            b_ub=policy[others],
            A_eq=np.ones((1, len(settings))),
            b_eq=[1.0],
        )
        return float(solution.fun) if solution.status == SOLVED else float("nan")

    return Mixture(least(1), least(2))


@dataclass(frozen=True)
class Evaluation:
    """Results over a grid of objectives.

    Attributes:
        table: a row for each objective: mean J of every contender, shares of the gap, what the policy costs and gives, and how
            much of the rate and the compute it saves against the best mixtures of fixed settings that do as well.
        share: mean over the objectives of (J_fixed - J_policy) / (J_fixed - J_oracle).
        low: lower end of its 95% bootstrap interval over images.
        high: upper end.
        objectives: how many objectives have a gap to take a share of.
    """

    table: pd.DataFrame
    share: float
    low: float
    high: float
    objectives: int


def share_of_gap(fixed: np.ndarray, policy: np.ndarray, oracle: np.ndarray) -> np.ndarray:
    """The share of the gap from the best fixed sequence's J to the oracle's: 0 at the first, 1 at the second."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (fixed - policy) / (fixed - oracle)


def has_gap(hindsight: Hindsight, objective: Objective, fixed: np.ndarray, oracle: np.ndarray) -> bool:
    """Whether J of the best fixed sequence and of the oracle, float64 (n,) each, differ enough to take a share of the gap."""
    smallest = max(SMALLEST_GAP * abs(oracle.mean()), hindsight.smallest_gap_bpp * objective.lambda_rate)
    return bool(fixed.mean() - oracle.mean() > smallest)


def evaluate_policy(hindsight: Hindsight, policy: Actor, report: Report | None = None) -> Evaluation:
    """Evaluates a policy over a grid of objectives.

    The fixed sequence, the threshold rule and the mixtures are tuned on these very images, which favours them.

    Args:
        hindsight: what is known of held-out images.
        policy: makes the decisions.
        report: called with (objectives done, objectives in all).
    """
    kinds = {objective.kind for objective in hindsight.grid}
    # D, R and C of every setting on every image, float64 (settings, 3, n).
    settings = {kind: np.stack([hindsight.parts(kind, actions) for actions in hindsight.settings]) for kind in kinds}
    rows, values = [], []
    for objective in with_progress(hindsight.grid, len(hindsight.grid), report):
        row, by_contender = _evaluate_objective(hindsight, objective, policy, settings[objective.kind])
        rows.append(row)
        values.append(np.stack([by_contender[name] for name in ("fixed", "policy", "oracle")]))
    table = pd.DataFrame(rows)
    with_gap = np.stack(values, 1)[:, table.gap_counts.to_numpy()]  # (3, objectives, n)

    def share_of(images: np.ndarray) -> float:
        shares = share_of_gap(*with_gap[:, :, images].mean(2))
        finite = shares[np.isfinite(shares)]  # a resample of few images may leave no gap
        return float(finite.mean()) if len(finite) else float("nan")

    count = hindsight.process.image_count
    return Evaluation(table, share_of(np.arange(count)), *bootstrap_interval(share_of, count), int(table.gap_counts.sum()))


def _evaluate_objective(
    hindsight: Hindsight, objective: Objective, policy: Actor, settings: np.ndarray
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A row of the table, and J of every contender on every image, float64 (n,) each."""
    process = hindsight.process
    by_setting = np.einsum("p,spn->sn", np.array([1.0, objective.lambda_rate, objective.lambda_compute]), settings)
    best_fixed = hindsight.best_fixed(objective).actions
    final = run_episodes(process, objective, policy)
    values = {
        "fixed": hindsight.replay(objective, best_fixed),
        "threshold": tune_threshold(by_setting, hindsight.statistics).values(by_setting, hindsight.statistics),
        "oracle": np.array([plan.value for plan in hindsight.oracle(objective)]),
        "planner": process.values(run_episodes(process, objective, PlannerActor(process.spec.action_count))),
        "policy": process.values(final),
    }
    mean = {name: values[name].mean() for name in CONTENDERS}
    totals, parts = process.totals(final), process.parts(final).mean(1)
    fixed_parts = hindsight.parts(objective.kind, best_fixed).mean(1)
    mixture = best_mixture(np.concatenate([settings.mean(2), fixed_parts[None]]), parts)
    mse = float(totals.mse.mean())
    with np.errstate(invalid="ignore", divide="ignore"):
        saved = 1 - parts[1:] / np.array([mixture.rate_bpp, mixture.kmac_per_pixel])
    row = {
        "kind": objective.kind,
        "lambda_rate": objective.lambda_rate,
        "lambda_compute": objective.lambda_compute,
        **{f"J_{name}": float(mean[name]) for name in CONTENDERS},
        **{f"share_{name}": float(share_of_gap(mean["fixed"], mean[name], mean["oracle"])) for name in RULES},
        "gap_counts": has_gap(hindsight, objective, values["fixed"], values["oracle"]),
        "distortion": float(parts[0]),
        "rate_bpp": float(parts[1]),
        "psnr_db": 10 * np.log10(PEAK_SQUARED / max(mse, 1e-9)) if mse else np.inf,
        "ms_ssim": float(totals.ms_ssim.mean()),
        "decoder_kmac_per_pixel": float(parts[2]),
        "rate_saved": saved[0],
        "compute_saved": saved[1],
    }
    return row, values
