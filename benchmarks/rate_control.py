"""A policy against one setting for all pictures: BD-rate at equal compute, and compute at equal rate and quality.

Quality is PSNR in dB, or the score of another kind of distortion.
"""

import numpy as np
from common import held_out, policy_arguments, print_result

from rlcodec.agents.evaluate import run_episodes
from rlcodec.control.actor import Actor
from rlcodec.control.decision_process import DecisionProcess
from rlcodec.control.objective import COMPUTE_RANGE, Objective
from rlcodec.core.statistics import bootstrap_interval
from rlcodec.envs.hindsight import Hindsight
from rlcodec.evaluation.curves import bd_rate_percent

RATES, RATIOS = 13, 8
BOOTSTRAP = 500
DEFAULT_KIND = "ssimulacra2"
QUALITY, RATE, COMPUTE = range(3)


def curves_of_policy(process: DecisionProcess, policy: Actor, kind: str) -> np.ndarray:
    """Quality, rate and compute of every picture, by weight of compute and of rate: float64 (RATIOS, RATES, 3, n)."""
    low, high = process.spec.rate_range[kind]
    curves = []
    for ratio in np.linspace(*COMPUTE_RANGE, RATIOS):
        curve = []
        for rate in np.linspace(high, low, RATES):
            objective = Objective(kind, 10**rate, 10 ** (rate + ratio))
            curve.append(process.parts(run_episodes(process, objective, policy)))
        curves.append(curve)
    return np.array(curves) * np.array([-1, 1, 1])[:, None]


def curves_of_fixed(hindsight: Hindsight, kind: str) -> dict[str, np.ndarray]:
    """Quality, rate and compute of every picture for the settings that send everything, by increasing rate: (settings, 3, n).

    Settings are grouped by their last action, which has a name.
    """
    spec = hindsight.process.spec
    longest = max(map(len, hindsight.settings))
    groups: dict[str, list[np.ndarray]] = {}
    for actions in hindsight.settings:
        if len(actions) == longest:
            parts = hindsight.parts(kind, actions) * np.array([-1, 1, 1])[:, None]
            groups.setdefault(spec.action_names["last"][actions[-1]], []).append(parts)
    return {name: np.array(sorted(group, key=lambda parts: parts[RATE].mean())) for name, group in groups.items()}


def rate_saved(policy: np.ndarray, fixed: np.ndarray) -> float:
    """BD-rate in per cent of the policy at weights with which its compute is no higher than that of a fixed setting.

    Args:
        policy: float64 (RATIOS, RATES, 3), means.
        fixed: float64 (settings, 3), means.
    """
    points = []
    for curve in policy.swapaxes(0, 1):
        allowed = np.interp(curve[:, RATE], fixed[:, RATE], fixed[:, COMPUTE])
        enough = np.flatnonzero(curve[:, COMPUTE] <= allowed)
        points.append(curve[enough[0] if len(enough) else -1])
    test = np.array(points)
    test = test[np.argsort(test[:, RATE])]
    return bd_rate_percent(fixed[:, RATE], fixed[:, QUALITY], test[:, RATE], test[:, QUALITY])


def compute_saved(policy: np.ndarray, fixed: np.ndarray) -> float:
    """Mean share of compute that the policy saves if it has a fixed setting's quality at its rate; arguments as above."""
    saved = []
    for quality, rate, kmac in fixed:
        inside = [curve for curve in policy if curve[:, RATE].min() <= rate <= curve[:, RATE].max()]
        enough = [curve for curve in inside if np.interp(rate, curve[:, RATE], curve[:, QUALITY]) >= quality]
        spent = [np.interp(rate, curve[:, RATE], curve[:, COMPUTE]) for curve in enough]
        if inside:
            saved.append(1 - min(spent) / kmac if spent else 0.0)
    return float(np.mean(saved))


def main() -> None:
    """Measures and prints."""
    parser = policy_arguments(__doc__, preset="photo")
    parser.add_argument("--kind", default=DEFAULT_KIND, help="of distortion of the objectives")
    options = parser.parse_args()
    task, trace, policy = held_out(options)
    hindsight = task.hindsight(trace, policy.predictor)
    ours = curves_of_policy(hindsight.process, policy, options.kind)
    result: dict[str, object] = {"pictures": len(trace)}
    for ending, fixed in curves_of_fixed(hindsight, options.kind).items():
        for name, measure in (("BD-rate at equal compute", rate_saved), ("compute saved", compute_saved)):

            def of_images(index: np.ndarray, measure=measure, fixed=fixed) -> float:
                return measure(ours[..., index].mean(-1), fixed[..., index].mean(-1))

            result[f"{name}, {ending}"] = of_images(np.arange(len(trace)))
            low, high = bootstrap_interval(of_images, len(trace), BOOTSTRAP)
            result[f"{name}, {ending}, 95% interval"] = f"{low:.3f} to {high:.3f}"
    print_result(options, result)


if __name__ == "__main__":
    main()
