"""Bring your own codec: the page's example runs, and episodes, hindsight and policies are what a trace's tables say."""

import itertools
import json
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from PIL import Image
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from rlcodec.agents.evaluate import contest_of, evaluate_policy, greedy_advice, run_episodes
from rlcodec.agents.export import export_policy
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import train_ppo
from rlcodec.control.objective import Objective
from rlcodec.control.observation import objective_scale
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.metrics import psnr_db
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.envs.external.trace import OwnEpisodes, OwnTrace, fit_own_predictor, load_own_trace, own_task, own_trace
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.gym_env import FlatEnv
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.trace_file import save_tables
from rlcodec.errors import DataError, OptionError, PolicyError
from rlcodec.presets.external.decisions import OwnPolicy, OwnPredictor, OwnSpec

PAGE = (Path(__file__).parents[3] / "docs" / "own_codec.md").read_text()
SHORT = replace(read_settings(), n_timesteps=256, n_envs=8, n_steps=16, batch_size=64, n_epochs=1, width=16)
OBJECTIVES = [Objective("mse", 20.0, 0.0), Objective("psnr", 8.0, 0.2), Objective("ms-ssim", 6.0, 0.01)]


def block(name: str) -> str:
    """A piece of Python on the page."""
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```\n<!-- end -->", PAGE, re.DOTALL)
    assert found
    return found[1]


def made_up(n: int = 12, stops: int = 1, seed: int = 0, **changes) -> OwnTrace:
    """A trace of a codec that nobody has: busier images cost more at every one of four settings, and finer ones cost more."""
    rng = np.random.default_rng(seed)
    busy, pixels = rng.uniform(0.5, 2, n), rng.integers(1000, 5000, n)
    fine = np.arange(1, 5)[None, :, None] * (1 + np.arange(stops)) / stops
    noise = rng.uniform(0.9, 1.1, (n, 4, stops))
    tables = {
        "bits": pixels[:, None, None] * busy[:, None, None] * fine / 3 * noise,
        "mse": 300 * busy[:, None, None] * noise / fine**2,
        "ms_ssim": 1 - 0.1 * busy[:, None, None] * noise / fine,
        "decoder_kmac_per_pixel": np.broadcast_to(fine, (n, 4, stops)),
    }
    given = {
        "codec": "none", "settings": ["a", "b", "c", "d"], "pixels": pixels, "stops": [f"stop {i}" for i in range(stops)],
        "features": {"busy": busy + rng.normal(0, 0.05, n), "luck": rng.normal(size=n)},
    }  # fmt: skip
    return own_trace(**(given | tables | changes))


@pytest.fixture(scope="module", params=[1, 3], ids=["one stop", "three stops"])
def trace(request) -> OwnTrace:
    return made_up(stops=request.param)


@pytest.fixture(scope="module")
def expected(trace) -> OwnPredictor:
    return fit_own_predictor(trace, 20, 2)


@pytest.fixture
def options(trace, expected) -> dict:
    return {"trace": trace, "preset": "own", "predictor": expected}


def places(trace: OwnTrace):
    """Every setting and stop, with the actions that lead there."""
    stops = len(trace.spec.stops)
    for setting, stop in itertools.product(range(4), range(stops)):
        yield setting, stop, (setting, *[1] * stop, *([0] if stop < stops - 1 else []))


@pytest.mark.parametrize("name", ["rlcodec/AdaptiveRate-v0", "rlcodec/AdaptiveRateFlat-v0"])
def test_checkers_have_nothing_to_say(options, name):
    env = gymnasium.make(name, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
        check_env_sb3(env)


def test_episodes_are_what_the_tables_say(trace, options):
    env = FlatEnv(**options)
    for image, objective, (setting, stop, actions) in itertools.product(range(3), OBJECTIVES, places(trace)):
        _, first = env.reset(options={"image_index": image, "objective": objective})
        assert first["bits"] == trace.bits[image, 0, -1]
        rewards = []
        for action in actions:
            assert env.action_masks()[action]
            _, reward, done, _, info = env.step(action)
            rewards.append(reward)
        assert done
        assert info["bits"] == trace.bits[image, setting, stop]
        error = 1 - trace.ms_ssim[image, setting, stop] if objective.kind == "ms-ssim" else trace.mse[image, setting, stop]
        value = objective.value(error, info["bits"] / trace.pixels[image], trace.kmac[image, setting, stop])
        assert info["objective_value"] == pytest.approx(float(value), rel=1e-12)
        scale = objective_scale(np.array(objective.lambda_rate), np.array(objective.lambda_compute))
        assert sum(rewards) == pytest.approx((first["objective_value"] - float(value)) / scale, rel=1e-9)


def test_rewards_are_counted_from_the_baseline():
    trace = made_up(baseline=2)
    env = FlatEnv(trace=trace, preset="own", predictor=fit_own_predictor(trace, 5, 1))
    env.reset(options={"image_index": 1, "objective": OBJECTIVES[0]})
    assert env.step(2)[1] == 0


def test_rows_of_a_batch_are_episodes_of_their_own(trace, expected, options):
    episodes = OwnEpisodes(trace, expected, 5)
    vector, alone, random = TraceVecEnv(episodes, seed=3), [FlatEnv(**options) for _ in range(5)], np.random.default_rng(0)
    seen = vector.reset()

    def start(row: int) -> np.ndarray:
        goal = episodes.goal
        objective = Objective(("mse", "psnr", "ms-ssim")[goal.kind[row]], float(goal.rate[row]), float(goal.compute[row]))
        return alone[row].reset(options={"image_index": int(episodes.image[row]), "objective": objective})[0]

    assert all(np.array_equal(start(row), seen[row]) for row in range(5))
    for _ in range(12):
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
    assert many.reset(seed=1)[0].shape == (3, sum(length for _, length, _ in trace.spec.layout))


def test_hindsight_is_the_best_there_is(trace, expected):
    contest = contest_of(own_task(trace.spec), trace, expected)
    for objective in OBJECTIVES:
        all_of_them = np.stack([contest.replay(objective, actions) for _, _, actions in places(trace)])
        plans = contest.oracle(objective)
        assert [plan.value for plan in plans] == pytest.approx(all_of_them.min(0), rel=1e-12)
        assert contest.fixed(objective).value == pytest.approx(all_of_them.mean(1).min(), rel=1e-12)
        contest.episodes._expected = contest.episodes.tables
        advised = run_episodes(contest.episodes, objective, greedy_advice(trace.spec.actions))
        assert advised == pytest.approx(all_of_them.min(0), rel=1e-6)
    assert sorted(contest.constants) == sorted(actions for _, _, actions in places(trace))


def test_predictions_know_what_the_features_tell():
    trace, other = made_up(60), made_up(60, seed=1)
    several = fit_unseen(trace, fit_own_predictor, 200)
    contest = contest_of(own_task(trace.spec), other, several[0])
    found = evaluate_policy(contest, greedy_advice(trace.spec.actions))
    assert found.share > 0.3
    blind = replace(other, features=np.ones_like(other.features))
    assert evaluate_policy(contest_of(own_task(trace.spec), blind, several[0]), greedy_advice(4)).share < found.share - 0.2


@pytest.fixture(scope="module")
def trained(trace, expected, tmp_path_factory) -> Path:
    """The file of a policy that has trained for a moment, so that it neither knows much nor only follows the planner."""
    task, folder = own_task(trace.spec), tmp_path_factory.mktemp("run")
    brief = replace(task, fit=lambda trace: expected, fit_unseen=lambda trace: [expected, expected])
    settings = replace(SHORT, advice=2.0, learning_rate=0.005)
    policy, predictor = train_ppo(trace, brief, settings, folder, progress=False)
    export_policy(policy, predictor, task, folder / "policy.onnx", {})
    return folder / "policy.onnx"


def test_the_policy_chooses_as_in_the_environment(trace, trained):
    policy, task = OwnPolicy(trained), own_task(trace.spec)
    loaded, chosen = load_policy(trained, task.model), set()
    env = FlatEnv(trace=trace, preset="own", predictor=loaded.predictor)
    for image, objective in itertools.product(range(8), OBJECTIVES):
        seen, _ = env.reset(options={"image_index": image, "objective": objective})
        done, actions = False, []
        while not done:
            actions.append(int(np.where(env.action_masks(), loaded.logits(seen[None])[0], -np.inf).argmax()))
            seen, _, done, _, _ = env.step(actions[-1])
        known = trace.features[image], objective
        setting = policy.choose(*known)
        at = image, setting
        stop = policy.choose_stop(*known, setting, trace.rate_bpp[at], trace.mse[at], trace.ms_ssim[at], trace.kmac[at])
        assert tuple(actions) == next(a for s, t, a in places(trace) if (s, t) == (setting, stop))
        chosen.add((setting, stop))
    assert len(chosen) > 1


def test_policies_are_asked_for_what_they_know(trace, trained, tmp_path):
    policy, features = OwnPolicy(trained), trace.features[0]
    for arguments in (
        (features[:1], OBJECTIVES[0]),
        (features * np.nan, OBJECTIVES[0]),
        (features, Objective("mse", 1e9, 0.0)),
        (features, Objective("psnr", 8.0, 1e6)),
    ):
        with pytest.raises(OptionError):
            policy.choose(*arguments)
    with pytest.raises(OptionError, match="stops"):
        policy.choose_stop(features, OBJECTIVES[0], 0, [1.0] * 7, [1.0] * 7)
    with pytest.raises(OptionError, match="setting"):
        policy.choose_stop(features, OBJECTIVES[0], 4, trace.rate_bpp[0, 0], trace.mse[0, 0])
    with pytest.raises(PolicyError, match="preset mnist"):
        OwnPolicy(WEIGHTS / "mnist-policy.onnx")
    with pytest.raises(PolicyError, match="no such policy"):
        OwnPolicy(tmp_path / "none.onnx")
    renamed = replace(trace.spec, settings=("a", "b", "c", "e"))
    with pytest.raises(PolicyError, match="trained for codec"):
        load_policy(trained, own_task(renamed).model)


def test_without_ms_ssim_no_objective_is_in_it():
    trace = made_up(ms_ssim=None)
    assert trace.spec.kinds == ("mse", "psnr")
    env = FlatEnv(trace=trace, preset="own", predictor=fit_own_predictor(trace, 5, 1))
    kinds = {int(env.reset(seed=seed)[0][9:12].argmax()) for seed in range(30)}
    assert kinds == {0, 1}
    with pytest.raises(OptionError, match="ms-ssim was not measured"):
        env.reset(options={"objective": OBJECTIVES[2]})
    assert {o.kind for o in contest_of(own_task(trace.spec), trace, fit_own_predictor(trace, 5, 1)).grid} == {"mse", "psnr"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bits": np.zeros((12, 4))}, "bits of image 0 cannot be"),
        ({"mse": -np.ones((12, 4))}, "mse of image 0 cannot be"),
        ({"mse": np.full((12, 4), np.nan)}, "mse of image 0 cannot be"),
        ({"ms_ssim": np.full((12, 4), 1.5)}, "ms_ssim of image 0 cannot be"),
        ({"bits": np.ones((12, 3))}, "bits has shape"),
        ({"bits": [[1, 2], [3]]}, "bits holds no numbers"),
        ({"pixels": np.zeros(12)}, "pixels of image 0 cannot be"),
        ({"features": {"busy": np.ones(3)}}, "feature busy has shape"),
        ({"features": {}}, "features are none"),
        ({"settings": ["a", "a", "b", "c"]}, "settings are a, a, b, c"),
        ({"settings": ["a"]}, "give at least 2"),
        ({"baseline": 4}, "baseline is 4"),
        ({"rate_range": {"taste": (0, 1)}}, "rate_range has taste"),
        ({"rate_range": {"psnr": (2, 1)}}, "rate_range of psnr is 2.0 to 1.0"),
    ],
)
def test_tables_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(DataError, match=reason):
        made_up(**changes)
    with pytest.raises(DataError):
        made_up(0)


def test_a_file_gives_the_trace_back(trace, tmp_path):
    path = tmp_path / "a.npz"
    own_task(trace.spec).save(path, trace)
    again = load_own_trace(path)
    assert again.spec == trace.spec
    assert OwnSpec.from_json(trace.spec.to_json()) == trace.spec
    assert all(np.array_equal(getattr(again, name), getattr(trace, name)) for name in OwnTrace.__dataclass_fields__)
    assert np.array_equal(trace.take(np.array([2, 1])).bits, trace.bits[[2, 1]])
    for change in (
        {"described": np.array("{}")},
        {"described": np.array("[")},
        {"described": np.array(trace.spec.to_json().replace('"none"', '"some"'))},
        {"bits": trace.bits[:, 1:]},
        {"bits": -trace.bits},
        {"mse": trace.mse.astype(str)},
    ):
        save_tables(path, replace(trace, **change))
        with pytest.raises(DataError, match=r"a\.npz"):
            load_own_trace(path)
    save_tables(path, made_up(settings=["1", "2", "3", "4"]))
    with pytest.raises(DataError, match="another codec"):
        own_task(trace.spec).load(path)


def test_what_only_rlcodecs_codecs_can_do_is_refused(options, run, trace, tmp_path):
    env = FlatEnv(**options, render_mode="rgb_array")
    env.reset()
    for refused in (env.render, env.encode, lambda: FlatEnv(preset="own"), lambda: FlatEnv(preset="own", images=[np.zeros(3)])):
        with pytest.raises(OptionError):
            refused()
    own_task(trace.spec).save(tmp_path / "a.npz", trace)
    for command in (
        ("evaluate", tmp_path / "a.npz", "--run", tmp_path),
        ("evaluate", tmp_path / "a.npz"),
        ("encode", tmp_path / "a.png", tmp_path / "a.rlc"),
        ("train", tmp_path / "none.npz", "--out", tmp_path / "run"),
    ):
        code, _, said = run(*command, "--preset", "own")
        assert (code, len(said.splitlines())) == (2, 1)


def test_the_pages_example_runs(photograph, run, tmp_path, monkeypatch):
    """As it stands on the page, on parts of a photograph, from the script to a coded picture."""
    pictures, script = tmp_path / "pictures", tmp_path / "jpeg_trace.py"
    pictures.mkdir()
    for i, (left, top) in enumerate(itertools.product((0, 80, 160, 240), (0, 70, 140))):
        photograph.crop((left, top, left + 80, top + 70)).save(pictures / f"{i:02}.png")
    script.write_text(block("example"))
    trace, folder = tmp_path / "jpeg.npz", tmp_path / "runs" / "jpeg"
    subprocess.run([sys.executable, script, pictures, trace], check=True)
    assert run("train", trace, "--preset", "own", "--out", folder, "--timesteps", 2000, "--envs", 16)[0] == 0
    code, out, _ = run("evaluate", trace, "--preset", "own", "--policy", folder / "policy.onnx", "--json")
    assert code == 0
    assert json.loads(out)["images"] == 12
    assert json.loads(out)["share"] <= 1
    monkeypatch.chdir(tmp_path)
    Image.open(pictures / "03.png").save("photo.png")
    names = {"__name__": "page"}
    exec(block("example") + block("use"), names)
    shown = np.asarray(Image.open(names["io"].BytesIO(names["data"])))
    assert 20 < psnr_db(names["picture"], shown) < 50
