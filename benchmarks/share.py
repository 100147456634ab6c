"""How far a policy gets from the best fixed setting to the oracle, on held-out images, over the objective grid."""

from common import held_out, policy_arguments, print_result

from rlcodec.agents.evaluate import evaluate_policy


def main() -> None:
    """Measures and prints."""
    options = policy_arguments(__doc__, images=2000).parse_args()
    task, trace, policy = held_out(options)
    evaluation = evaluate_policy(task.hindsight(trace, policy.predictor), policy)
    table = evaluation.table
    if not options.json:
        print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    counted = table[table.gap_counts]
    result = {
        "images": len(trace),
        "objectives that have a gap": evaluation.objectives,
        "share of the gap, policy": evaluation.share,
        "95% interval, low": evaluation.low,
        "95% interval, high": evaluation.high,
    }
    for kind, rows in counted.groupby("kind"):
        result[f"share of the gap, policy, {kind}"] = float(rows.share_policy.mean())
    for name in ("planner", "threshold"):
        result[f"share of the gap, {name}"] = float(counted[f"share_{name}"].mean())
    for name in ("rate", "compute"):
        result[f"{name} saved against mixtures of fixed settings, median"] = float(table[f"{name}_saved"].median())
    print_result(options, result | ({"table": table.to_dict("records")} if options.json else {}))


if __name__ == "__main__":
    main()
