"""PPO: a short run trains, resumes, is exported, and the file encodes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import rlcodec
from rlcodec.agents.export import export_policy
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import load_trained, read_run, settings_of, train_ppo
from rlcodec.control.onnx_policy import load_policy
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError, OptionError
from rlcodec.presets.mnist.observation import action_count, layout_size
from rlcodec.presets.mnist.weights import load_model

TASK = task_of("mnist")
SHORT = replace(read_settings(), n_timesteps=512, n_envs=8, n_steps=32, batch_size=64, n_epochs=1, width=16)


@pytest.fixture(scope="module")
def run(traced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train_ppo(traced, TASK, SHORT, folder, progress=False)
    return folder


def test_an_untrained_policy_follows_the_planner(traced, tmp_path):
    policy, predictor = train_ppo(traced, TASK, replace(SHORT, n_timesteps=0), tmp_path, progress=False)
    vector = TraceVecEnv(Episodes(traced, load_model(), predictor, 12))
    seen, actions = vector.reset(), vector.episodes.action_count
    for _ in range(10):
        advice = np.where(seen[:, :actions] > 0.5, seen[:, actions : 2 * actions], np.inf).argmin(1)
        chosen, _ = policy.predict(seen, deterministic=True)
        assert np.array_equal(chosen, advice)
        seen = vector.step(advice)[0]


def test_illegal_actions_are_never_drawn(traced, run):
    policy, (predictor, _) = load_trained(run), read_run(run, TASK)
    vector = TraceVecEnv(Episodes(traced, load_model(), predictor, 32))
    seen = vector.reset()
    for _ in range(30):
        chosen, _ = policy.predict(seen)
        assert vector.action_masks()[np.arange(32), chosen].all()
        seen = vector.step(chosen)[0]


def test_the_exported_file_is_the_policy(run, tmp_path, rendered, ring):
    model, policy = load_model(), load_trained(run)
    predictor, settings = read_run(run, TASK)
    export_policy(policy, predictor, TASK, tmp_path / "policy.onnx", settings)
    loaded = load_policy(tmp_path / "policy.onnx", model)
    seen = np.random.default_rng(0).random((7, layout_size(9)), np.float32)
    with torch.no_grad():
        assert np.allclose(loaded.logits(seen), policy.logits(torch.from_numpy(seen)).numpy(), atol=1e-4)
    assert loaded.logits(seen).shape == (7, action_count(9))
    data = rlcodec.encode(rendered(ring(30)), policy=tmp_path / "policy.onnx", objective="balanced")
    assert rlcodec.decode(data).size == (28, 28)


def test_a_run_is_resumed(traced, run, tmp_path):
    for name in ("run.json", "checkpoint.zip"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    before = load_trained(tmp_path).state_dict()
    longer = replace(SHORT, n_timesteps=1024)
    train_ppo(traced, TASK, longer, tmp_path, resume=True, progress=False)
    after = load_trained(tmp_path).state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert settings_of(tmp_path, TASK) == longer


def test_a_run_keeps_the_settings_it_was_trained_with(traced, run, tmp_path):
    assert settings_of(run, TASK) == SHORT
    for name in ("run.json", "checkpoint.zip"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    with pytest.raises(OptionError, match="has learned with batch_size 64, not 32"):
        train_ppo(traced, TASK, replace(SHORT, batch_size=32), tmp_path, resume=True, progress=False)
    assert settings_of(tmp_path, TASK) == SHORT


def test_runs_of_another_codec_are_refused(run, tmp_path):
    broken = json.loads((run / "run.json").read_text()) | {"codec_digest": "0" * 64}
    (tmp_path / "run.json").write_text(json.dumps(broken))
    with pytest.raises(DataError, match="trained for codec"):
        read_run(tmp_path, TASK)
    with pytest.raises(DataError, match="checkpoint"):
        load_trained(tmp_path)
