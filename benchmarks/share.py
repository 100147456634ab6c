"""How far the policy gets from the best fixed setting to the oracle, on held-out images, over the objective grid."""

from pathlib import Path

from common import arguments, held_out, print_result

from rlcodec.agents.evaluate import contest_of, evaluate_policy
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.tasks import task_of


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=2000)
    parser.add_argument("--preset", default=MNIST.name, help="mnist or photo; DATA may be a trace")
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    options = parser.parse_args()
    task = task_of(options.preset)
    policy = load_policy(options.policy, task.model)
    trace = held_out(options, task)
    found = evaluate_policy(contest_of(task, trace, policy.predictor), lambda seen: policy.logits(seen).argmax(1))
    table = found.table
    if not options.json:
        print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    counted = table[table.gap_counts]
    result = {
        "images": len(trace),
        "objectives that have a gap": found.objectives,
        "share of the gap, policy": found.share,
        "95% interval, low": found.low,
        "95% interval, high": found.high,
    }
    for kind, rows in counted.groupby("kind"):
        result[f"share of the gap, policy, {kind}"] = float(rows.share_policy.mean())
    for name in ("planner", "threshold"):
        result[f"share of the gap, {name}"] = float(counted[f"share_{name}"].mean())
    for name, what in (("rate_saved", "rate"), ("compute_saved", "compute")):
        result[f"{what} saved against mixtures of fixed settings, median"] = float(table[name].median())
    print_result(options, result | ({"table": table.to_dict("records")} if options.json else {}))


if __name__ == "__main__":
    main()
