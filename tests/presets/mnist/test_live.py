"""The encoder under a policy does what the environment says, and measuring lazily gives what complete measurements give."""

import numpy as np
import pytest

from rlcodec import decode
from rlcodec.control.actor import best_legal, decide
from rlcodec.control.objective import KINDS, Objective
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.envs.gym_env import AdaptiveRateEnv
from rlcodec.envs.tasks import task_of
from rlcodec.presets.mnist.live import encode_under_policy, live_process
from rlcodec.presets.mnist.objectives import NAMED, RATE_RANGE
from rlcodec.presets.mnist.preset import PRESET
from rlcodec.presets.policies import policy_of

OBJECTIVES = [
    *NAMED.values(),
    Objective("mse", 1200.0, 0.0),
    Objective("psnr", 45.0, 0.3),
    Objective("psnr", 150.0, 0.01),
    Objective("ms-ssim", 60.0, 0.3),
    Objective("ms-ssim", 110.0, 0.01),
    Objective("ms-ssim", 200.0, 1.0),
]


def test_encoder_does_what_the_environment_says(digits):
    weights = PRESET.weights()
    policy = policy_of(PRESET, None)
    images = np.stack(digits[:3])
    env = AdaptiveRateEnv(images=images, predictor=policy.predictor)
    for index in range(len(images)):
        for objective in OBJECTIVES:
            seen, info = env.reset(options={"image_index": index, "objective": objective})
            done = False
            while not done:
                logits = policy.logits(np.concatenate(list(seen.values()))[None])
                seen, _, done, _, info = env.step(int(best_legal(logits, env.action_masks()[None])[0]))
            encoded = encode_under_policy(policy, weights, images[index], objective)
            assert encoded.bits == sum(s.bits for s in encoded.segments) == info["bits"]
            assert encoded.decoder_macs / 1000 / 784 == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
            assert encoded.mse == info["mse"]
            assert 1 - float(ms_ssim_loss(encoded.picture, images[index])) == info["ms_ssim"]
            assert np.array_equal(np.asarray(decode(encoded.data)), encoded.picture)


@pytest.mark.parametrize("kind", KINDS)
def test_a_live_process_gives_what_a_trace_gives(traced, kind):
    """Random episodes on a digit without a bilevel source and on one with it: observations, legal actions, parts and totals."""
    predictor = policy_of(PRESET, None).predictor
    complete = task_of("mnist").process(traced, predictor)
    rng = np.random.default_rng(5)
    objective = Objective(kind, 10 ** np.mean(RATE_RANGE[kind]), 1.0)
    for image in (3, 10):
        live = live_process(PRESET.weights(), traced.images[image], predictor)
        for _ in range(3):
            states = [
                process.initial(np.array([row]), process.spec.objectives_of(objective, 1))
                for process, row in ((live, 0), (complete, image))
            ]
            while not states[0].done[0]:
                seen, reference = (p.observe(s) for p, s in zip((live, complete), states, strict=True))
                assert np.allclose(seen, reference, atol=1e-5)
                legal = live.legal(states[0])
                assert np.array_equal(legal, complete.legal(states[1]))
                action = np.array([rng.choice(np.flatnonzero(legal[0]))])
                for process, state in zip((live, complete), states, strict=True):
                    process.apply(state, action)
                assert np.array_equal(live.parts(states[0]), complete.parts(states[1]))
            totals = [vars(process.totals(state)) for process, state in zip((live, complete), states, strict=True)]
            assert totals[0] == totals[1]


def test_a_live_process_takes_many_episodes_at_once(digit):
    process = live_process(PRESET.weights(), digit, policy_of(PRESET, None).predictor)
    actions = [(0, 0), (2, 1, 2, 0), (8, 2, 2, 2), (0, *[1] * 28)]
    objective = OBJECTIVES[0]
    state = process.replay(actions, objective, np.zeros(len(actions), np.int64))
    for row, sequence in enumerate(actions):
        coded = PRESET.encode_actions(digit, sequence)
        totals = process.totals(state)
        assert totals.mse[row] == coded.mse
        stopped = sum(s.bits for s in coded.segments if s.tier_name != "stop")
        assert stopped == totals.bits[row] or coded.bits == totals.bits[row]


def test_deciding_gives_the_actions_of_the_stream(digits):
    policy, weights = policy_of(PRESET, None), PRESET.weights()
    for image in digits[:2]:
        actions = decide(live_process(weights, image, policy.predictor), policy, OBJECTIVES[0])
        assert PRESET.encode_actions(image, actions).data == encode_under_policy(policy, weights, image, OBJECTIVES[0]).data
