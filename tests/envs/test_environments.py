"""Contracts of the environments, the same for every preset: interface, determinism, legal actions, rewards, and the codec."""

import itertools
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import rlcodec
import rlcodec.envs
from rlcodec.control.objective import DISTORTIONS, Objective
from rlcodec.control.observation import objective_scale
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.envs.gym_env import AdaptiveRateEnv, FlatEnv, MultiObjectiveEnv, episode_source
from rlcodec.envs.rendering import Window
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.errors import DataError, OptionError

COUNT = 5
DICT, FLAT = "rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0"


def start_alike(env: FlatEnv, episodes, row: int) -> np.ndarray:
    """Starts an episode of a single environment on the image and under the objective of a row of a batch."""
    objective = episodes.objectives.one(row, episodes.process.spec.kinds)
    return env.reset(options={"image_index": int(episodes.image[row]), "objective": objective})[0]


@pytest.mark.parametrize("name", [DICT, FLAT])
def test_checkers_have_nothing_to_say(case, name):
    env = gymnasium.make(name, **case.keywords)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=not case.runs_codec)
        check_env_sb3(env)


def test_same_seed_same_episode(case, play):
    one, two = (play(FlatEnv(**case.keywords), 7) for _ in range(2))
    assert one[1:] == two[1:]
    assert np.array_equal(one[0], two[0])


def test_the_dictionary_has_the_fields_of_the_flat_observation_in_order(case, play):
    (fields, *_), (flat, *_) = (play(make(**case.keywords), 3)[0] for make in (AdaptiveRateEnv, FlatEnv))
    assert list(fields) == [name for name, _, _ in case.task.spec.layout]
    assert np.array_equal(np.concatenate(list(fields.values())), flat)


def test_rewards_telescope_to_the_objective(case, play):
    env = FlatEnv(**case.keywords)
    for objective, seed in itertools.product(case.objectives, range(4)):
        _, rewards, (first, *_, last) = play(env, seed, objective=objective)
        scale = objective_scale(np.array(objective.lambda_rate), np.array(objective.lambda_compute))
        assert sum(rewards) == pytest.approx((first["objective_value"] - last["objective_value"]) / scale, rel=1e-9)
        parts = (last[name] for name in ("distortion", "rate_bpp", "decoder_kmac_per_pixel"))
        assert last["objective_value"] == pytest.approx(float(objective.value(*parts)), rel=1e-12)
        if objective.kind == "mse":
            assert last["distortion"] == last["mse"]


def test_episodes_are_what_the_codec_does(case, play):
    if not case.runs_codec:
        pytest.skip("the codec cannot be run")
    env = FlatEnv(**case.keywords)
    for image, objective in itertools.product(range(min(3, len(case.trace))), case.objectives):
        first, *_, info = play(env, image, image_index=image, objective=objective)[2]
        coded, original = env.encode(), case.task.image(case.trace, image)
        pixels = original.shape[0] * original.shape[1]
        assert coded.bits == pytest.approx(info["bits"], rel=1e-12)
        assert info["bits"] / pixels == pytest.approx(info["rate_bpp"], rel=1e-12)
        assert coded.decoder_macs / 1000 / pixels == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
        assert coded.mse == info["mse"]
        if case.preset != "photo" or objective.kind == "ms-ssim":
            assert 1 - float(ms_ssim_loss(coded.picture, original)) == pytest.approx(info["ms_ssim"], abs=1e-7)
        else:
            assert info["ms_ssim"] == 0  # it is measured for objectives in it alone
        assert DISTORTIONS[objective.kind](original, coded.picture) == pytest.approx(info["distortion"], rel=1e-6)
        assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), coded.picture)
        nothing = case.task.show_nothing(original)
        assert np.square(nothing.astype(int) - original).mean() == pytest.approx(first["mse"], rel=1e-12)


def test_live_codec_and_trace_agree(case, play):
    if not case.runs_codec:
        pytest.skip("the codec cannot be run")
    table = FlatEnv(**case.keywords)
    live = FlatEnv(images=case.images, preset=case.preset, predictor=case.predictor)
    for image, objective in itertools.product(range(min(3, len(case.trace))), case.objectives):
        one, two = (play(env, image, image_index=image, objective=objective) for env in (table, live))
        assert one[1:] == two[1:]
        # Predictions for many images at once are the same sums in another order.
        assert np.allclose(one[0], two[0], rtol=0, atol=1e-5)


def test_a_trace_may_be_named_by_its_file(case, tmp_path, play):
    path = tmp_path / "trace.npz"
    case.task.save(path, case.trace)
    keywords = case.keywords | {"trace": str(path)}
    named = FlatEnv(**keywords)
    assert play(named, 5)[1] == play(FlatEnv(**case.keywords), 5)[1]
    assert FlatEnv(**keywords | {"trace": path}).source.trace is named.source.trace
    with pytest.raises(DataError, match="not a usable trace"):
        FlatEnv(**keywords | {"trace": tmp_path / "none.npz"})


def test_masks_stand_in_the_observation(case):
    env, random, done = AdaptiveRateEnv(**case.keywords), np.random.default_rng(0), False
    seen, _ = env.reset(seed=2)
    while not done:
        assert np.array_equal(seen["mask"] > 0.5, env.action_masks())
        seen, _, done, _, _ = env.step(int(random.choice(np.flatnonzero(env.action_masks()))))


@pytest.mark.parametrize("seed", range(3))
def test_an_illegal_action_counts_as_a_legal_one(case, seed):
    env, random, done = FlatEnv(**case.keywords), np.random.default_rng(seed), False
    env.reset(seed=seed)
    while not done:
        _, _, done, _, info = env.step(int(random.integers(env.action_space.n)))
    if case.runs_codec:
        assert env.encode().bits == pytest.approx(info["bits"], rel=1e-12)


def test_observations_are_not_shared(case):
    env = AdaptiveRateEnv(**case.keywords)
    first, _ = env.reset(seed=1)
    kept = {name: value.copy() for name, value in first.items()}
    env.step(0)
    assert all(np.array_equal(first[name], kept[name]) for name in first)


def test_rendering_shows_the_original_beside_the_picture(case, monkeypatch):
    frames = []
    monkeypatch.setattr(Window, "show", lambda self, frame: frames.append(frame))
    env, window = (FlatEnv(**case.keywords, render_mode=mode) for mode in ("rgb_array", "human"))
    start = {"image_index": 1, "objective": case.objectives[0]}
    env.reset(options=start)
    if not case.runs_codec:
        with pytest.raises(OptionError):
            env.render()
        return
    original, before = case.task.image(case.trace, 1), env.render()
    factor = before.shape[1] // 2 // original.shape[1]
    left, right = (before[: factor * original.shape[0] : factor, at::factor] for at in (0, factor * original.shape[1]))
    width = original.shape[1]
    assert np.array_equal(
        left[:, :width], np.broadcast_to(original.T, (3, *original.T.shape)).T if original.ndim == 2 else original
    )
    nothing = case.task.show_nothing(original)
    assert np.array_equal(right[:, :width, 0], nothing if nothing.ndim == 2 else nothing[..., 0])
    window.reset(options=start)
    done = False
    while not done:
        action = int(np.flatnonzero(env.action_masks())[-1])
        done = env.step(action)[2]
        window.step(action)
        assert np.array_equal(frames[-1], env.render())
    assert not np.array_equal(env.render(), before)
    assert window.render() is None
    window.close()


def test_the_vector_reward_weighed_is_the_reward(case):
    one, vector = FlatEnv(**case.keywords), MultiObjectiveEnv(**case.keywords)
    assert gymnasium.spec("rlcodec/AdaptiveRateMO-v0").entry_point == "rlcodec.envs.gym_env:MultiObjectiveEnv"
    for objective in case.objectives:
        options, random, done = {"image_index": 1, "objective": objective}, np.random.default_rng(0), False
        assert np.array_equal(one.reset(options=options)[0], vector.reset(options=options)[0])
        while not done:
            action = int(random.choice(np.flatnonzero(one.action_masks())))
            reward = one.step(action)[1]
            _, parts, done, _, info = vector.step(action)
            assert vector.reward_space.contains(parts)
            assert parts @ info["reward_weights"] == pytest.approx(reward, rel=1e-9, abs=1e-9)


def test_impossible_episodes_are_refused(case):
    env = FlatEnv(**case.keywords)
    with pytest.raises(OptionError, match="reset"):
        env.step(0)
    for options in ({"image_index": 99}, {"image_index": -1}, {"objective": "small"}):
        with pytest.raises(OptionError):
            env.reset(options=options)
    with pytest.raises(DataError):
        FlatEnv(images=[], preset=case.preset)
    with pytest.raises(DataError):
        FlatEnv(**case.keywords | {"trace": case.trace.take(slice(0, 0))})


def test_kinds_that_are_not_measured_are_refused(case):
    env = FlatEnv(**case.keywords)
    for kind in DISTORTIONS.keys() - set(case.task.spec.trained_kinds):
        with pytest.raises(OptionError, match=kind):
            env.reset(options={"objective": Objective(kind, 1.0, 0.0)})


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_rows_of_a_vector_environment_are_episodes_of_their_own(case, mode):
    vector = gymnasium.make_vec(FLAT, num_envs=COUNT, autoreset_mode=mode, **case.keywords)
    assert vector.metadata["autoreset_mode"] is mode
    alone, random = [FlatEnv(**case.keywords) for _ in range(COUNT)], np.random.default_rng(0)
    episodes = vector.unwrapped.episodes
    seen, info = vector.reset(seed=4)
    assert vector.observation_space.contains(seen)
    assert all(np.array_equal(start_alike(alone[row], episodes, row), seen[row]) for row in range(COUNT))
    over, finished = np.zeros(COUNT, bool), 0
    while finished <= COUNT:
        if mode is AutoresetMode.DISABLED and over.any():
            seen, info = vector.reset(options={"reset_mask": over})
            for row in np.flatnonzero(over):
                assert np.array_equal(start_alike(alone[row], episodes, row), seen[row])
            over[:] = False
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in info["action_mask"]])
        seen, reward, done, truncated, info = vector.step(actions)
        assert not truncated.any()
        for row in range(COUNT):
            if over[row]:
                assert (reward[row], done[row]) == (0, False)
                assert np.array_equal(start_alike(alone[row], episodes, row), seen[row])
                continue
            one, gain, ended, _, single = alone[row].step(int(actions[row]))
            assert (gain, ended) == (reward[row], done[row])
            last = info["final_obs"][row] if ended and mode is AutoresetMode.SAME_STEP else seen[row]
            assert np.array_equal(one, last)
            if ended and mode is AutoresetMode.SAME_STEP:
                assert info["final_info"]["bits"][row] == single["bits"]
                assert np.array_equal(start_alike(alone[row], episodes, row), seen[row])
        finished += done.sum()
        over = done if mode is not AutoresetMode.SAME_STEP else over


def test_rows_of_the_sb3_environment_are_episodes_of_their_own(case):
    episodes = episode_source(case.preset, case.trace, None, case.predictor).episodes(COUNT)
    vector, alone = TraceVecEnv(episodes, seed=3), [FlatEnv(**case.keywords) for _ in range(COUNT)]
    random, seen, finished = np.random.default_rng(0), vector.reset(), 0
    assert all(np.array_equal(start_alike(alone[row], episodes, row), seen[row]) for row in range(COUNT))
    while finished <= COUNT:
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in vector.action_masks()])
        seen, rewards, done, infos = vector.step(actions)
        for row in range(COUNT):
            one, reward, over, _, _ = alone[row].step(int(actions[row]))
            assert (over, np.float32(reward)) == (done[row], rewards[row])
            if over:
                assert np.array_equal(infos[row]["terminal_observation"], one)
                assert infos[row]["TimeLimit.truncated"] is False
                one = start_alike(alone[row], episodes, row)
            assert np.array_equal(one, seen[row])
        finished += done.sum()


def test_vector_environments_of_one_seed_are_alike(case):
    def run(environments):
        first = environments.reset()
        first = first[0] if isinstance(first, tuple) else first
        return np.stack([first] + [environments.step(np.full(COUNT, i % 2))[0] for i in range(8)])

    source = episode_source(case.preset, case.trace, None, case.predictor)
    assert np.array_equal(*(run(TraceVecEnv(source.episodes(COUNT), seed=9)) for _ in range(2)))
    vectors = [gymnasium.make_vec(FLAT, num_envs=COUNT, **case.keywords) for _ in range(2)]
    for vector in vectors:
        vector.reset(seed=9)
    steps = [[vector.step(np.full(COUNT, i % 2))[0] for i in range(8)] for vector in vectors]
    assert np.array_equal(*steps)


def test_one_objective_may_hold_for_all(case):
    objective = case.objectives[-1]
    vector = gymnasium.make_vec(FLAT, num_envs=COUNT, objective=objective, **case.keywords)
    vector.reset(seed=1)
    episodes = vector.unwrapped.episodes
    assert all(episodes.objectives.one(row, episodes.process.spec.kinds) == objective for row in range(COUNT))
    with pytest.raises(OptionError, match="one seed"):
        vector.reset(seed=[1, 2, 3, 4, 5])


def test_objectives_are_drawn_from_what_policies_are_trained_for(case):
    env, spec = AdaptiveRateEnv(**case.keywords), case.task.spec
    kinds = {spec.kinds[int(env.reset(seed=seed)[0]["kind"].argmax())] for seed in range(40)}
    assert kinds == set(spec.trained_kinds)


def test_sample_images_stand_in_where_no_trace_is_given(case):
    if case.preset == "external":
        with pytest.raises(OptionError, match="trace"):
            FlatEnv(preset="external")
        return
    env = FlatEnv(preset=case.preset, predictor=case.predictor)
    assert env.reset(seed=1)[0].shape == (case.task.spec.observation_size,)
    assert len(env.source) == len(case.task.samples())
