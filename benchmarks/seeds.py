"""The spread of learning: trainings that differ in their seed alone, each evaluated on held-out images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import arguments, print_result

from rlcodec.agents.evaluate import evaluate_policy
from rlcodec.agents.export import export_trained
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.training import train
from rlcodec.core.files import make_folder
from rlcodec.envs.tasks import task_of


def main() -> None:
    """Trains, evaluates and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("train", type=Path, help="trace of training images")
    parser.add_argument("held_out", type=Path, help="trace of held-out images")
    parser.add_argument("--preset", default="mnist", help="whose traces they are")
    parser.add_argument("--seeds", type=int, default=5, help="number of trainings")
    parser.add_argument("--timesteps", type=int, help="of each; those of the packaged hyperparameters if not given")
    parser.add_argument("--hyperparameters", type=Path, help="YAML file; the packaged one if not given")
    parser.add_argument("--imitate", type=int, default=0, help="objectives under which the oracle is imitated first")
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"), help="folder of the runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = task_of(options.preset)
    trace, held_out = task.load(options.train), task.load(options.held_out)
    settings = replace(read_settings(path=options.hyperparameters), imitation=options.imitate)
    if options.timesteps:
        settings = replace(settings, n_timesteps=options.timesteps)
    make_folder(options.out)
    rows = []
    for seed in range(options.seeds):
        folder = options.out / f"seed-{seed}"
        trained = train(trace, task, replace(settings, seed=seed), folder, resume=True)
        export_trained(trained, folder / "policy.onnx")
        policy = task.load_policy(folder / "policy.onnx")
        evaluation = evaluate_policy(task.hindsight(held_out, policy.predictor), policy)
        counted = evaluation.table[evaluation.table.gap_counts]
        by_kind = counted.groupby("kind").share_policy.mean().to_dict()
        rows.append({"seed": seed, "share": evaluation.share, "low": evaluation.low, "high": evaluation.high} | by_kind)
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "seeds.csv", index=False)
    shares = table.share.to_numpy()
    print_result(
        options,
        {
            "trainings": len(shares),
            "share of the gap, mean": float(shares.mean()),
            "standard deviation over seeds": float(shares.std(ddof=1)) if len(shares) > 1 else 0.0,
            "least": float(shares.min()),
            "most": float(shares.max()),
            "share of the gap, planner": float(np.mean(counted.share_planner)),
        },
    )


if __name__ == "__main__":
    main()
