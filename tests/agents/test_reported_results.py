"""Reported results of a run: true ones are confirmed, changed ones are refuted, and files that hold none are refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from rlcodec.agents.evaluate import evaluate_policy
from rlcodec.agents.reported_results import (
    POLICY_FILE,
    RESULTS_FILE,
    SHIPPED,
    file_sha256,
    make_results,
    read_results,
    write_results,
)
from rlcodec.agents.validation import validate
from rlcodec.control.objective import Objective
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.envs import hindsight
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError, PolicyError

TASK = task_of("mnist")
EPISODES, OBJECTIVES = 8, 15
REFERENCES = Path(__file__).parents[2] / "runs" / "reference"


@pytest.fixture(scope="module", autouse=True)
def short_grid():
    """A quarter of the objectives, which take as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hindsight, "GRID_COMPUTE", (-2.35,))
        yield


@pytest.fixture(scope="module")
def honest(short_grid, traced, tmp_path_factory) -> Path:
    """A run whose policy is the shipped one, and what it reports of a few digits."""
    folder = tmp_path_factory.mktemp("honest")
    shutil.copyfile(TASK.policy_file(None), folder / POLICY_FILE)
    policy = TASK.load_policy(folder / POLICY_FILE)
    evaluation = evaluate_policy(TASK.hindsight(traced, policy.predictor), policy)
    write_results(folder, make_results(TASK, traced, folder / POLICY_FILE, evaluation, EPISODES))
    return folder


@pytest.fixture
def changed(honest, tmp_path):
    """Copies the run; a function may change the results, as JSON."""

    def change(tamper=lambda claims: None) -> Path:
        folder = tmp_path / "run"
        shutil.copytree(honest, folder, dirs_exist_ok=True)
        claims = json.loads((folder / RESULTS_FILE).read_text())
        tamper(claims)
        (folder / RESULTS_FILE).write_text(json.dumps(claims))
        return folder

    return change


def refuted(folder: Path, images: np.ndarray, full: bool = False) -> dict[str, str]:
    """What validation refutes, with its reasons."""
    return {f.subject: f.detail for f in validate(read_results(folder), folder, images, full) if not f.confirmed}


def test_an_honest_run_is_confirmed(honest, traced):
    findings = validate(read_results(honest), honest, traced.images, full=True)
    assert [f.detail for f in findings if not f.confirmed] == []
    assert {"policy", "share", "draw", "actions", "decisions", "table measured anew"} <= {f.subject for f in findings}


def test_results_are_small_readable_and_exact(honest):
    results = read_results(honest)
    assert len(results.episodes) == EPISODES
    assert len(results.table) == OBJECTIVES
    lines = (honest / RESULTS_FILE).read_text().splitlines()
    assert len(lines) > EPISODES + OBJECTIVES
    assert max(map(len, lines)) < 800
    again = write_results(honest, results).read_text().splitlines()
    assert again == lines


def test_further_images_do_no_harm(honest, traced):
    assert refuted(honest, np.concatenate([traced.images, traced.images])) == {}


TAMPERED = {
    "bits": lambda c: c["episodes"][2].update(bits=c["episodes"][2]["bits"] - 1),
    "decoder MACs": lambda c: c["episodes"][2].update(decoder_macs=c["episodes"][2]["decoder_macs"] - 1),
    "MSE": lambda c: c["episodes"][2].update(mse=c["episodes"][2]["mse"] + 0.5),
    "MS-SSIM": lambda c: c["episodes"][2].update(ms_ssim=c["episodes"][2]["ms_ssim"] - 0.01),
    "J": lambda c: c["episodes"][2].update(value=c["episodes"][2]["value"] - 1e-3),
    "[], which no episode takes": lambda c: c["episodes"][2].update(actions=[]),
    "[99], which no episode takes": lambda c: c["episodes"][2].update(actions=[99]),
    "[-1, 0], which no episode takes": lambda c: c["episodes"][2].update(actions=[-1, 0]),
    "[0, 1, 1, 4], which no episode takes": lambda c: c["episodes"][2].update(actions=[0, 1, 1, 4]),
    "1], which no episode takes": lambda c: c["episodes"][2]["actions"].append(1),
    "reported image 40, there are 12": lambda c: c["episodes"][2].update(image=40),
}


@pytest.mark.parametrize("reason", TAMPERED)
def test_episodes_that_came_to_something_else_are_refuted(changed, traced, reason):
    found = refuted(changed(TAMPERED[reason]), traced.images)
    assert found["actions"].startswith("episode 2: ")
    assert reason in found["actions"]


def test_actions_that_are_not_the_policys_are_refuted(changed, traced):
    """Nothing else is refuted: what the actions came to is reported truly."""

    def stop_at_once(claims):
        episode = next(e for e in claims["episodes"] if len(e["actions"]) > 5 and e["objective"]["kind"] == "mse")
        pixels, objective = traced.images[episode["image"]], Objective(**episode["objective"])
        real = TASK.encode(pixels, (0, 0))
        value = objective.value(real.mse, real.bits / pixels.size, real.decoder_macs / 1000 / pixels.size)
        episode.update(actions=[0, 0], bits=real.bits, decoder_macs=real.decoder_macs, mse=real.mse, value=float(value))
        episode.update(ms_ssim=1 - float(ms_ssim_loss(real.picture, pixels)))

    assert list(refuted(changed(stop_at_once), traced.images)) == ["decisions"]


def test_episodes_that_were_picked_are_refuted(changed, traced):
    assert list(refuted(changed(lambda c: c["episodes"].reverse()), traced.images)) == ["draw"]
    assert list(refuted(changed(lambda c: c.update(seed=1)), traced.images)) == ["draw"]


def test_an_objective_that_no_policy_knows_is_refuted(changed, traced):
    found = refuted(changed(lambda c: c["episodes"][0]["objective"].update(lambda_rate=1e9)), traced.images)
    assert "draw" in found
    assert "actions" in found


def test_a_share_that_is_not_its_tables_is_refuted(changed, traced):
    assert list(refuted(changed(lambda c: c.update(share=c["share"] + 0.01)), traced.images)) == ["share"]


def test_a_table_that_was_made_up_is_refuted_when_all_is_measured_anew(changed, traced):
    def flatter(claims):
        for row in claims["table"]:
            row["policy"] = row["oracle"]
        claims["share"] = claims["high"] = 1

    folder = changed(flatter)
    assert refuted(folder, traced.images) == {}
    assert set(refuted(folder, traced.images, full=True)) == {"share measured anew", "table measured anew"}


def write_other_policy(folder: Path) -> None:
    """Another policy that runs as well: the weights of the shipped one, negated."""
    graph = onnx.load(folder / POLICY_FILE)
    for weights in graph.graph.initializer:
        if weights.data_type == onnx.TensorProto.FLOAT:
            weights.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(weights), weights.name))
    onnx.save(graph, folder / POLICY_FILE)


def test_another_policy_is_refuted(changed, traced):
    folder = changed()
    write_other_policy(folder)
    assert set(refuted(folder, traced.images)) == {"policy", "decisions"}
    other = file_sha256(folder / POLICY_FILE)
    changed(lambda c: c.update(policy_sha256=other))
    write_other_policy(folder)
    assert set(refuted(folder, traced.images)) == {"decisions"}


def test_the_shipped_policy_needs_no_file(changed, traced):
    folder = changed(lambda c: c.update(policy=SHIPPED))
    (folder / POLICY_FILE).unlink()
    assert refuted(folder, traced.images) == {}


def test_other_images_are_refused(honest, digits, traced):
    results = read_results(honest)
    with pytest.raises(DataError, match="other images"):
        validate(results, honest, digits[:12])
    with pytest.raises(DataError, match="12 images; there are 8"):
        validate(results, honest, traced.images[:8])


def test_policies_that_cannot_be_read_are_refused(changed, traced):
    folder = changed()
    (folder / POLICY_FILE).write_bytes(b"no policy")
    with pytest.raises(PolicyError, match="not a policy file"):
        refuted(folder, traced.images)
    (folder / POLICY_FILE).unlink()
    with pytest.raises(PolicyError, match="no such policy file"):
        refuted(folder, traced.images)
    with pytest.raises(DataError, match="names policy"):
        refuted(changed(lambda c: c.update(policy="../policy.onnx")), traced.images)
    with pytest.raises(DataError, match="cannot be validated with"):
        refuted(changed(lambda c: c.update(codec_digest="0" * 64)), traced.images)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda c: c.pop("share"),
        lambda c: c.update(more=1),
        lambda c: c.update(share="0.99"),
        lambda c: c.update(share=float("nan")),
        lambda c: c.update(images=True),
        lambda c: c.update(images=0),
        lambda c: c.update(seed=-1),
        lambda c: c.update(format=2),
        lambda c: c.update(episodes=[]),
        lambda c: c.update(episodes={}),
        lambda c: c["episodes"][0].update(actions=[0.5]),
        lambda c: c["episodes"][0]["objective"].update(kind="taste"),
        lambda c: c["table"][0].update(objective=3),
    ],
)
def test_broken_results_are_refused(changed, tamper):
    with pytest.raises(DataError, match=r"results\.json"):
        read_results(changed(tamper))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"[" * 100_000])
def test_files_without_results_are_refused(tmp_path, content):
    with pytest.raises(DataError, match="cannot be read"):
        read_results(tmp_path)
    (tmp_path / RESULTS_FILE).write_bytes(content)
    with pytest.raises(DataError, match="no usable results"):
        read_results(tmp_path)


def test_the_command_line_reports_and_validates(run, tmp_path, traced):
    images, folder, trace = tmp_path / "images", tmp_path / "shipped", tmp_path / "trace.npz"
    images.mkdir()
    for i, image in enumerate(traced.images):
        Image.fromarray(image).save(images / f"{i:02}.png")
    TASK.save(trace, traced)
    assert run("evaluate", trace, "--report-shipped", folder, "--episodes", 4)[0] == 0
    code, out, _ = run("validate", folder, "--data", images)
    assert code == 0
    assert out.count(": confirmed: ") == len(out.splitlines()) == 6
    code, out, _ = run("validate", folder, "--data", images, "--json")
    assert code == 0
    assert json.loads(out)["confirmed"]
    path = folder / RESULTS_FILE
    path.write_text(path.read_text().replace(' "share": 0.', ' "share": 0.1'))
    code, out, _ = run("validate", folder, "--data", images)
    assert code == 1
    assert "share: REFUTED: reported 0.1" in out
    assert run("validate", folder, "--data", images, "--images", 3)[0] == 2
    assert run("validate", tmp_path, "--data", images)[0] == 2
    assert run("evaluate", trace, "--report-shipped", folder, "--run", folder)[0] == 2
    assert run("evaluate", "mnist", "--data", images, "--report-shipped", folder)[0] == 2
    assert run("evaluate", trace, "--run", folder)[0] == 2
    shutil.copyfile(TASK.policy_file(None), folder / POLICY_FILE)
    code, out, _ = run("evaluate", trace, "--run", folder, "--episodes", 2, "--seed", 5, "--json")
    assert code == 0
    results = read_results(folder)
    assert (results.policy, results.seed, len(results.episodes)) == (POLICY_FILE, 5, 2)
    assert results.share == json.loads(out)["share"]


@pytest.mark.parametrize("folder", sorted(REFERENCES.iterdir()), ids=lambda folder: folder.name)
def test_reference_runs_are_of_what_is_shipped(folder):
    results = read_results(folder)
    task = task_of(results.preset)
    assert results.codec_digest == task.spec.codec_digest
    assert results.policy in (SHIPPED, POLICY_FILE)
    policy_file = None if results.policy == SHIPPED else folder / POLICY_FILE
    assert results.policy_sha256 == file_sha256(task.policy_file(policy_file))
    assert (folder / RESULTS_FILE).stat().st_size < 200_000
