"""The environments of preset compact: interface, legal actions, and that neither tables nor encoder lie about the codec."""

import itertools
import json
import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import rlcodec
from rlcodec.agents.evaluate import contest_of, evaluate_policy, greedy_advice, run_episodes
from rlcodec.agents.export import export_policy
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import load_trained, read_run, train_ppo
from rlcodec.control.objective import Objective
from rlcodec.control.observation import objective_scale
from rlcodec.control.onnx_policy import load_policy
from rlcodec.envs.compact.batch import CompactEpisodes
from rlcodec.envs.compact.fit import fit_compact_predictor
from rlcodec.envs.compact.trace import CompactTrace, load_compact_trace, trace_compact
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.gym_env import AdaptiveRateEnv, FlatEnv, MultiObjectiveEnv
from rlcodec.envs.sample_images import sample_pictures
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of
from rlcodec.envs.trace_file import save_tables
from rlcodec.errors import DataError
from rlcodec.presets.compact.decisions import (
    ACTIONS,
    BUDGETS,
    DEPTH,
    GROUPS,
    LAYOUT_SIZE,
    NODES,
    SETTINGS,
    CompactPredictor,
    choices_of,
)
from rlcodec.presets.mnist.observation import STOP_ACTION

TASK = task_of("compact")
TABLE_ACTION, CONTEXT_ACTION = 1, 2
SHORT = replace(read_settings(), n_timesteps=256, n_envs=8, n_steps=16, batch_size=64, n_epochs=1, width=16)
OBJECTIVES = [
    Objective("mse", 3000.0, 2.0),
    Objective("mse", 1e5, 5000.0),
    Objective("psnr", 20.0, 1.0),
    Objective("psnr", 100.0, 0.02),
    Objective("ms-ssim", 20.0, 0.0),
    Objective("ms-ssim", 70.0, 1.0),
]
GOAL = OBJECTIVES[2]


@pytest.fixture(scope="module")
def parts() -> list[np.ndarray]:
    samples = sample_pictures()
    return [samples[0], samples[5], np.ascontiguousarray(samples[3][:70, :100]), samples[6]]


@pytest.fixture(scope="module")
def tables(parts) -> CompactTrace:
    return trace_compact(parts, 1)


@pytest.fixture(scope="module")
def expected(tables) -> CompactPredictor:
    return fit_compact_predictor(tables, 20, 2)


@pytest.fixture
def options(tables, expected) -> dict:
    return {"trace": tables, "preset": "compact", "predictor": expected}


@pytest.fixture
def live(parts, expected) -> dict:
    return {"images": parts, "preset": "compact", "predictor": expected}


def play(env, seed, **options):
    """Random legal actions until the end: observations, rewards, all infos."""
    random = np.random.default_rng(seed)
    seen, info = env.reset(seed=seed, options=options)
    trail, rewards, infos, done = [seen], [], [info], False
    while not done:
        seen, reward, done, truncated, info = env.step(int(random.choice(np.flatnonzero(env.action_masks()))))
        assert truncated is False
        trail.append(seen)
        rewards.append(reward)
        infos.append(info)
    return trail, rewards, infos


@pytest.mark.parametrize("source", ["options", "live"])
@pytest.mark.parametrize("name", ["rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0"])
def test_checkers_have_nothing_to_say(request, name, source):
    given = dict(request.getfixturevalue(source))
    if source == "live":
        given["images"] = [picture[:64, :64] for picture in given["images"][:2]]
    env = gymnasium.make(name, **given)
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
        for action in (7, CONTEXT_ACTION, TABLE_ACTION, STOP_ACTION):
            reward = one.step(action)[1]
            _, parts, done, _, info = vector.step(action)
            assert parts @ info["reward_weights"] == pytest.approx(reward, abs=1e-9)
        assert done


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rewards_telescope_to_the_objective(options, objective):
    env = FlatEnv(**options)
    for seed in range(6):
        _, rewards, (first, *_, last) = play(env, seed, objective=objective)
        scale = objective_scale(np.array(objective.lambda_rate), np.array(objective.lambda_compute))
        assert sum(rewards) == pytest.approx((first["objective_value"] - last["objective_value"]) / scale, rel=1e-9)
        error = 1 - last["ms_ssim"] if objective.kind == "ms-ssim" else last["mse"]
        value = float(objective.value(error, last["rate_bpp"], last["decoder_kmac_per_pixel"]))
        assert last["objective_value"] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("source", ["options", "live"])
def test_wherever_an_episode_stands_it_is_what_the_codec_does(request, parts, source):
    env = FlatEnv(**request.getfixturevalue(source))
    for seed in range(6):
        _, first = env.reset(seed=seed)
        picture, random, done = parts[first["image_index"]], np.random.default_rng(seed), False
        nothing = rlcodec.encode(picture, preset="compact", bit_budget=0)
        assert np.array_equal(TASK.nothing(picture), np.asarray(rlcodec.decode(nothing)))
        assert first["mse"] == np.square(np.asarray(rlcodec.decode(nothing)).astype(int) - picture).mean()
        assert first["decoder_kmac_per_pixel"] == pytest.approx(rlcodec.inspect(nothing).decoder_kmac_per_pixel, rel=1e-12)
        assert first["bits"] == 0
        while not done:
            legal = np.flatnonzero(env.action_masks())
            _, _, done, _, info = env.step(int(random.choice(legal[-2:] if seed % 2 else legal)))
            coded = env.encode()
            found = rlcodec.inspect(coded.data)
            assert 8 * found.payload_bytes == info["bits"]
            assert found.bit_budget == coded.bit_budget
            assert info["bits"] / picture[..., 0].size == pytest.approx(info["rate_bpp"], rel=1e-12)
            assert coded.decoder_macs / 1000 / picture[..., 0].size == pytest.approx(info["decoder_kmac_per_pixel"], rel=1e-12)
            assert coded.decoder_macs / 1000 / picture[..., 0].size == pytest.approx(found.decoder_kmac_per_pixel, rel=1e-12)
            assert coded.mse == info["mse"]
            assert coded.segments == found.segments
            assert np.array_equal(np.asarray(rlcodec.decode(coded.data)), coded.picture)


def test_every_place_in_the_tables_is_what_the_codec_codes(parts, tables, expected):
    episodes = CompactEpisodes(tables, expected, 1)
    for setting, node in [(0, 0), (7, NODES - 1), *zip([3, 6, 2, 7, 1], range(4, NODES, 6), strict=True)]:
        coded = TASK.encode(parts[2], episodes.actions_of(setting, node))
        assert len(rlcodec.inspect(coded.data).segments) == -(-BUDGETS[setting] * DEPTH[node] // GROUPS) + (
            DEPTH[node] < GROUPS
        )
        assert 8 * rlcodec.inspect(coded.data).payload_bytes == round(episodes.tables.rate[2, setting, node] * 7000)
        assert coded.decoder_macs == round(episodes.tables.kmac[2, setting, node] * 7000 * 1000)


def test_choices_for_all_slices_alike_are_a_tier_for_all(parts):
    for action, tier in ((TABLE_ACTION, "table"), (CONTEXT_ACTION, "context")):
        coded = TASK.encode(parts[1], (SETTINGS - 1, *[action] * GROUPS))
        assert coded.data == rlcodec.encode(parts[1], preset="compact", tier=tier)
    kept, choices = choices_of((3, CONTEXT_ACTION, TABLE_ACTION))
    assert kept == len(choices) == BUDGETS[3]
    assert list(choices) == [1] * 32 + [0] * 32 + [-1] * 64


def test_same_seed_same_episode(options):
    one, two = (play(FlatEnv(**options), 7) for _ in range(2))
    assert one[1:] == two[1:]
    assert np.array_equal(one[0], two[0])
    assert not np.array_equal(one[0][0], play(FlatEnv(**options), 8)[0][0])


def test_live_codec_and_trace_agree(options, live):
    table, measured = FlatEnv(**options), FlatEnv(**live)
    for image, objective in itertools.product(range(4), OBJECTIVES[::2]):
        one, two = (play(env, image, image_index=image, objective=objective) for env in (table, measured))
        assert one[1:] == two[1:]
        assert np.allclose(one[0], two[0], rtol=0, atol=1e-5)


def test_masks_follow_the_phases(options):
    env = AdaptiveRateEnv(**options)
    seen, _ = env.reset(seed=2)
    for action, legal in ((4, SETTINGS), (TABLE_ACTION, 3), (CONTEXT_ACTION, 3), (TABLE_ACTION, 3), (7, 3)):
        assert np.array_equal(np.flatnonzero(env.action_masks()), np.arange(legal))
        assert np.array_equal(seen["mask"] > 0.5, env.action_masks())
        seen, _, done, _, _ = env.step(action)
    assert done
    env.reset()
    env.step(2)
    assert env.step(STOP_ACTION)[2]


def test_advice_is_right_where_predictions_are(tables, expected):
    """With measured tables in place of predictions, no regret is the oracle's choice."""
    contest = contest_of(TASK, tables, expected)
    contest.episodes._expected = contest.episodes.tables
    for objective in OBJECTIVES:
        found = run_episodes(contest.episodes, objective, greedy_advice(ACTIONS))
        best = np.array([plan.value for plan in contest.oracle(objective)])
        assert found == pytest.approx(best, rel=1e-6)
        constants = np.stack([contest.replay(objective, actions) for actions in contest.constants])
        assert constants.min(0) == pytest.approx(best, rel=1e-12)
        assert constants.mean(1).min() == pytest.approx(contest.fixed(objective).value, rel=1e-12)
    assert len(set(contest.constants)) == SETTINGS * NODES


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # four pictures drawn again may leave no gap
def test_evaluations_rank_what_they_know(tables, expected):
    few = replace(contest_of(TASK, tables, expected), grid=OBJECTIVES)
    found = evaluate_policy(few, greedy_advice(ACTIONS))
    assert (found.table.J_oracle <= found.table.J_policy + 1e-9).all()
    assert found.share <= 1


def test_rows_of_a_batch_are_episodes_of_their_own(tables, expected, options):
    episodes = CompactEpisodes(tables, expected, 5)
    vector, alone, random = TraceVecEnv(episodes, seed=3), [FlatEnv(**options) for _ in range(5)], np.random.default_rng(0)
    seen = vector.reset()

    def start(row: int) -> np.ndarray:
        goal = episodes.goal
        objective = Objective(("mse", "psnr", "ms-ssim")[goal.kind[row]], float(goal.rate[row]), float(goal.compute[row]))
        return alone[row].reset(options={"image_index": int(episodes.image[row]), "objective": objective})[0]

    assert all(np.array_equal(start(row), seen[row]) for row in range(5))
    for _ in range(20):
        actions = np.array([random.choice(np.flatnonzero(mask)) for mask in vector.action_masks()])
        seen, rewards, done, infos = vector.step(actions)
        for row in range(5):
            one, reward, over, _, _ = alone[row].step(int(actions[row]))
            assert (over, np.float32(reward)) == (done[row], rewards[row])
            if over:
                assert np.array_equal(infos[row]["terminal_observation"], one)
                one = start(row)
            assert np.array_equal(one, seen[row])
    many = gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=3, **options)
    assert many.reset(seed=1)[0].shape == (3, LAYOUT_SIZE)


def test_done_episodes_stay_as_they_are(tables, expected):
    episodes = CompactEpisodes(tables, expected, 2)
    episodes.reset_to(GOAL, np.arange(2))
    for actions in ((5, 0), (STOP_ACTION, CONTEXT_ACTION)):
        episodes.step(np.array(actions))
    assert list(episodes.done) == [True, False]
    before = episodes.objective_values()
    outcome = episodes.step(np.array([2, 2]))
    assert outcome.reward[0] == 0
    assert episodes.objective_values()[0] == before[0]


def test_rendering_grows_from_nothing(options):
    env = FlatEnv(**options, render_mode="rgb_array")
    env.reset(options={"image_index": 0, "objective": GOAL})
    frames = [env.render()]
    for action in (7, CONTEXT_ACTION, STOP_ACTION):
        env.step(action)
        frames.append(env.render())
    assert np.array_equal(frames[0][:256, 256:], frames[1][:256, 256:])  # a budget alone shows nothing
    assert not np.array_equal(frames[1], frames[2])


def test_a_file_gives_the_trace_back(tables, tmp_path):
    save_tables(tmp_path / "a.npz", tables)
    again = load_compact_trace(tmp_path / "a.npz")
    assert all(np.array_equal(getattr(again, name), getattr(tables, name)) for name in CompactTrace.__dataclass_fields__)
    assert np.array_equal(tables.take(np.array([2, 1])).picture(0), tables.picture(2))
    save_tables(tmp_path / "b.npz", replace(tables, sse=tables.sse[:, 1:]))
    with pytest.raises(DataError, match="sse"):
        load_compact_trace(tmp_path / "b.npz")
    with pytest.raises(DataError):
        task_of("photo").load(tmp_path / "a.npz")


def test_predictors_take_turns(tables, expected):
    several = fit_unseen(tables, fit_compact_predictor, 5)
    assert len(several) == 4
    mixed, alone = CompactEpisodes(tables, several, 4), [CompactEpisodes(tables, one, 4) for one in several]
    for row, one in enumerate(alone):
        assert np.allclose(mixed._expected.quality[:, row], one._expected.quality[:, row])
    assert CompactPredictor.from_json(expected.to_json()).to_json() == expected.to_json()
    broken = json.loads(expected.to_json())
    broken["net"]["biases"][-1] = [[[0.0]]]
    broken["net"]["weights"][-1] = [[[row[0]] for row in one] for one in broken["net"]["weights"][-1]]
    with pytest.raises(ValueError, match="outputs"):
        CompactPredictor.from_json(json.dumps(broken))


@pytest.fixture(scope="module")
def trained(tables, expected, tmp_path_factory):
    """The file of a policy that has trained for a moment, so that it neither knows much nor only follows the planner."""
    folder = tmp_path_factory.mktemp("run")
    brief = replace(TASK, fit=lambda trace: expected, fit_unseen=lambda trace: [expected, expected])
    train_ppo(tables, brief, replace(SHORT, advice=2.0, learning_rate=0.005), folder, progress=False)
    predictor, settings = read_run(folder, TASK)
    export_policy(load_trained(folder), predictor, TASK, folder / "policy.onnx", settings)
    return folder / "policy.onnx"


@pytest.mark.parametrize("source", ["trace", "images"])
def test_the_encoder_chooses_as_in_its_environment(parts, tables, trained, source):
    policy, chosen = load_policy(trained, TASK.model), set()
    env = FlatEnv(preset="compact", predictor=policy.predictor, **{source: tables if source == "trace" else parts})
    for index, objective in [*itertools.product(range(4), OBJECTIVES)][:: 1 if source == "trace" else 4]:
        seen, _ = env.reset(options={"image_index": index, "objective": objective})
        done, actions = False, []
        while not done:
            actions.append(int(np.where(env.action_masks(), policy.logits(seen[None])[0], -np.inf).argmax()))
            seen, _, done, _, info = env.step(actions[-1])
        lambdas = {"lambda_rate": objective.lambda_rate, "lambda_compute": objective.lambda_compute}
        data = rlcodec.encode(parts[index], preset="compact", policy=trained, distortion=objective.kind, **lambdas)
        assert env.encode().data == TASK.encode(parts[index], tuple(actions)).data == data
        assert 8 * rlcodec.inspect(data).payload_bytes == info["bits"]
        assert np.square(np.asarray(rlcodec.decode(data)).astype(np.int64) - parts[index]).mean() == info["mse"]
        chosen.add(tuple(actions))
    assert len(chosen) > (3 if source == "trace" else 1)


def test_the_command_line_takes_a_policy_and_needs_none(run, trained, photograph, tmp_path):
    photograph.crop((0, 0, 100, 90)).convert("L").save(tmp_path / "a.png")
    command = ("encode", tmp_path / "a.png", tmp_path / "a.rlc", "--preset", "compact", "--objective", "fast")
    assert run(*command, "--policy", trained)[0] == 0
    assert rlcodec.decode((tmp_path / "a.rlc").read_bytes()).mode == "L"
    assert run(*command)[0] == 0
    assert run(*command, "--policy", trained, "--tier", "table")[0] == 2
    code, _, said = run(*command[:5], "--policy", trained, "--distortion", "psnr", "--lambda-rate", 1e6)
    assert code == 2
    assert "lambda_rate" in said
    photograph.crop((0, 0, 80, 80)).save(tmp_path / "b.png")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "b.png").rename(tmp_path / "pictures" / "b.png")
    code, _, _ = run("trace", tmp_path / "pictures", tmp_path / "t.npz", "--preset", "compact", "--crop", 64, "--workers", 1)
    assert (code, len(load_compact_trace(tmp_path / "t.npz"))) == (0, 1)
