"""Photographs in dB: the policy against one setting for all, at equal compute, and its compute at equal rate and quality."""

from pathlib import Path

import numpy as np
from bjontegaard import bd_rate
from common import arguments, held_out, print_result

from rlcodec.agents.evaluate import contest_of, run_episodes
from rlcodec.control.objective import COMPUTE_RANGE, Objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.preset_ids import PHOTO
from rlcodec.envs.tasks import task_of
from rlcodec.presets.photo.decisions import ENDINGS, RATE_RANGE, STOPS

RATES, RATIOS = 13, 8
BOOTSTRAP = 500
PSNR, RATE, COMPUTE = range(3)


def curves_of_policy(contest, choose) -> np.ndarray:
    """PSNR, rate and compute of every picture, float64 (RATIOS, RATES, 3, n), by weights of compute, of rates."""
    low, high = RATE_RANGE["psnr"]
    curves = []
    for ratio in np.linspace(*COMPUTE_RANGE, RATIOS):
        curve = []
        for rate in np.linspace(high, low, RATES):
            run_episodes(contest.episodes, Objective("psnr", 10**rate, 10 ** (rate + ratio)), choose)
            parts = contest.episodes.objective_parts()
            curve.append(np.stack([-parts[PSNR], *parts[RATE:]]))
        curves.append(curve)
    return np.array(curves)


def curve_of_fixed(contest, ending: int) -> np.ndarray:
    """The same of every gain with one width of the synthesis, coarsest first: (settings, 3, n)."""
    tables = contest.episodes.tables
    psnr, kmac = -tables.quality[1][:, :, len(STOPS) - 1, ending], tables.kmac[:, :, len(STOPS) - 1, ending]
    return np.stack([psnr, tables.rate[:, :, -1], kmac]).transpose(2, 0, 1)[::-1]


def rate_saved(policy: np.ndarray, fixed: np.ndarray) -> float:
    """BD-rate in per cent of the policy whose compute is nowhere above that of the fixed settings at the same rate."""
    points = []
    for curve in policy.swapaxes(0, 1):
        allowed = np.interp(curve[:, RATE], fixed[:, RATE], fixed[:, COMPUTE])
        enough = np.flatnonzero(curve[:, COMPUTE] <= allowed)
        points.append(curve[enough[0] if len(enough) else -1])
    test = np.array(points)
    test = test[np.argsort(test[:, RATE])]
    return float(
        bd_rate(
            fixed[:, RATE], fixed[:, PSNR], test[:, RATE], test[:, PSNR], "pchip", require_matching_points=False, min_overlap=0
        )
    )


def compute_saved(policy: np.ndarray, fixed: np.ndarray) -> float:
    """Mean share of compute that the policy spares where it has at least a fixed setting's PSNR at its rate."""
    saved = []
    for psnr, rate, kmac in fixed:
        inside = [c for c in policy if c[:, RATE].min() <= rate <= c[:, RATE].max()]
        spent = [np.interp(rate, c[:, RATE], c[:, COMPUTE]) for c in inside if np.interp(rate, c[:, RATE], c[:, PSNR]) >= psnr]
        if inside:
            saved.append(1 - min(spent) / kmac if spent else 0.0)
    return float(np.mean(saved))


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    options = parser.parse_args()
    task = task_of(PHOTO.name)
    policy = load_policy(options.policy, task.model)
    trace = held_out(options, task)
    contest = contest_of(task, trace, policy.predictor)
    ours = curves_of_policy(contest, lambda seen: policy.logits(seen).argmax(1))
    random, n = np.random.default_rng(0), len(trace)
    drawn = [random.integers(0, n, n) for _ in range(BOOTSTRAP)]
    result = {"pictures": n}
    for ending, width in enumerate(ENDINGS):
        fixed = curve_of_fixed(contest, ending)
        for name, measure in (("BD-rate at equal compute", rate_saved), ("compute spared", compute_saved)):
            result[f"{name}, {width}"] = measure(ours.mean(-1), fixed.mean(-1))
            again = [measure(ours[..., index].mean(-1), fixed[..., index].mean(-1)) for index in drawn]
            low, high = np.quantile(again, [0.025, 0.975])
            result[f"{name}, {width}, 95% interval"] = f"{low:.3f} to {high:.3f}"
    print_result(options, result)


if __name__ == "__main__":
    main()
