"""Results about pictures: confirmed within the synthesis's tolerance, and refuted beyond it or where no episode goes so."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlcodec.agents.evaluate import evaluate_policy
from rlcodec.agents.export import export_policy
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.reported_results import (
    POLICY_FILE,
    RESULTS_FILE,
    make_results,
    read_results,
    write_results,
)
from rlcodec.agents.training import actor_of, new_agent
from rlcodec.agents.validation import validate
from rlcodec.envs import hindsight
from rlcodec.envs.batch import Episodes
from rlcodec.envs.compact.fit import fit_compact_predictor
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of

EPISODES = 8
SEED = {"photo": 0, "compact": 1}
"""Whose episodes are of various lengths, and some of them in MSE."""
LENGTHS = {"photo": {3, 4}, "compact": {2, 3, 4, 5, 6}}
OF_NO_EPISODE = {
    "photo": [[], [0], [99, 0, 0], [0, 0, 99], [0, 1, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 2, 0, 0]],
    "compact": [[], [0], [8, 0], [-1, 0], [0, 1], [0, 0, 1], [0, 3, 0], [0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1]],
}


@dataclass(frozen=True)
class Run:
    """A run of a preset and the trace that it was evaluated on."""

    preset: str
    folder: Path
    trace: Path


@pytest.fixture(scope="module", autouse=True)
def short_grid():
    """A quarter of the objectives, which take as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hindsight, "GRID_COMPUTE", (-2.35,))
        yield


@pytest.fixture(scope="module", params=["photo", "compact"])
def honest(request, short_grid, pictures, picture_trace, foreseen, tmp_path_factory) -> Run:
    """A run whose policy takes the planner's advice, and what it reports of a few pictures."""
    task, folder = task_of(request.param), tmp_path_factory.mktemp(request.param)
    trace, predictor = picture_trace, foreseen
    if request.param == "compact":
        trace = task.measure(pictures, MeasureOptions(workers=1))
        predictor = fit_compact_predictor(trace, 20, 2)
    settings = read_settings().with_values(width=8)
    agent = new_agent(TraceVecEnv(Episodes(task.process(trace, predictor), 4)), settings)
    export_policy(actor_of(agent, settings).module, predictor, task, folder / POLICY_FILE, {})
    policy = task.load_policy(folder / POLICY_FILE)
    evaluation = evaluate_policy(task.hindsight(trace, predictor), policy)
    write_results(folder, make_results(task, trace, folder / POLICY_FILE, evaluation, EPISODES, SEED[request.param]))
    task.save(folder / "trace.npz", trace)
    return Run(request.param, folder, folder / "trace.npz")


def refuted(folder: Path, images: list[np.ndarray], full: bool = False) -> dict[str, str]:
    """What validation refutes, with its reasons."""
    return {f.subject: f.detail for f in validate(read_results(folder), folder, images, full) if not f.confirmed}


def test_they_are_confirmed_within_their_tolerance(honest, pictures, tmp_path):
    assert refuted(honest.folder, pictures, full=honest.preset == "compact") == {}
    folder = tmp_path / "run"
    shutil.copytree(honest.folder, folder)
    claimed = json.loads((folder / RESULTS_FILE).read_text())
    assert {len(episode["actions"]) for episode in claimed["episodes"]} <= LENGTHS[honest.preset]
    for name, factor, reason in (
        ("mse", 1.0001, "J"),
        ("mse", 1.01, "MSE"),
        ("bits", 0.999, "bits"),
        ("decoder_macs", 2, "MACs"),
    ):
        claims = json.loads(json.dumps(claimed))
        episode = next(e for e in claims["episodes"] if e["objective"]["kind"] == "mse")
        episode[name] *= factor
        (folder / RESULTS_FILE).write_text(json.dumps(claims))
        assert f"reported {reason}" in refuted(folder, pictures)["actions"].replace("decoder ", "")


def test_other_actions_than_the_policys_are_refuted(honest, pictures, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(honest.folder, folder)
    claims = json.loads((folder / RESULTS_FILE).read_text())
    first, *later = claims["episodes"][0]["actions"]
    claims["episodes"][0]["actions"] = [first - 1 if first else 1, *later]
    (folder / RESULTS_FILE).write_text(json.dumps(claims))
    assert {"actions", "decisions"} <= set(refuted(folder, pictures))


def test_actions_that_no_episode_takes_are_refuted(honest, pictures, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(honest.folder, folder)
    claims = json.loads((folder / RESULTS_FILE).read_text())
    claims["episodes"] = claims["episodes"][:1]
    for actions in OF_NO_EPISODE[honest.preset]:
        claims["episodes"][0]["actions"] = actions
        (folder / RESULTS_FILE).write_text(json.dumps(claims))
        assert "which no episode takes" in refuted(folder, pictures)["actions"]


def test_the_command_line_reports_and_validates(honest, pictures, run, tmp_path):
    images, folder = tmp_path / "images", tmp_path / "run"
    images.mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(images / f"{i:02}.png")
    folder.mkdir()
    shutil.copyfile(honest.folder / POLICY_FILE, folder / POLICY_FILE)
    assert run("evaluate", honest.trace, "--preset", honest.preset, "--run", folder, "--episodes", 3)[0] == 0
    code, out, _ = run("validate", folder, "--data", images)
    assert (code, out.count(": confirmed: "), len(out.splitlines())) == (0, 6, 6)
    path = folder / RESULTS_FILE
    path.write_text(path.read_text().replace(read_results(folder).policy_sha256, "0" * 64))
    code, out, _ = run("validate", folder, "--data", images)
    assert code == 1
    assert "policy: REFUTED: reported SHA-256 0" in out


@pytest.mark.parametrize("honest", ["compact"], indirect=True)
def test_nothing_is_reported_of_a_policy_that_is_not_shipped(honest, run, tmp_path):
    code, _, said = run("evaluate", honest.trace, "--preset", "compact", "--report-shipped", tmp_path / "claim")
    assert code == 2
    assert "no policy is shipped for preset compact" in said
    assert not (tmp_path / "claim").exists()
