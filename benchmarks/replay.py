"""Whether episodes on traces and the real codec agree: bits, compute and distortion, exactly."""

import numpy as np
from common import arguments, print_result, test_images

from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.container import header_bytes
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.range_coder import payload_bytes
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.mnist.trace import build_trace
from rlcodec.envs.tasks import encode_digit
from rlcodec.presets.mnist.policy import encode_under_policy
from rlcodec.presets.mnist.weights import load_model

RANDOM_SHARE = 0.5
"""Half of the episodes act at random, half as the shipped policy does."""


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=250)
    parser.add_argument("--episodes", type=int, default=1000)
    options = parser.parse_args()
    model = load_model()
    policy, trace, random = load_policy(None, model), build_trace(test_images(options)), np.random.default_rng(0)
    n = options.episodes
    episodes = Episodes(trace, model, policy.predictor, n)
    kind, rate, compute = episodes.draw_objectives(random, n)
    episodes.reset(np.arange(n), random.integers(0, len(trace), n), kind, rate, compute)
    by_chance = np.arange(n) < RANDOM_SHARE * n
    actions: list[list[int]] = [[] for _ in range(n)]
    while not episodes.done.all():
        legal = episodes.masks()
        drawn = (random.random(legal.shape) * legal).argmax(1)
        action = np.where(by_chance, drawn, policy.logits(episodes.observe()).argmax(1))
        for i in np.nonzero(~episodes.done)[0]:
            actions[i].append(int(action[i]))
        episodes.step(action)
    mse, ms_ssim = episodes.mse, episodes.ms_ssim
    differ = {"bits": 0, "compute": 0, "distortion": 0, "file size": 0, "policy encoder": 0}
    for i in range(n):
        image = trace.images[episodes.image[i]]
        real = encode_digit(model, image, tuple(actions[i]))
        cost = sum(segment.cost for segment in real.segments)
        differ["bits"] += cost != episodes.cost[i]
        differ["compute"] += real.decoder_macs != episodes.macs[i]
        differ["distortion"] += real.mse != mse[i] or 1 - float(ms_ssim_loss(real.picture, image)) != ms_ssim[i]
        payload = payload_bytes(int(episodes.cost[i]))
        size = payload + header_bytes(model.preset, *image.shape, real.bit_budget, payload)
        differ["file size"] += size != len(real.data)
        if not by_chance[i]:
            objective = Objective(KINDS[kind[i]], float(rate[i]), float(compute[i]))
            differ["policy encoder"] += encode_under_policy(policy, model, image, objective).data != real.data
    print_result(options, {"episodes": n, **{f"differ in {name}": int(count) for name, count in differ.items()}})


if __name__ == "__main__":
    main()
