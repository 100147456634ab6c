"""The Gymnasium environments: interface, determinism, legal actions, and that they never lie about the codec."""

import itertools
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import rlcodec
from rlcodec.control.objective import Objective
from rlcodec.control.observation import objective_scale
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.envs.gym_env import AdaptiveRateEnv
from rlcodec.envs.mnist.trace import save_trace
from rlcodec.envs.rendering import Window
from rlcodec.errors import DataError, OptionError

SMALL = Objective("mse", 4000.0, 4.0)
STRUCTURE = Objective("ms-ssim", 100.0, 0.1)


@pytest.fixture
def env(traced) -> AdaptiveRateEnv:
    return AdaptiveRateEnv(trace=traced)


def play(env, seed, **options):
    """Random legal actions until the end: observations, rewards, last info."""
    random = np.random.default_rng(seed)
    seen, info = env.reset(seed=seed, options=options)
    trail, rewards, done = [seen], [], False
    while not done:
        action = int(random.choice(np.flatnonzero(env.action_masks())))
        seen, reward, done, truncated, info = env.step(action)
        assert truncated is False
        trail.append(seen)
        rewards.append(reward)
    return trail, rewards, info


@pytest.mark.parametrize("name", ["rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0"])
def test_checkers_have_nothing_to_say(traced, name):
    env = gymnasium.make(name, trace=traced)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_env_sb3(env)


def test_same_seed_same_episode(traced):
    one, two = (play(AdaptiveRateEnv(trace=traced), 7) for _ in range(2))
    assert one[1] == two[1]
    assert one[2] == two[2]
    for a, b in zip(one[0], two[0], strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("objective", [SMALL, STRUCTURE])
@pytest.mark.parametrize("seed", range(6))
def test_rewards_telescope_to_the_objective(env, seed, objective):
    _, first = env.reset(options={"image_index": seed, "objective": objective})
    before = first["objective_value"]
    _, rewards, info = play(env, seed, image_index=seed, objective=objective)
    scale = objective_scale(np.array(objective.lambda_rate), np.array(objective.lambda_compute))
    assert sum(rewards) == pytest.approx((before - info["objective_value"]) / scale, rel=1e-9)
    error = info["mse"] if objective is SMALL else 1 - info["ms_ssim"]
    assert info["objective_value"] == pytest.approx(
        float(objective.value(error, info["rate_bpp"], info["decoder_kmac_per_pixel"])), rel=1e-12
    )


@pytest.mark.parametrize("image", [1, 8, 10, 11])
def test_episodes_are_what_the_codec_does(env, image):
    for seed in range(4):
        _, _, info = play(env, seed, image_index=image)
        coded = env.encode()
        assert sum(s.bits for s in coded.segments) == info["bits"]
        assert coded.decoder_macs / 784e3 == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
        assert coded.mse == info["mse"]
        assert 1 - float(ms_ssim_loss(coded.picture, env.setting.trace.images[image])) == info["ms_ssim"]
        assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), coded.picture)


def test_a_trace_may_be_named_by_its_file(traced, tmp_path):
    save_trace(tmp_path / "t.npz", traced)
    named, given = AdaptiveRateEnv(trace=str(tmp_path / "t.npz")), AdaptiveRateEnv(trace=traced)
    assert play(named, 5)[1] == play(given, 5)[1]
    assert AdaptiveRateEnv(trace=tmp_path / "t.npz").setting.trace is named.setting.trace
    with pytest.raises(DataError, match="not a usable trace"):
        AdaptiveRateEnv(trace=tmp_path / "none.npz")


def test_masks_stand_in_the_observation(env):
    seen, _ = env.reset(seed=2)
    for action in (3, 3, 2, 1):
        assert np.array_equal(seen["mask"] > 0.5, env.action_masks())
        seen, *_ = env.step(action)


@pytest.mark.parametrize("seed", range(3))
def test_every_action_is_legal_or_mapped_to_a_legal_one(env, seed):
    random = np.random.default_rng(seed)
    env.reset(seed=seed)
    done = False
    while not done:
        _, _, done, _, info = env.step(int(random.integers(env.action_space.n)) or 1)
    assert sum(s.bits for s in env.encode().segments) == info["bits"]


def test_live_codec_and_trace_agree(traced):
    live = AdaptiveRateEnv(images=traced.images, predictor=AdaptiveRateEnv(trace=traced).predictor)
    table = AdaptiveRateEnv(trace=traced)
    for image, objective in itertools.product((2, 9), (SMALL, STRUCTURE)):
        one, two = (play(e, 4, image_index=image, objective=objective) for e in (live, table))
        assert one[1] == two[1]
        assert one[2] == two[2]


def test_observations_are_not_shared(env):
    first, _ = env.reset(seed=1)
    kept = {name: value.copy() for name, value in first.items()}
    env.step(0)
    assert all(np.array_equal(first[name], kept[name]) for name in first)


def test_rendering_shows_the_picture_beside_the_original(traced):
    env = AdaptiveRateEnv(trace=traced, render_mode="rgb_array")
    _, info = env.reset(options={"image_index": 9, "objective": SMALL})
    nothing = env.render()[: 8 * 28 : 8, 8 * 28 :: 8, 0]
    assert np.square(nothing.astype(int) - traced.images[9]).mean() == info["mse"]
    env.step(0)
    early = env.render()
    for _ in range(28):
        env.step(2)
    frame = env.render()
    side = frame.shape[1] // 2
    assert side == 8 * 28
    assert np.array_equal(frame[:side, :side], frame[:side, side:])
    assert not np.array_equal(early[:side, side:], frame[:side, side:])
    assert not np.array_equal(early[side:], frame[side:])


def test_a_window_shows_every_step(traced, monkeypatch):
    shown = []
    monkeypatch.setattr(Window, "show", lambda self, frame: shown.append(frame))
    env = AdaptiveRateEnv(trace=traced, render_mode="human")
    env.reset(options={"image_index": 9, "objective": SMALL})
    env.step(0)
    env.step(2)
    env.close()
    assert len(shown) == 3
    assert env.render() is None


@pytest.mark.parametrize("objective", [SMALL, STRUCTURE])
def test_the_vector_reward_weighed_is_the_reward(traced, objective):
    one, vector = (
        gymnasium.make("rlcodec/AdaptiveRateFlat-v0", trace=traced),
        gymnasium.make("rlcodec/AdaptiveRateMO-v0", trace=traced),
    )
    options = {"image_index": 9, "objective": objective}
    seen, _ = one.reset(options=options)
    same, info = vector.reset(options=options)
    assert np.array_equal(seen, same)
    for action in (3, 2, 1, 2, 3, 0):
        reward = one.step(action)[1]
        _, parts, _, _, info = vector.step(action)
        assert vector.unwrapped.reward_space.contains(parts)
        assert parts @ info["reward_weights"] == pytest.approx(reward, abs=1e-9)


@pytest.mark.parametrize("options", [{"image_index": 99}, {"image_index": -1}, {"objective": "small"}])
def test_impossible_episodes_are_refused(env, options):
    with pytest.raises(OptionError):
        env.reset(options=options)


def test_nothing_happens_before_reset(env):
    with pytest.raises(OptionError, match="reset"):
        env.step(0)


def test_no_images_no_environment():
    with pytest.raises(DataError):
        AdaptiveRateEnv(images=np.zeros((0, 28, 28), np.uint8))
