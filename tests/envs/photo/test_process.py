"""The environments on photographs: interface, determinism, legal actions, and that they never lie about the codec."""

import itertools
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import rlcodec
from rlcodec.control.objective import DISTORTIONS, KINDS, Objective, Objectives, distortion
from rlcodec.control.observation import objective_scale
from rlcodec.envs.batch import Episodes
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.gym_env import AdaptiveRateEnv, FlatEnv, MultiObjectiveEnv
from rlcodec.envs.hindsight import ExhaustiveSearch
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.photo.fit import fit_photo_predictor
from rlcodec.envs.photo.trace import PhotoTrace
from rlcodec.envs.pictures import crop_pictures
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError
from rlcodec.presets.photo.decisions import (
    ACTIONS,
    ENDINGS,
    GO_ACTION,
    SETTINGS,
    SLICE_PHASE,
    STOP_ACTION,
    STOPS,
    SYNTHESIS_PHASE,
)

OBJECTIVES = [
    Objective("mse", 30.0, 0.3),
    Objective("psnr", 10.0, 0.02),
    Objective("ms-ssim", 12.0, 0.0),
    Objective("ssimulacra2", 50.0, 0.1),
]
GOAL = OBJECTIVES[1]
TASK = task_of("photo")


@pytest.fixture
def options(picture_trace, foreseen) -> dict:
    return {"trace": picture_trace, "preset": "photo", "predictor": foreseen}


@pytest.fixture
def live(pictures, foreseen) -> dict:
    return {"images": pictures, "preset": "photo", "predictor": foreseen}


@pytest.mark.parametrize("source", ["options", "live"])
@pytest.mark.parametrize("name", ["rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0"])
def test_checkers_have_nothing_to_say(request, name, source):
    env = gymnasium.make(name, **request.getfixturevalue(source))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_env_sb3(env)


def test_the_vector_reward_weighed_is_the_reward(options):
    one, vector = FlatEnv(**options), MultiObjectiveEnv(**options)
    for image, objective in itertools.product(range(4), OBJECTIVES):
        where = {"image_index": image, "objective": objective}
        one.reset(options=where)
        vector.reset(options=where)
        for action in (7, GO_ACTION, GO_ACTION, 1):
            reward = one.step(action)[1]
            _, parts, done, _, info = vector.step(action)
            assert vector.reward_space.contains(parts)
            assert parts @ info["reward_weights"] == pytest.approx(reward, abs=1e-9)
        assert done


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rewards_telescope_to_the_objective(options, objective, play):
    env = FlatEnv(**options)
    for seed in range(6):
        _, rewards, (first, *_, last) = play(env, seed, objective=objective)
        scale = objective_scale(np.array(objective.lambda_rate), np.array(objective.lambda_compute))
        assert sum(rewards) == pytest.approx((first["objective_value"] - last["objective_value"]) / scale, rel=1e-9)
        if objective.kind in KINDS:
            error = 1 - last["ms_ssim"] if objective.kind == "ms-ssim" else last["mse"]
            assert last["distortion"] == pytest.approx(float(distortion(objective.kind, error)), rel=1e-12)
        value = float(objective.value(last["distortion"], last["rate_bpp"], last["decoder_kmac_per_pixel"]))
        assert last["objective_value"] == pytest.approx(value, rel=1e-12)
        assert (first["bits"], first["rate_bpp"], first["decoder_kmac_per_pixel"]) == (0, 0, 0)


@pytest.mark.parametrize("source", ["options", "live"])
def test_episodes_are_what_the_codec_does(request, pictures, source, play):
    env = FlatEnv(**request.getfixturevalue(source))
    for seed in range(5):
        objective = OBJECTIVES[seed % len(OBJECTIVES)]
        _, _, (first, *_, info) = play(env, seed, objective=objective)
        picture = pictures[info["image_index"]]
        assert first["mse"] == np.square(picture.astype(int) - 128).mean()
        coded = env.encode()
        found = rlcodec.inspect(coded.data)
        assert 8 * found.payload_bytes == info["bits"]
        assert info["bits"] / picture[..., 0].size == pytest.approx(info["rate_bpp"], rel=1e-12)
        assert coded.decoder_macs / 1000 / picture[..., 0].size == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
        assert coded.mse == info["mse"]
        assert info["distortion"] == pytest.approx(DISTORTIONS[objective.kind](picture, coded.picture), rel=1e-6)
        assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), coded.picture)


def test_same_seed_same_episode(options, play):
    one, two = (play(FlatEnv(**options), 7) for _ in range(2))
    assert one[1:] == two[1:]
    assert np.array_equal(one[0], two[0])
    other = play(FlatEnv(**options), 8)
    assert not np.array_equal(one[0][0], other[0][0])


def test_live_codec_and_trace_agree(options, live, play):
    table, measured = FlatEnv(**options), FlatEnv(**live)
    for image, objective in itertools.product(range(4), OBJECTIVES):
        one, two = (play(env, image, image_index=image, objective=objective) for env in (table, measured))
        assert one[1:] == two[1:]
        # Predictions for many pictures at once are the same sums in another order.
        assert np.allclose(one[0], two[0], rtol=0, atol=1e-5)


def test_masks_follow_the_phases(options):
    env = AdaptiveRateEnv(**options)
    seen, _ = env.reset(seed=2)
    for action, legal in ((4, SETTINGS), (GO_ACTION, 2), (STOP_ACTION, 2), (2, len(ENDINGS))):
        assert np.array_equal(np.flatnonzero(env.action_masks()), np.arange(legal))
        assert np.array_equal(seen["mask"] > 0.5, env.action_masks())
        seen, _, done, _, _ = env.step(action)
    assert done


def test_every_action_is_legal_or_mapped_to_a_legal_one(options):
    env, twin = FlatEnv(**options), FlatEnv(**options)
    for action in range(ACTIONS):
        where = {"image_index": action % 4, "objective": GOAL}
        env.reset(options=where)
        twin.reset(options=where)
        done = False
        while not done:
            _, reward, done, _, info = env.step(action)
            assert reward == twin.step(min(action, int(twin.action_masks().sum()) - 1))[1]
        assert 8 * rlcodec.inspect(env.encode().data).payload_bytes == info["bits"]
        assert env.encode().data == twin.encode().data


def test_advice_is_right_where_predictions_are(picture_trace, foreseen):
    """With measured tables in place of predictions, no regret is the oracle's choice."""
    process = TASK.process(picture_trace, foreseen)
    process.predicted_before = process._after = process._measured
    episodes, search = Episodes(process, 4), ExhaustiveSearch(process)
    for objective in OBJECTIVES:
        episodes.reset_to(objective, np.arange(4))
        while not episodes.done.all():
            seen = episodes.observe()
            mask, regret = seen[:, :ACTIONS] > 0.5, seen[:, ACTIONS : 2 * ACTIONS]
            episodes.step(np.where(mask, regret, np.inf).argmin(1))
        assert episodes.objective_values() == pytest.approx(search.values(objective).min(0), rel=1e-6)


def test_predictors_take_turns(picture_trace, foreseen):
    several = fit_unseen(picture_trace, fit_photo_predictor, 5)
    assert len(several) == 4
    several = several[:2]
    mixed = Episodes(TASK.process(picture_trace, several), 4)
    alone = [Episodes(TASK.process(picture_trace, one), 4) for one in several]
    for episodes in (mixed, *alone):
        episodes.reset_to(GOAL, np.arange(4))
    for _ in range(2):
        seen = mixed.observe()
        for turn, one in enumerate(alone):
            same = [np.allclose(of_one, row, atol=1e-5) for of_one, row in zip(one.observe(), seen, strict=True)]
            assert same == [row % 2 == turn for row in range(4)]
        for episodes in (mixed, *alone):
            episodes.step(np.full(4, 6))


@pytest.mark.parametrize("source", ["options", "live"])
def test_rendering_shows_the_picture_beside_the_original(request, pictures, source):
    env = FlatEnv(**request.getfixturevalue(source), render_mode="rgb_array")
    env.reset(options={"image_index": 2, "objective": GOAL})
    frames = [env.render()]
    for action in (2, GO_ACTION, GO_ACTION, 0):
        env.step(action)
        frames.append(env.render())
    factor = -(-224 // 96)
    height, width = factor * 64, factor * 96
    assert all(frame.shape[1:] == (2 * width, 3) and frame.shape == frames[0].shape for frame in frames)
    assert np.array_equal(frames[0][:height:factor, :width:factor], pictures[2])
    assert (frames[0][:height, width:] == 128).all()
    assert np.array_equal(frames[-1][:height:factor, width::factor], env.encode().picture)
    assert not np.array_equal(frames[1], frames[2])


def test_frames_tell_bits_per_pixel(monkeypatch, options):
    from PIL import ImageDraw

    told = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda self, place, line, **_: told.append(line))
    env = FlatEnv(**options, render_mode="rgb_array")
    env.reset(options={"image_index": 2, "objective": GOAL})
    *_, info = env.step(3)
    env.render()
    assert told[0].endswith(f"{info['rate_bpp']:.3f} per pixel")
    assert told[2].startswith(f"{10 * np.log10(255**2 / info['mse']):.2f} dB")


def test_each_row_for_stable_baselines_is_an_episode_of_its_own(picture_trace, foreseen, options):
    episodes = Episodes(TASK.process(picture_trace, foreseen), 5)
    vector, alone = TraceVecEnv(episodes, seed=3), [FlatEnv(**options) for _ in range(5)]
    random = np.random.default_rng(0)
    seen = vector.reset()

    def start(row: int) -> np.ndarray:
        where = {"image_index": int(episodes.image[row]), "objective": episodes.objectives.one(row, TASK.spec.kinds)}
        return alone[row].reset(options=where)[0]

    assert all(np.array_equal(start(row), seen[row]) for row in range(5))
    finished = 0
    for _ in range(25):
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in vector.action_masks()])
        seen, rewards, done, infos = vector.step(actions)
        for row in range(5):
            one, reward, over, _, _ = alone[row].step(int(actions[row]))
            assert (over, np.float32(reward)) == (done[row], rewards[row])
            if over:
                assert np.array_equal(infos[row]["terminal_observation"], one)
                one = start(row)
            assert np.array_equal(one, seen[row])
        finished += done.sum()
    assert finished > 20
    assert len({tuple(size) for size in picture_trace.sizes}) == 4


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_each_row_for_gymnasium_is_an_episode_of_its_own(options, mode):
    vector = gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=5, autoreset_mode=mode, **options)
    alone, random = [FlatEnv(**options) for _ in range(5)], np.random.default_rng(0)
    seen, info = vector.reset(seed=4)
    assert seen.shape == (5, vector.unwrapped.episodes.observation_size)
    over = np.zeros(5, bool)

    def start(row: int) -> np.ndarray:
        objective = vector.unwrapped.episodes.objectives.one(row, TASK.spec.kinds)
        where = {"image_index": int(info["image_index"][row]), "objective": objective}
        return alone[row].reset(options=where)[0]

    assert all(np.array_equal(start(row), seen[row]) for row in range(5))
    for _ in range(25):
        assert vector.observation_space.contains(seen)
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in info["action_mask"]])
        seen, reward, done, _, info = vector.step(actions)
        for row in range(5):
            if over[row]:
                assert (reward[row], done[row]) == (0, False)
                assert np.array_equal(start(row), seen[row])
                continue
            one, gain, ended, _, single = alone[row].step(int(actions[row]))
            assert (gain, ended) == (reward[row], done[row])
            if ended and mode is AutoresetMode.SAME_STEP:
                assert np.array_equal(info["final_obs"][row], one)
                assert info["final_info"]["bits"][row] == single["bits"]
                one = start(row)
            assert np.array_equal(one, seen[row])
        over = done & (mode is AutoresetMode.NEXT_STEP)


def test_done_episodes_stay_as_they_are(picture_trace, foreseen):
    episodes = Episodes(TASK.process(picture_trace, foreseen), 3)
    episodes.reset_to(GOAL, np.arange(3))
    for actions in ((0, 5, 15), (0, 1, 1), (2, 1, 0)):
        episodes.step(np.array(actions))
    assert list(episodes.done) == [True, False, False]
    assert list(episodes.state.phase) == [SYNTHESIS_PHASE] * 3
    before = episodes.objective_values()
    outcome = episodes.step(np.array([1, 2, 2]))
    assert outcome.reward[0] == 0
    assert outcome.done.all()
    assert episodes.objective_values()[0] == before[0]
    assert list(episodes.state.synthesis) == [2, 2, 2]
    episodes.reset(np.array([1]), np.array([3]), Objectives.of(Objective("mse", 9.0, 0.1), 1, TASK.spec.kinds))
    assert list(episodes.done) == [True, False, True]
    episodes.step(np.array([0, 2, 0]))
    assert list(episodes.state.phase) == [SYNTHESIS_PHASE, SLICE_PHASE, SYNTHESIS_PHASE]
    assert STOPS[episodes.state.stop[1]] == STOPS[0]


def test_pictures_of_many_sizes_make_one_trace(pictures, picture_trace):
    assert len(picture_trace) == len(pictures)
    for index, picture in enumerate(pictures):
        assert np.array_equal(picture_trace.picture(index), picture)
    some = picture_trace.take(np.array([3, 1]))
    assert np.array_equal(some.picture(0), pictures[3])
    assert np.array_equal(some.picture(1), pictures[1])
    assert np.array_equal(some.sse, picture_trace.sse[[3, 1]])
    assert list(some.areas) == [65 * 50, 48 * 80]


def test_tables_make_sense(picture_trace):
    assert (np.diff(picture_trace.payload_bytes, axis=3) >= 0).all()
    assert (np.diff(picture_trace.macs, axis=4) > 0).all()
    assert (picture_trace.payload_bytes[..., :1] == picture_trace.payload_bytes).all()
    plain = picture_trace.sse[..., 0]
    assert (plain[:, :, :-3] < plain[:, :, 3:]).mean() > 0.9
    uniform, ms_ssim, ssimulacra2 = picture_trace.scores.swapaxes(0, 1)
    assert not uniform.any()
    assert (ms_ssim[:, :3] > ms_ssim[:, -3:]).all()
    assert (ssimulacra2[:, :3] > ssimulacra2[:, -3:]).all()
    assert ms_ssim.max() <= 1
    assert ssimulacra2.max() <= 100


def test_a_file_gives_the_trace_back(picture_trace, foreseen, tmp_path):
    TASK.save(tmp_path / "a.npz", picture_trace)
    again = TASK.load(tmp_path / "a.npz")
    assert all(np.array_equal(getattr(again, name), getattr(picture_trace, name)) for name in PhotoTrace.__dataclass_fields__)
    alone = TASK.measure([picture_trace.picture(3)], MeasureOptions(workers=1))
    assert np.array_equal(alone.sse[0], picture_trace.sse[3])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda a: a | {"digest": np.array("0" * 64)}, "made by codec.*run `rlcodec trace` again"),
        (lambda a: a | {"sse": a["sse"][:, :, :, :2]}, "table sse"),
        (lambda a: a | {"sizes": a["sizes"][0]}, "table sizes"),
        (lambda a: a | {"sizes": np.array(4)}, "table sizes"),
        (lambda a: a | {"pixels": a["pixels"][1:]}, "table pixels"),
        (lambda a: {name: table for name, table in a.items() if name != "scores"}, "no table scores"),
        (lambda a: a | {"features": np.array([{}], object)}, "not a usable trace"),
        (lambda a: a | {"features": a["features"] + 0.01}, "computed its features; run `rlcodec trace` again"),
    ],
)
def test_foreign_traces_are_refused(picture_trace, tmp_path, change, word):
    arrays = {name: np.asarray(getattr(picture_trace, name)) for name in PhotoTrace.__dataclass_fields__}
    np.savez(tmp_path / "a.npz", **change(arrays))
    with pytest.raises(DataError, match=word):
        TASK.load(tmp_path / "a.npz")


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.999])
def test_cut_traces_are_refused(picture_trace, tmp_path, kept):
    path = tmp_path / "a.npz"
    TASK.save(path, picture_trace)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(DataError, match="not a usable trace"):
        FlatEnv(trace=path, preset="photo")


def test_no_pictures_no_environment(picture_trace, foreseen):
    with pytest.raises(DataError):
        TASK.measure([])
    with pytest.raises(DataError):
        FlatEnv(images=[], preset="photo", predictor=foreseen)
    with pytest.raises(DataError):
        FlatEnv(trace=picture_trace.take(slice(0)), preset="photo", predictor=foreseen)


def test_crops_are_squares_of_the_pictures(pictures):
    large = np.tile(pictures[0], (10, 10, 1))
    crops = crop_pictures([*pictures, large], 60, seed=1)
    assert [crop.shape for crop in crops] == [(60, 60, 3)] * (2 + 3)
    with pytest.raises(DataError, match="65 pixels"):
        crop_pictures(pictures, 65)
