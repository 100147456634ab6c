"""Whether episodes on traces and the real codec agree: bits, compute, distortion, and the stream under the policy."""

import numpy as np
from common import held_out, policy_arguments, print_result

from rlcodec.control.actor import Actor, best_legal
from rlcodec.control.decision_process import DecisionProcess, Totals
from rlcodec.control.objective import Objectives
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.segments import MACS_PER_KMAC

MS_SSIM_TOLERANCE = 1e-7
"""Traces of photographs hold MS-SSIM in float32."""
RANDOM_SHARE = 0.5
"""Share of the episodes that act at random; the others act as the policy does."""


def run(
    process: DecisionProcess, images: np.ndarray, objectives: Objectives, policy: Actor, at_random: np.ndarray
) -> tuple[list[tuple[int, ...]], Totals]:
    """Runs episodes; returns their actions and totals.

    Args:
        process: on the trace.
        images: int64 (n,), of the episodes.
        objectives: of the episodes.
        policy: makes the decisions of some.
        at_random: bool (n,), whose decisions are random.
    """
    rng, state = np.random.default_rng(1), process.initial(images, objectives)
    actions: list[list[int]] = [[] for _ in images]
    while not state.done.all():
        legal = process.legal(state)
        drawn = (rng.random(legal.shape) * legal).argmax(1)
        action = np.where(at_random, drawn, best_legal(policy.logits(process.observe(state)), legal))
        for number in np.flatnonzero(~state.done):
            actions[number].append(int(action[number]))
        process.apply(state, action)
    return [tuple(sequence) for sequence in actions], process.totals(state)


def main() -> None:
    """Measures and prints."""
    parser = policy_arguments(__doc__, images=250)
    parser.add_argument("--episodes", type=int, default=1000)
    options = parser.parse_args()
    task, trace = held_out(options)
    policy, rng, count = task.load_policy(options.policy), np.random.default_rng(0), options.episodes
    process = task.process(trace, policy.predictor)
    objectives = task.spec.draw_objectives(rng, count)
    images = rng.integers(0, len(trace), count)
    at_random = np.arange(count) < RANDOM_SHARE * count
    actions, totals = run(process, images, objectives, policy, at_random)
    differ = {"bits": 0, "compute": 0, "distortion": 0, "stream under the policy": 0}
    for number, (image, sequence) in enumerate(zip(images, actions, strict=True)):
        pixels = task.image(trace, int(image))
        real = task.encode(pixels, sequence)
        macs = round(totals.decoder_kmac_per_pixel[number] * MACS_PER_KMAC * pixels.shape[0] * pixels.shape[1])
        ms_ssim = 1 - float(ms_ssim_loss(real.picture, pixels))
        differ["bits"] += real.bits != totals.bits[number]
        differ["compute"] += real.decoder_macs != macs
        same_ms_ssim = abs(ms_ssim - totals.ms_ssim[number]) <= MS_SSIM_TOLERANCE
        differ["distortion"] += real.mse != totals.mse[number] or not same_ms_ssim
        if not at_random[number]:
            stream = task.encode_under(options.policy, pixels, objectives.one(number, task.spec.kinds))
            differ["stream under the policy"] += stream != real.data
    print_result(options, {"episodes": count, **{f"differ in {name}": int(n) for name, n in differ.items()}})


if __name__ == "__main__":
    main()
