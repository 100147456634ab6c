"""How far the policy gets from the best fixed setting to the oracle, on held-out images, over the objective grid."""

from pathlib import Path

from common import arguments, print_result, test_images

from rlcodec.agents.evaluate import digit_contest, evaluate_policy
from rlcodec.envs.trace import build_trace
from rlcodec.model import load_model
from rlcodec.objective import KINDS
from rlcodec.policy import load_policy


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=2000)
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    options = parser.parse_args()
    model = load_model()
    policy = load_policy(options.policy, model)
    trace = build_trace(test_images(options))
    found = evaluate_policy(digit_contest(trace, model, policy.predictor), lambda seen: policy.logits(seen).argmax(1))
    shares = found.table[["share_threshold", "share_planner", "share_policy"]].mean()
    by_kind = found.table.groupby("kind")["share_policy"].mean()
    if not options.json:
        print(found.table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    print_result(
        options,
        {
            "images": len(trace),
            "objectives": found.objectives,
            "share of the gap, policy": found.share,
            "95% interval, low": found.low,
            "95% interval, high": found.high,
            **{f"share of the gap, policy, {kind}": float(by_kind[kind]) for kind in KINDS},
            "share of the gap, planner": float(shares["share_planner"]),
            "share of the gap, threshold rule": float(shares["share_threshold"]),
        }
        | ({"table": found.table.to_dict("records")} if options.json else {}),
    )


if __name__ == "__main__":
    main()
