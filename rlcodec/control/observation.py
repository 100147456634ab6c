"""The part of an observation that all presets share: legal actions, predicted regrets and the objective."""

from collections.abc import Mapping, Sequence

import numpy as np

from rlcodec.control._observation import OBSERVATION_LIMIT, write_all_advice
from rlcodec.control.objective import KINDS, SCALE_KMAC, SCALE_RATE_BPP, Objectives


def advice_layout(actions: int, kinds: Sequence[str] = KINDS) -> tuple[tuple[str, int, str], ...]:
    """The fields that every preset's observation begins with, of so many actions; `advice_of` computes them."""
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


def rate_limits(rate_range: Mapping[str, tuple[float, float]], kinds: Sequence[str] = KINDS) -> np.ndarray:
    """Ranges by kind as `write_all_advice` takes them."""
    return np.array([rate_range[kind] for kind in kinds], np.float64)


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
    numbers = costs, here, objectives.lambda_rate, objectives.lambda_compute
    costs, here, rate, compute = (np.ascontiguousarray(values, np.float64) for values in numbers)
    legal, kind = np.ascontiguousarray(legal, bool).view(np.uint8), np.ascontiguousarray(objectives.kind, np.int64)
    write_all_advice(costs, here, rate, compute, legal, kind, rate_limits(rate_range, kinds), out)
    return out


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Fields side by side, within limits, float32 (B, size)."""
    out = np.concatenate(parts, 1, dtype=np.float32, casting="same_kind")
    return np.clip(out, -OBSERVATION_LIMIT, OBSERVATION_LIMIT, out=out)
