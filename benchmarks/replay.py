"""Whether episodes on traces and the real codec agree: bits, compute, distortion, and the stream under the policy."""

import numpy as np
from common import held_out, policy_arguments, print_result

from rlcodec.agents.evaluate import run_to_end
from rlcodec.agents.reported_results import draw_episodes
from rlcodec.control.actor import Actor
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.segments import MACS_PER_KMAC

MS_SSIM_TOLERANCE = 1e-7
"""Traces of photographs hold MS-SSIM in float32."""
RANDOM_SHARE = 0.5
"""Share of the episodes that act at random; the others act as the policy does."""


class PartlyRandom:
    """An actor whose first episodes act at random.

    Args:
        policy: makes the decisions of the other episodes.
        count: number of episodes at random.
    """

    def __init__(self, policy: Actor, count: int):
        self.policy, self.count, self.macs, self.rng = policy, count, policy.macs, np.random.default_rng(1)

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Scores of the actions, float32 (B, actions)."""
        scores = self.policy.logits(observation)
        scores[: self.count] = self.rng.random(scores[: self.count].shape)
        return scores


def main() -> None:
    """Measures and prints."""
    parser = policy_arguments(__doc__, images=250)
    parser.add_argument("--episodes", type=int, default=1000)
    options = parser.parse_args()
    task, trace, policy = held_out(options)
    count, at_random = options.episodes, round(RANDOM_SHARE * options.episodes)
    process = task.process(trace, policy.predictor)
    images, objectives = draw_episodes(task, len(trace), count, seed=0)
    state = process.initial(images, objectives)
    actions = run_to_end(process, state, PartlyRandom(policy, at_random))
    totals = process.totals(state)
    differ = {"bits": 0, "compute": 0, "distortion": 0, "stream under the policy": 0}
    for number, (image, sequence) in enumerate(zip(images, actions, strict=True)):
        pixels = task.image(trace, int(image))
        real = task.encode(pixels, sequence, objectives.one(number, task.spec.kinds).kind)
        macs = round(totals.decoder_kmac_per_pixel[number] * MACS_PER_KMAC * pixels.shape[0] * pixels.shape[1])
        ms_ssim = 1 - float(ms_ssim_loss(real.picture, pixels))
        differ["bits"] += real.bits != totals.bits[number]
        differ["compute"] += real.decoder_macs != macs
        same_ms_ssim = abs(ms_ssim - totals.ms_ssim[number]) <= MS_SSIM_TOLERANCE
        differ["distortion"] += real.mse != totals.mse[number] or not same_ms_ssim
        if number >= at_random:
            stream = task.encode_under(options.policy, pixels, objectives.one(number, task.spec.kinds))
            differ["stream under the policy"] += stream != real.data
    print_result(options, {"episodes": count, **{f"differ in {name}": int(n) for name, n in differ.items()}})


if __name__ == "__main__":
    main()
