"""The policy against supervised prediction of the oracle's choice with the same observations, on held-out images."""

import numpy as np
from common import arguments, print_result, test_images

from rlcodec.agents.evaluate import objective_grid, run_episodes
from rlcodec.agents.oracle import best_fixed, oracle, replay
from rlcodec.agents.supervised import fit_supervised, oracle_examples
from rlcodec.envs.episodes import Episodes
from rlcodec.envs.trace import build_trace
from rlcodec.model import load_model
from rlcodec.policy import load_policy
from rlcodec.training.data import load_images

BOOTSTRAP = 1000


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=2000)
    parser.add_argument("--train-images", type=int, default=1500, help="whose oracle is imitated")
    parser.add_argument("--objectives", type=int, default=60, help="drawn for the oracle's examples")
    options = parser.parse_args()
    model = load_model()
    policy = load_policy(None, model)
    examples = oracle_examples(
        build_trace(load_images(options.data, "train", options.train_images)), model, policy.predictor, options.objectives, 400
    )
    trace = build_trace(test_images(options))
    episodes = Episodes(trace, model, policy.predictor, len(trace))
    choosers = {
        "policy": lambda seen: policy.logits(seen).argmax(1),
        "supervised": fit_supervised(*examples, episodes.action_count),
    }
    values: dict[str, list[np.ndarray]] = {name: [] for name in ("fixed", "oracle", *choosers)}
    for objective in objective_grid():
        values["fixed"].append(replay(episodes, objective, [best_fixed(trace, objective, model).actions] * len(trace)))
        values["oracle"].append(np.array([plan.value for plan in oracle(trace, objective, model)]))
        for name, choose in choosers.items():
            values[name].append(run_episodes(episodes, objective, choose))
    stacked = {name: np.stack(rows) for name, rows in values.items()}

    def shares(index: np.ndarray) -> tuple[float, float]:
        mean = {name: rows[:, index].mean(1) for name, rows in stacked.items()}
        gap = mean["fixed"] - mean["oracle"]
        return tuple(float(((mean["fixed"] - mean[name]) / gap).mean()) for name in choosers)  # type: ignore[return-value]

    random = np.random.default_rng(0)
    drawn = [shares(random.integers(0, len(trace), len(trace))) for _ in range(BOOTSTRAP)]
    low, high = np.quantile([one - other for one, other in drawn], [0.025, 0.975])
    by_policy, by_supervised = shares(np.arange(len(trace)))
    print_result(
        options,
        {
            "images": len(trace),
            "examples of the oracle": len(examples[1]),
            "share of the gap, policy": by_policy,
            "share of the gap, supervised": by_supervised,
            "difference": by_policy - by_supervised,
            "95% interval, low": float(low),
            "95% interval, high": float(high),
        },
    )


if __name__ == "__main__":
    main()
