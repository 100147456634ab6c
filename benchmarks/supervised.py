"""A policy against supervised prediction of the oracle's choice with the same observations, on held-out images."""

import argparse
from pathlib import Path

import numpy as np
from common import bounds, held_out, policy_arguments, print_result

from rlcodec.agents.evaluate import has_gap, run_episodes, share_of_gap
from rlcodec.agents.supervised import Examples, fit_supervised, oracle_examples
from rlcodec.control.decision_process import Predictor
from rlcodec.core.statistics import bootstrap_interval
from rlcodec.envs.tasks import Task

TRAIN_IMAGES, HELD_OUT_IMAGES, IMAGES_AN_OBJECTIVE = 1500, 2000, 400


def main() -> None:
    """Measures and prints."""
    parser = policy_arguments(__doc__, images=HELD_OUT_IMAGES)
    parser.add_argument("--train", type=Path, help="trace of the images whose oracle is imitated; from DATA if not given")
    parser.add_argument("--objectives", type=int, default=60, help="drawn for the oracle's examples")
    options = parser.parse_args()
    task, trace, policy = held_out(options)
    examples = _examples(task, policy.predictor, options)
    hindsight = task.hindsight(trace, policy.predictor)
    process = hindsight.process
    actors = {"policy": policy, "supervised": fit_supervised(examples, task.spec.action_count)}
    values: dict[str, list[np.ndarray]] = {name: [] for name in ("fixed", "oracle", *actors)}
    for objective, fixed, oracle in bounds(hindsight):
        if not has_gap(hindsight, objective, fixed, oracle):
            continue
        values["fixed"].append(fixed)
        values["oracle"].append(oracle)
        for name, actor in actors.items():
            values[name].append(process.values(run_episodes(process, objective, actor)))
    stacked = {name: np.stack(rows) for name, rows in values.items()}

    def share(name: str, index: np.ndarray) -> float:
        fixed, found, oracle = (stacked[key][:, index].mean(1) for key in ("fixed", name, "oracle"))
        return float(share_of_gap(fixed, found, oracle).mean())

    count = process.image_count
    interval = bootstrap_interval(lambda index: share("policy", index) - share("supervised", index), count)
    shares = {name: share(name, np.arange(count)) for name in actors}
    print_result(
        options,
        {
            "images": count,
            "examples of the oracle": len(examples.actions),
            **{f"share of the gap, {name}": value for name, value in shares.items()},
            "difference": shares["policy"] - shares["supervised"],
            "95% interval, low": interval.low,
            "95% interval, high": interval.high,
        },
    )


def _examples(task: Task, predictor: Predictor, options: argparse.Namespace) -> Examples:
    if options.train:
        trace = task.load(options.train)
        return oracle_examples(task, trace, task.fit_unseen(trace), options.objectives)
    trace = task.measure(task.read_images(options.data, "train", TRAIN_IMAGES, None))
    return oracle_examples(task, trace, predictor, options.objectives, images=IMAGES_AN_OBJECTIVE)


if __name__ == "__main__":
    main()
