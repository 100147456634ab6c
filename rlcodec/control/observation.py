"""The part of an observation that all presets share: legal actions, predicted regrets and the objective."""

from collections.abc import Mapping, Sequence

import numpy as np

from rlcodec.control.objective import COMPUTE_RANGE, KINDS, Objectives
from rlcodec.core.kernel import inlined, kernel

SCALE_RATE_BPP = 0.05
SCALE_KMAC = 0.5
REGRET_LIMIT = 20.0
OBSERVATION_LIMIT = 32.0
LEAST_RATIO = 10 ** (COMPUTE_RANGE[0] - 1)
"""What lambda_compute / lambda_rate counts as where there is none."""


def advice_layout(actions: int, kinds: Sequence[str] = KINDS) -> tuple[tuple[str, int, str], ...]:
    """The fields that every preset's observation begins with, of so many actions; `write_advice` computes them."""
    return (
        ("mask", actions, "1 where the action is legal"),
        ("regret", actions, "log1p of the predicted J above the best action's, in objective scales, at most 20; 0 is best"),
        ("gain", 1, "signed log1p of the predicted J to be gained by going on in the best way, in objective scales"),
        ("kind", len(kinds), "one-hot: " + ", ".join(kinds)),
        ("lambda_rate", 1, "log10, the trained range mapped to [-1, 1]"),
        ("lambda_compute", 1, "log10 of lambda_compute / lambda_rate, the trained range mapped to [-1, 1]"),
    )


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
    kinds = ranges.shape[0]
    for k in range(kinds):
        out[b, at + 1 + k] = 1 if k == kind else 0
    at += 1 + kinds
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


def advice_of(
    costs: np.ndarray,
    legal: np.ndarray,
    here: np.ndarray,
    objectives: Objectives,
    rate_range: Mapping[str, tuple[float, float]],
    kinds: Sequence[str] = KINDS,
) -> np.ndarray:
    """The fields of `advice_layout` for B episodes, float32 (B, length).

    Args:
        costs: float64 (B, actions), predicted J that each action leads to, infinite where it leads nowhere.
        legal: bool (B, actions).
        here: float64 (B,), J if stopped now.
        objectives: of the episodes.
        rate_range: log10 of lambda_rate that the preset's policies are trained for, by kind.
        kinds: of the decision process, which number them.
    """
    out = np.empty((len(costs), sum(length for _, length, _ in advice_layout(costs.shape[1], kinds))), np.float32)
    _write_all_advice(costs, legal, here, *objectives, np.array([rate_range[kind] for kind in kinds]), out)
    return out


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Fields side by side, within limits, float32 (B, size)."""
    out = np.concatenate(parts, 1, dtype=np.float32, casting="same_kind")
    return np.clip(out, -OBSERVATION_LIMIT, OBSERVATION_LIMIT, out=out)
