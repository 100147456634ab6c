"""A preset, a kind of distortion and a learning algorithm that are registered from outside work everywhere.

The contracts of environments are tested with the toy preset in tests/envs/test_environments.py.
"""

import io
import itertools
import json

import numpy as np
import pytest
from PIL import Image
from stable_baselines3 import A2C
from toy import DIGEST, LEVELS, SEQUENCES, STARTS, ToyOptions, ToyPreset, measure_mae, toy_registered

import rlcodec
import rlcodec.pillow_plugin
from rlcodec.agents.algorithms.base import Algorithm
from rlcodec.agents.algorithms.registry import register_algorithm, unregister_algorithm
from rlcodec.agents.algorithms.stable_baselines import A2C_PARAMETERS, PLAIN_NETWORK
from rlcodec.control.actor import decide
from rlcodec.control.objective import Objective
from rlcodec.core.container import unpack
from rlcodec.envs.gym_env import FlatEnv
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DamagedStreamError, MisfitError, OptionError, PolicyError
from rlcodec.presets.policies import policy_of
from rlcodec.presets.registry import register_preset

pytestmark = pytest.mark.usefixtures("toy")

OBJECTIVES = [("mse", 3000.0, 0.0), ("mse", 80000.0, 0.0), ("mae", 20.0, 0.0)]
"""Arguments of `Objective`: the kind "mae" exists only while the toy preset is registered."""
SHORT = ["--timesteps", 512, "--envs", 8]


@pytest.fixture
def image(digits) -> np.ndarray:
    return digits[5]


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """A folder of digits as PNG files."""
    path = tmp_path_factory.mktemp("digits")
    for number in range(24):
        Image.fromarray(digits[number]).save(path / f"{number:02}.png")
    return path


class ToyAgent(A2C):
    """A learning algorithm from outside of the package."""


DEFAULTS = {
    "policy": "MlpPolicy", "policy_kwargs": {"net_arch": [16]}, "n_timesteps": 512, "n_envs": 8, "n_steps": 16,
    "learning_rate": 0.01, "gamma": 1.0, "gae_lambda": 1.0, "ent_coef": 0.0, "vf_coef": 0.5, "max_grad_norm": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def algorithm():
    """The toy algorithm, registered."""
    register_algorithm(Algorithm("toy-a2c", ToyAgent, A2C_PARAMETERS, (PLAIN_NETWORK,), DEFAULTS))
    yield "toy-a2c"
    unregister_algorithm("toy-a2c")


@pytest.fixture
def policy(run, folder, algorithm, tmp_path_factory):
    """The policy file of a run of the toy algorithm, trained once, with its folder."""
    out = tmp_path_factory.getbasetemp() / "toy-run"
    if not (out / "policy.onnx").exists():
        trace = out / "trace.npz"
        out.mkdir(exist_ok=True)
        assert run("trace", folder, trace, "--preset", "toy", "--workers", 1)[0] == 0
        code, _, said = run("train", trace, "--preset", "toy", "--algo", algorithm, "--out", out, *SHORT)
        assert code == 0, said
    return out / "policy.onnx"


def test_streams_hold_what_was_chosen(image):
    for levels in range(LEVELS + 1):
        data = rlcodec.encode(image, preset="toy", levels=levels)
        info = rlcodec.inspect(data)
        assert (info.preset, info.model_digest, info.settings.levels) == ("toy", DIGEST, levels)
        assert info.payload_bytes == STARTS[levels]
        assert sum(s.bits for s in info.segments) == 8 * info.payload_bytes
        assert ToyPreset().actions_of(unpack(data)) == SEQUENCES[levels]
    shown = np.asarray(rlcodec.decode(rlcodec.encode(image, preset="toy", levels=1)))
    assert np.array_equal(shown, np.full_like(image, round(image.mean())))


def test_every_prefix_is_an_image(image):
    data = rlcodec.encode(image, preset="toy", levels=LEVELS)
    header_bytes, errors = rlcodec.inspect(data).header_bytes, []
    for length in range(header_bytes, len(data)):
        with pytest.warns(rlcodec.TruncatedStreamWarning):
            shown = np.asarray(rlcodec.decode(data[:length]))
        errors.append(np.square(shown.astype(int) - image).mean())
        with pytest.raises(rlcodec.TruncatedStreamError):
            rlcodec.decode(data[:length], partial=False)
    assert errors[-1] < errors[1] < errors[0]
    for position in range(len(data)):
        with pytest.raises(rlcodec.StreamError):
            rlcodec.decode(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])


def test_options_and_constraints_are_checked(image):
    assert len(rlcodec.encode(image, preset="toy", max_bytes=20)) <= 20
    assert rlcodec.encode(image, ToyOptions(levels=1), preset="toy") == rlcodec.encode(image, preset="toy", levels=1)
    with pytest.raises(MisfitError, match="min_psnr"):
        rlcodec.encode(image, preset="toy", min_psnr=60)
    for options in (
        {"levels": 3},
        {"levels": 0.5},
        {"lossless": True},
        {"tier": "table"},
        {"distortion": "ms-ssim", "lambda_rate": 1},
    ):
        with pytest.raises(OptionError):
            rlcodec.encode(image, preset="toy", **options)
    assert rlcodec.encode(image, levels=1) == rlcodec.encode(image, preset="toy", levels=1)  # only this preset has the option
    with pytest.raises(OptionError, match="levels"):
        rlcodec.encode(image, preset="photo", levels=1)
    with pytest.raises(OptionError, match="no policy is shipped"):
        policy_of(ToyPreset(), None)
    with pytest.raises(OptionError, match="already"):
        register_preset(ToyPreset())


@pytest.mark.parametrize("weights", OBJECTIVES)
def test_an_objective_decides_in_its_own_kind_of_distortion(image, weights):
    objective = Objective(*weights)
    data = rlcodec.encode(image, preset="toy", distortion=objective.kind, lambda_rate=objective.lambda_rate)
    values = []
    for levels in range(LEVELS + 1):
        shown = np.asarray(rlcodec.decode(rlcodec.encode(image, preset="toy", levels=levels)))
        error = measure_mae(image, shown) if objective.kind == "mae" else np.square(shown.astype(int) - image).mean()
        values.append(float(objective.value(error, 8 * STARTS[levels] / image.size, 0)))
    assert rlcodec.inspect(data).settings.levels == int(np.argmin(values))


def test_pillow_reads_and_writes(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "RLC", preset="toy", levels=2)
    assert file.getvalue() == rlcodec.encode(image, preset="toy", levels=2)
    with Image.open(file) as opened:
        assert (opened.mode, opened.size) == ("L", image.shape[::-1])
        assert np.array_equal(np.asarray(opened), np.asarray(rlcodec.decode(file.getvalue())))
    chosen = io.BytesIO()  # without a preset's name, the option decides
    Image.fromarray(image).save(chosen, "RLC", levels=2)
    assert chosen.getvalue() == file.getvalue()


def test_the_command_line_encodes_and_decodes(run, folder, image, tmp_path):
    source, stream, shown = folder / "05.png", tmp_path / "a.rlc", tmp_path / "a.png"
    assert run("encode", source, stream, "--preset", "toy", "--levels", 2)[0] == 0
    assert stream.read_bytes() == rlcodec.encode(image, preset="toy", levels=2)
    assert run("decode", stream, shown)[0] == 0
    assert np.array_equal(np.asarray(Image.open(shown)), np.asarray(rlcodec.decode(stream.read_bytes())))
    code, out, _ = run("info", stream, "--json")
    assert (code, json.loads(out)["settings"]) == (0, {"levels": 2})
    written = stream.read_bytes()
    assert run("encode", source, stream, "--levels", 2)[0] == 0  # the option decides
    assert stream.read_bytes() == written
    assert "--levels" in run("encode", "--help")[1]


def test_collections_hold_it(run, folder, image, tmp_path):
    collection, out = tmp_path / "a.rlcz", tmp_path / "out"
    code, _, said = run("pack", folder, collection, "--preset", "toy", "--levels", 1)
    assert code == 0, said
    with rlcodec.Collection(collection) as opened:
        assert opened.names[5] == "05.png"
        assert np.array_equal(opened[5].pixels, np.full_like(image, round(image.mean())))
    assert run("unpack", collection, out)[0] == 0
    assert len(list(out.rglob("*.png"))) == 24
    whole = tmp_path / "b.rlcz"
    assert run("pack", folder, whole, "--preset", "toy")[0] == 0
    with rlcodec.Collection(whole) as opened:
        assert opened.stream(5) == rlcodec.encode(image, preset="toy")


def test_the_oracle_is_the_best_there_is(toy_trace):
    task = task_of("toy")
    hindsight = task.hindsight(toy_trace, task.fit(toy_trace))
    assert hindsight.settings == list(SEQUENCES)
    assert {objective.kind for objective in hindsight.grid} == {"mse", "mae"}
    chosen = set()
    for objective in hindsight.grid:
        values = np.stack([hindsight.replay(objective, actions) for actions in SEQUENCES])
        plans = hindsight.oracle(objective)
        assert [plan.value for plan in plans] == pytest.approx(values.min(0), rel=1e-12)
        assert hindsight.best_fixed(objective).value == pytest.approx(values.mean(1).min(), rel=1e-12)
        chosen |= {plan.actions for plan in plans}
    assert len(chosen) > 1


def test_encoder_and_environment_decide_alike_under_a_policy(policy, toy_trace):
    preset, loaded = ToyPreset(), policy_of(ToyPreset(), policy)
    env = FlatEnv(preset="toy", trace=toy_trace, predictor=loaded.predictor)
    task = task_of("toy")
    for index in range(len(toy_trace)):
        for objective in itertools.starmap(Objective, OBJECTIVES):
            original = toy_trace.picture(index)
            seen, _ = env.reset(options={"image_index": index, "objective": objective})
            done, actions = False, []
            while not done:
                actions.append(int(loaded.logits(seen[None])[0].argmax()))
                seen, _, done, _, _ = env.step(actions[-1])
            data = rlcodec.encode(
                original, preset="toy", policy=policy, distortion=objective.kind, lambda_rate=objective.lambda_rate
            )
            assert data == env.encode().data == task.encode_under(policy, original, objective)
            assert preset.actions_of(unpack(data)) == tuple(actions)
            assert decide(preset.live_process(original, loaded.predictor), loaded, objective) == tuple(actions)
    with pytest.raises(PolicyError, match="preset toy"):
        rlcodec.encode(original, policy=policy, objective="small")


def test_a_run_is_evaluated_reported_exported_and_validated(run, policy, folder, tmp_path):
    out, trace = policy.parent, policy.parent / "trace.npz"
    code, said, errors = run("evaluate", trace, "--preset", "toy", "--run", out, "--episodes", 12, "--json")
    assert code == 0, errors
    assert {row["kind"] for row in json.loads(said)["table"]} == {"mse", "mae"}
    reported = json.loads((out / "results.json").read_text())
    assert {episode["objective"]["kind"] for episode in reported["episodes"]} == {"mse", "mae"}
    assert run("export", out, tmp_path / "again.onnx", "--preset", "toy")[0] == 0
    assert policy_of(ToyPreset(), tmp_path / "again.onnx").metadata == policy_of(ToyPreset(), policy).metadata
    code, said, errors = run("validate", out, "--data", folder, "--json")
    assert code == 0, said + errors
    assert json.loads(said)["confirmed"]
    reported["episodes"][0]["bits"] += 8
    (tmp_path / "policy.onnx").write_bytes(policy.read_bytes())
    (tmp_path / "results.json").write_text(json.dumps(reported))
    assert run("validate", tmp_path, "--data", folder)[0] == 1


def test_the_packages_algorithm_learns_it(run, policy, tmp_path):
    code, _, errors = run(
        "train", policy.parent / "trace.npz", "--preset", "toy", "--out", tmp_path / "run", "--imitate", 2, *SHORT
    )
    assert code == 0, errors
    assert policy_of(ToyPreset(), tmp_path / "run" / "policy.onnx").metadata["preset"] == "toy"


def test_it_is_compared_with_other_codecs(run, folder, tmp_path):
    table = tmp_path / "codecs.csv"
    code, _, errors = run("evaluate", folder, "--codecs", "rlcodec:toy,jpeg", "--images", 2, "--workers", 1, "--out", table)
    assert code == 0, errors
    assert "rlcodec:toy" in table.read_text()


def test_a_stream_of_impossible_settings_is_damaged(image):
    data = rlcodec.encode(image, preset="toy", levels=1)
    stream = unpack(data)
    with pytest.raises(DamagedStreamError):
        ToyPreset().settings(type(stream.header)(**vars(stream.header) | {"settings": 2}))
    with pytest.raises(OptionError), toy_registered():
        pass
