"""The policy against supervised prediction of the oracle's choice with the same observations, on held-out images."""

from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, held_out, print_result

from rlcodec.agents.evaluate import contest_of, has_gap, run_episodes, share_of_gap
from rlcodec.agents.supervised import fit_supervised, oracle_examples
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.tasks import task_of
from rlcodec.training.data import load_images

BOOTSTRAP = 1000
TRAIN_DIGITS, HELD_OUT_DIGITS, DIGITS_AN_OBJECTIVE = 1500, 2000, 400


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=HELD_OUT_DIGITS)
    parser.add_argument("--preset", default=MNIST.name, help="mnist or photo; of photo DATA is a trace of held-out pictures")
    parser.add_argument("--train", type=Path, help="trace of the images whose oracle is imitated; digits of DATA if not given")
    parser.add_argument("--objectives", type=int, default=60, help="drawn for the oracle's examples")
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    options = parser.parse_args()
    task = task_of(options.preset)
    policy = load_policy(options.policy, task.model)
    examples = _examples(task, policy.predictor, options)
    contest = contest_of(task, held_out(options, task), policy.predictor)
    choosers = {
        "policy": lambda seen: policy.logits(seen).argmax(1),
        "supervised": fit_supervised(*examples, contest.episodes.action_count),
    }
    values: dict[str, list[np.ndarray]] = {name: [] for name in ("fixed", "oracle", *choosers)}
    for objective in contest.grid:
        fixed = contest.replay(objective, contest.fixed(objective).actions)
        best = np.array([plan.value for plan in contest.oracle(objective)])
        if not has_gap(contest, objective, fixed, best):
            continue
        values["fixed"].append(fixed)
        values["oracle"].append(best)
        for name, choose in choosers.items():
            values[name].append(run_episodes(contest.episodes, objective, choose))
    stacked = {name: np.stack(rows) for name, rows in values.items()}

    def shares(index: np.ndarray) -> tuple[float, float]:
        mean = {name: rows[:, index].mean(1) for name, rows in stacked.items()}
        found = (share_of_gap(mean["fixed"], mean[name], mean["oracle"]) for name in choosers)
        return tuple(float(share.mean()) for share in found)  # type: ignore[return-value]

    random, n = np.random.default_rng(0), contest.images
    drawn = [shares(random.integers(0, n, n)) for _ in range(BOOTSTRAP)]
    low, high = np.quantile([one - other for one, other in drawn], [0.025, 0.975])
    by_policy, by_supervised = shares(np.arange(n))
    print_result(
        options,
        {
            "images": n,
            "examples of the oracle": len(examples[1]),
            "share of the gap, policy": by_policy,
            "share of the gap, supervised": by_supervised,
            "difference": by_policy - by_supervised,
            "95% interval, low": float(low),
            "95% interval, high": float(high),
        },
    )


def _examples(task: Any, predictor: Any, options: Any) -> tuple[np.ndarray, np.ndarray]:
    if options.train:
        trace = task.load(options.train)
        return oracle_examples(task, trace, task.fit_unseen(trace), options.objectives)
    trace = task.trace(load_images(options.data, "train", TRAIN_DIGITS), None)
    return oracle_examples(task, trace, predictor, options.objectives, DIGITS_AN_OBJECTIVE)


if __name__ == "__main__":
    main()
