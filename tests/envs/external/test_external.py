"""External codecs: the page's example runs, and episodes, hindsight and policies agree with a trace's tables."""

import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlcodec.agents.baselines import PlannerActor
from rlcodec.agents.evaluate import evaluate_policy, run_episodes
from rlcodec.agents.export import export_trained
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.training import train
from rlcodec.control.actor import best_legal, decide
from rlcodec.control.objective import PERCEPTUAL_KINDS, SSIMULACRA2, Objective, distortion
from rlcodec.control.observation import objective_scale
from rlcodec.core.metrics import psnr_db
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.envs.external.task import ExternalTask, fit_external_predictor
from rlcodec.envs.external.trace import ExternalTrace, load_external_trace
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.gym_env import FlatEnv
from rlcodec.envs.trace_file import save_tables
from rlcodec.errors import DataError, OptionError, PolicyError
from rlcodec.presets.external.policy import ExternalPolicy, StopMeasurements
from rlcodec.presets.external.process import ExternalPredictor, ExternalSpec

PAGE = (Path(__file__).parents[3] / "docs" / "external_codec.md").read_text()
SHORT = read_settings("ppo").with_values(n_timesteps=256, n_envs=8, n_steps=16, batch_size=64, n_epochs=1, width=16)
OBJECTIVES = [Objective("mse", 20.0, 0.0), Objective("psnr", 8.0, 0.2), Objective("ms-ssim", 6.0, 0.01)]


def block(name: str) -> str:
    """A piece of Python on the page."""
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```\n<!-- end -->", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module", params=[1, 3], ids=["one stop", "three stops"])
def trace(request, make_external_trace) -> ExternalTrace:
    return make_external_trace(stops=request.param)


@pytest.fixture(scope="module")
def expected(trace) -> ExternalPredictor:
    return fit_external_predictor(trace, 20, 2)


@pytest.fixture
def options(trace, expected) -> dict:
    return {"trace": trace, "preset": "external", "predictor": expected}


def places(trace: ExternalTrace):
    """Every setting and stop, with the actions that lead there."""
    stops = len(trace.spec.stops)
    for setting, stop in itertools.product(range(4), range(stops)):
        yield setting, stop, (setting, *[1] * stop, *([0] if stop < stops - 1 else []))


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
        value = objective.value(
            distortion(objective.kind, error), info["bits"] / trace.pixels[image], trace.kmac[image, setting, stop]
        )
        assert info["objective_value"] == pytest.approx(float(value), rel=1e-12)
        scale = objective_scale(np.array(objective.lambda_rate), np.array(objective.lambda_compute))
        assert sum(rewards) == pytest.approx((first["objective_value"] - float(value)) / scale, rel=1e-9)


def test_rewards_are_counted_from_the_baseline(make_external_trace):
    trace = make_external_trace(baseline=2)
    env = FlatEnv(trace=trace, preset="external", predictor=fit_external_predictor(trace, 5, 1))
    env.reset(options={"image_index": 1, "objective": OBJECTIVES[0]})
    assert env.step(2)[1] == 0


def test_hindsight_is_the_best_there_is(trace, expected):
    task = ExternalTask(trace.spec)
    hindsight = task.hindsight(trace, expected)
    process = hindsight.process
    for objective in OBJECTIVES:
        by_sequence = np.stack([hindsight.replay(objective, actions) for _, _, actions in places(trace)])
        plans = hindsight.oracle(objective)
        assert [plan.value for plan in plans] == pytest.approx(by_sequence.min(0), rel=1e-12)
        assert hindsight.best_fixed(objective).value == pytest.approx(by_sequence.mean(1).min(), rel=1e-12)
        process.predicted = process.outcomes
        advised = process.values(run_episodes(process, objective, PlannerActor(trace.spec.action_count)))
        assert advised == pytest.approx(by_sequence.min(0), rel=1e-6)
    assert hindsight.settings == sorted(actions for _, _, actions in places(trace))


def test_predictions_use_the_features(make_external_trace):
    trace, other = make_external_trace(60), make_external_trace(60, seed=1)
    task, predictor = ExternalTask(trace.spec), fit_unseen(trace, fit_external_predictor, 200)[0]
    planner = PlannerActor(trace.spec.action_count)
    share = evaluate_policy(task.hindsight(other, predictor), planner).share
    assert share > 0.3
    constant = replace(other, features=np.ones_like(other.features))
    assert evaluate_policy(task.hindsight(constant, predictor), planner).share < share - 0.2


@pytest.fixture(scope="module")
def trained(trace, expected, tmp_path_factory) -> Path:
    """The file of a policy that has trained briefly, so that it neither knows much nor only follows the planner."""

    class Task(ExternalTask):
        def fit(self, trace):
            return expected

        def fit_unseen(self, trace):
            return [expected, expected]

    folder = tmp_path_factory.mktemp("run")
    export_trained(
        train(trace, Task(trace.spec), SHORT.with_values(advice=2.0, learning_rate=0.005), folder), folder / "policy.onnx"
    )
    return folder / "policy.onnx"


def test_the_policy_chooses_as_in_the_environment(trace, trained):
    policy, task = ExternalPolicy(trained), ExternalTask(trace.spec)
    loaded, chosen = task.load_policy(trained), set()
    env, process = FlatEnv(trace=trace, preset="external", predictor=loaded.predictor), task.process(trace, loaded.predictor)
    for image, objective in itertools.product(range(8), OBJECTIVES):
        seen, _ = env.reset(options={"image_index": image, "objective": objective})
        done, actions = False, []
        while not done:
            actions.append(int(best_legal(loaded.logits(seen[None]), env.action_masks()[None])[0]))
            seen, _, done, _, _ = env.step(actions[-1])
        assert decide(process, loaded, objective, image) == tuple(actions)
        known = trace.features[image], objective
        setting = policy.choose(*known)
        at = image, setting
        rate_bpp = trace.bits[at] / trace.pixels[image]
        stop = policy.choose_stop(*known, setting, StopMeasurements(rate_bpp, trace.mse[at], trace.ms_ssim[at], trace.kmac[at]))
        assert tuple(actions) == next(a for s, t, a in places(trace) if (s, t) == (setting, stop))
        chosen.add((setting, stop))
    assert len(chosen) > 1


def test_policies_are_asked_for_what_they_know(trace, trained, tmp_path):
    policy, features = ExternalPolicy(trained), trace.features[0]
    for arguments in (
        (features[:1], OBJECTIVES[0]),
        (features * np.nan, OBJECTIVES[0]),
        (features, Objective("mse", 1e9, 0.0)),
        (features, Objective("psnr", 8.0, 1e6)),
    ):
        with pytest.raises(OptionError):
            policy.choose(*arguments)
    with pytest.raises(OptionError, match="stops"):
        policy.choose_stop(features, OBJECTIVES[0], 0, StopMeasurements([1.0] * 7, [1.0] * 7))
    with pytest.raises(OptionError, match="setting"):
        policy.choose_stop(features, OBJECTIVES[0], 4, StopMeasurements(trace.bits[0, 0], trace.mse[0, 0]))
    with pytest.raises(PolicyError, match="preset mnist"):
        ExternalPolicy(WEIGHTS / "mnist-policy.onnx")
    with pytest.raises(PolicyError, match="no such policy"):
        ExternalPolicy(tmp_path / "none.onnx")
    renamed = replace(trace.spec, settings=("a", "b", "c", "e"))
    with pytest.raises(PolicyError, match="trained for codec"):
        ExternalTask(renamed).load_policy(trained)


def test_without_ms_ssim_no_objective_is_in_it(make_external_trace):
    trace = make_external_trace(ms_ssim=None)
    assert trace.spec.kinds == ("mse", "psnr")
    env = FlatEnv(trace=trace, preset="external", predictor=(predictor := fit_external_predictor(trace, 5, 1)))
    kinds = {int(env.reset(seed=seed)[0][9:12].argmax()) for seed in range(30)}
    assert kinds == {0, 1}
    with pytest.raises(OptionError, match="no objectives in ms-ssim"):
        env.reset(options={"objective": OBJECTIVES[2]})
    assert {o.kind for o in ExternalTask(trace.spec).hindsight(trace, predictor).grid} == {"mse", "psnr"}


def test_with_ssimulacra2_objectives_are_also_in_it(make_external_trace, tmp_path):
    bare, scores = make_external_trace(), np.linspace(95, -20, 48).reshape(12, 4)
    trace = make_external_trace(ssimulacra2=scores)
    assert trace.spec.kinds == PERCEPTUAL_KINDS
    assert trace.digest != bare.digest
    save_tables(tmp_path / "trace.npz", trace)
    read = load_external_trace(tmp_path / "trace.npz")
    assert read.ssimulacra2[..., 0].tolist() == scores.tolist()
    predictor = fit_external_predictor(read, 5, 1)
    assert ExternalPredictor.from_json(predictor.to_json(), read.spec).net.weights[-1].shape[-1] == 5 * 4
    env = FlatEnv(trace=read, preset="external", predictor=predictor)
    objective = Objective(SSIMULACRA2, 50.0, 0.1)
    _, first = env.reset(options={"image_index": 5, "objective": objective})
    _, reward, ended, _, info = env.step(2)
    assert ended
    values = [objective.value(-scores[5, k], read.bits[5, k, 0] / read.pixels[5], read.kmac[5, k, 0]) for k in (0, 2)]
    assert reward == pytest.approx((values[0] - values[1]) / objective_scale(np.array(50.0), np.array(0.1)))
    assert (first["distortion"], info["distortion"]) == (pytest.approx(-scores[5, 0]), pytest.approx(-scores[5, 2]))
    kinds = {int(env.reset(seed=seed)[0][9:13].argmax()) for seed in range(40)}
    assert kinds == {0, 1, 2, 3}
    grid = ExternalTask(read.spec).hindsight(read, predictor).grid
    assert {o.kind for o in grid} == set(PERCEPTUAL_KINDS)


def test_a_trace_without_scores_is_as_before(make_external_trace, tmp_path):
    save_tables(tmp_path / "trace.npz", make_external_trace())
    with np.load(tmp_path / "trace.npz") as tables:
        assert set(tables) == {"digest", "described", "pixels", "features", "bits", "kmac", "mse", "ms_ssim"}
    read = load_external_trace(tmp_path / "trace.npz")
    assert read.ssimulacra2 is read.take(slice(3)).ssimulacra2 is None
    assert set(json.loads(read.spec.to_json())["rate_range"]) == {"mse", "psnr", "ms-ssim"}
    save_tables(tmp_path / "mixed.npz", replace(read, ssimulacra2=np.zeros_like(read.mse)))
    with pytest.raises(DataError, match="does not go with its spec"):
        load_external_trace(tmp_path / "mixed.npz")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kinds": ("mse", "ssimulacra2")}, "no table of it"),
        ({"kinds": ("mse", "taste")}, "kinds are mse, taste; there are: mse, psnr, ms-ssim, ssimulacra2"),
        ({"ssimulacra2": np.full((12, 4), 100.5)}, "ssimulacra2 of image 0 is impossible"),
        ({"ssimulacra2": np.full((12, 3), 50.0)}, "ssimulacra2 has shape"),
        ({"bits": np.zeros((12, 4))}, "bits of image 0 is impossible"),
        ({"mse": -np.ones((12, 4))}, "mse of image 0 is impossible"),
        ({"mse": np.full((12, 4), np.nan)}, "mse of image 0 is impossible"),
        ({"ms_ssim": np.full((12, 4), 1.5)}, "ms_ssim of image 0 is impossible"),
        ({"bits": np.ones((12, 3))}, "bits has shape"),
        ({"bits": [[1, 2], [3]]}, "bits holds no numbers"),
        ({"pixels": np.zeros(12)}, "pixels of image 0 is impossible"),
        ({"values": np.ones((3, 2))}, "features has shape"),
        ({"features": []}, "features are none"),
        ({"settings": ["a", "a", "b", "c"]}, "settings are a, a, b, c"),
        ({"settings": ["a"]}, "give at least 2"),
        ({"baseline": 4}, "baseline is 4"),
        ({"rate_range": {"taste": (0, 1)}}, "rate_range has taste"),
        ({"rate_range": {"psnr": (2, 1)}}, "rate_range of psnr is 2.0 to 1.0"),
    ],
)
def test_impossible_tables_are_refused(changes, reason, make_external_trace):
    with pytest.raises(DataError, match=reason):
        make_external_trace(**changes)
    with pytest.raises(DataError):
        make_external_trace(0)


def test_a_file_gives_the_trace_back(trace, tmp_path, make_external_trace):
    path = tmp_path / "a.npz"
    ExternalTask(trace.spec).save(path, trace)
    again = load_external_trace(path)
    assert again.spec == trace.spec
    assert ExternalSpec.from_json(trace.spec.to_json()) == trace.spec
    assert all(np.array_equal(getattr(again, name), getattr(trace, name)) for name in ExternalTrace.__dataclass_fields__)
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
            load_external_trace(path)
    save_tables(path, make_external_trace(settings=["1", "2", "3", "4"]))
    with pytest.raises(DataError, match="another codec"):
        ExternalTask(trace.spec).load(path)


def test_what_takes_a_codec_that_runs_is_refused(options, run, trace, tmp_path):
    env = FlatEnv(**options, render_mode="rgb_array")
    env.reset()
    for refused in (
        env.render,
        env.encode,
        lambda: FlatEnv(preset="external"),
        lambda: FlatEnv(preset="external", images=[np.zeros(3)]),
    ):
        with pytest.raises(OptionError):
            refused()
    ExternalTask(trace.spec).save(tmp_path / "a.npz", trace)
    for command in (
        ("evaluate", tmp_path / "a.npz", "--run", tmp_path),
        ("evaluate", tmp_path / "a.npz"),
        ("encode", tmp_path / "a.png", tmp_path / "a.rlc"),
        ("train", tmp_path / "none.npz", "--out", tmp_path / "run"),
    ):
        code, _, said = run(*command, "--preset", "external")
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
    assert run("train", trace, "--preset", "external", "--out", folder, "--timesteps", 2000, "--envs", 16)[0] == 0
    code, out, _ = run("evaluate", trace, "--preset", "external", "--policy", folder / "policy.onnx", "--json")
    assert code == 0
    assert json.loads(out)["images"] == 12
    assert json.loads(out)["share"] <= 1
    assert run("export", folder, tmp_path / "exported.onnx")[0] == 0  # the run knows its codec
    assert (tmp_path / "exported.onnx").read_bytes() == (folder / "policy.onnx").read_bytes()
    monkeypatch.chdir(tmp_path)
    Image.open(pictures / "03.png").save("photo.png")
    names = {"__name__": "page"}
    exec(block("example") + block("use"), names)
    shown = np.asarray(Image.open(names["io"].BytesIO(names["data"])))
    assert 20 < psnr_db(names["picture"], shown) < 50
