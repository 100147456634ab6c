"""Training with every algorithm: a short run trains, resumes and is exported, and the file encodes as its actor decides."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import rlcodec
from rlcodec.agents.actors import PolicyLogits
from rlcodec.agents.algorithms.registry import algorithm_by_name, algorithm_names
from rlcodec.agents.baselines import PlannerActor
from rlcodec.agents.export import export_policy, export_trained
from rlcodec.agents.hyperparameters import Settings, read_settings
from rlcodec.agents.run_folder import CHECKPOINT_FILE, RUN_FILE, read_run
from rlcodec.agents.training import actor_of, load_trained, new_agent, train
from rlcodec.control.actor import best_legal, decide
from rlcodec.control.objective import Objective
from rlcodec.envs.batch import Episodes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError, OptionError

TASK = task_of("mnist")
SMALL = {
    "n_steps": 16, "batch_size": 32, "n_epochs": 1, "width": 16, "net_arch": [16], "n_quantiles": 5, "buffer_size": 512,
    "learning_starts": 64, "target_update_interval": 64, "n_timesteps": 512, "n_envs": 8,
}  # fmt: skip
NETWORKS = [(name, network.short_name) for name in algorithm_names() for network in algorithm_by_name(name).networks]
OBJECTIVES = [Objective("mse", 2000.0, 20.0), Objective("psnr", 60.0, 0.6), Objective("ms-ssim", 90.0, 0.0)]


def small(algorithm: str, network: str | None = None) -> Settings:
    """Settings that train for a moment."""
    settings = read_settings(algorithm)
    settings = settings.with_policy(network) if network else settings
    known = {*settings.hyperparameters, *settings.policy_kwargs, "n_timesteps", "n_envs"}
    return settings.with_values(**{name: value for name, value in SMALL.items() if name in known})


SHORT = small("ppo")


@pytest.fixture(scope="module", params=NETWORKS, ids=":".join)
def run(request, traced, tmp_path_factory) -> Path:
    """The folder of a run of every algorithm with each of its networks."""
    folder = tmp_path_factory.mktemp("run")
    train(traced, TASK, small(*request.param), folder)
    return folder


@pytest.fixture(scope="module")
def ppo_run(traced, tmp_path_factory) -> Path:
    """The folder of a run of PPO with its default network."""
    folder = tmp_path_factory.mktemp("ppo")
    train(traced, TASK, SHORT, folder)
    return folder


def copied(run: Path, folder: Path) -> Path:
    """A copy of a run's state."""
    for name in (RUN_FILE, CHECKPOINT_FILE):
        shutil.copy(run / name, folder / name)
    return folder


def observations(task, trace, predictor) -> np.ndarray:
    """Observations along a few episodes."""
    episodes = Episodes(task.process(trace, predictor), 16)
    random = np.random.default_rng(0)
    episodes.reset(np.arange(16), *episodes.draw(random, 16))
    seen = [episodes.observe()]
    for _ in range(4):
        episodes.step(random.integers(0, episodes.action_count, 16))
        seen.append(episodes.observe())
    return np.concatenate(seen)


def test_the_exported_file_is_the_policy(run, traced, digits, tmp_path):
    trained, path = load_trained(run), tmp_path / "policy.onnx"
    export_trained(trained, path)
    policy, actor, predictor = TASK.load_policy(path), trained.actor, trained.run.predictor
    seen = observations(TASK, traced, predictor)
    legal = seen[:, : TASK.spec.action_count] > 0.5
    assert np.allclose(policy.logits(seen), actor.logits(seen), atol=1e-4)
    assert legal[np.arange(len(seen)), policy.logits(seen).argmax(1)].all()  # the mask is part of the file
    assert policy.macs == actor.macs > 0
    assert policy.metadata["training"]["algorithm"] == trained.run.settings.algorithm
    for digit, objective in zip(digits, OBJECTIVES, strict=False):
        actions = decide(TASK.live(digit, predictor), actor, objective)
        assert TASK.encode_under(path, digit, objective) == TASK.encode(digit, actions).data
    data = rlcodec.encode(digits[3], policy=path, objective="balanced")
    assert rlcodec.decode(data).size == (28, 28)


def test_runs_are_resumed(run, traced, tmp_path):
    copied(run, tmp_path)
    before = load_trained(tmp_path)
    longer = before.run.settings.with_values(n_timesteps=1024)
    after = train(traced, TASK, longer, tmp_path, resume=True)
    states = before.actor.module.state_dict(), after.actor.module.state_dict()
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert read_run(tmp_path).settings == longer
    again = train(traced, TASK, longer, tmp_path, resume=True)  # whose steps are done
    assert all(torch.equal(again.actor.module.state_dict()[name], states[1][name]) for name in states[1])


def test_trained_actors_take_legal_actions(run, traced):
    trained = load_trained(run)
    process = TASK.process(traced, trained.run.predictor)
    state = process.initial(np.arange(len(traced)), process.spec.objectives_of(OBJECTIVES[1], len(traced)))
    for _ in range(64):
        action = trained.actor.logits(process.observe(state)).argmax(1)
        assert (state.done | process.legal(state)[np.arange(len(traced)), action]).all()
        process.apply(state, action)
    assert state.done.all()


@pytest.mark.parametrize("name", ["ppo", "a2c", "maskable-ppo"])
def test_untrained_advised_networks_follow_the_planner(traced, name):
    predictor = TASK.fit(traced)
    vector = TraceVecEnv(Episodes(TASK.process(traced, predictor), 12))
    advised = next(n.short_name for n in algorithm_by_name(name).networks if n.short_name.startswith("Advised"))
    settings = small(name, advised)
    actor, planner = actor_of(new_agent(vector, settings), settings), PlannerActor(TASK.spec.action_count)
    seen = vector.reset()
    for _ in range(10):
        legal = vector.action_masks()
        advice = best_legal(planner.logits(seen), legal)
        assert np.array_equal(best_legal(actor.logits(seen), legal), advice)
        seen = vector.step(advice)[0]


def test_advised_networks_never_draw_illegal_actions(traced, ppo_run):
    predictor = load_trained(ppo_run).run.predictor
    vector = TraceVecEnv(Episodes(TASK.process(traced, predictor), 32))
    policy, seen = new_agent(vector, SHORT).policy, vector.reset()
    for _ in range(30):
        chosen, _ = policy.predict(seen)
        assert vector.action_masks()[np.arange(32), chosen].all()
        seen = vector.step(chosen)[0]


def test_policies_can_begin_with_imitation(traced, tmp_path):
    plain = small("ppo", "MlpPolicy").with_values(n_timesteps=16)
    untaught = train(traced, TASK, plain, tmp_path / "untaught")
    taught = train(traced, TASK, replace(plain, imitation=4), tmp_path / "taught")
    process, planner = TASK.process(traced, taught.run.predictor), PlannerActor(TASK.spec.action_count)
    state = process.initial(np.arange(len(traced)), process.spec.objectives_of(OBJECTIVES[1], len(traced)))
    seen, legal = process.observe(state), process.legal(state)
    advice = best_legal(planner.logits(seen), legal)
    agreement = [(best_legal(t.actor.logits(seen), legal) == advice).mean() for t in (untaught, taught)]
    assert agreement[1] > agreement[0]
    with pytest.raises(OptionError, match="cannot imitate"):
        train(traced, TASK, replace(small("dqn"), imitation=4), tmp_path / "dqn")


def test_a_time_limit_ends_training(traced, tmp_path):
    endless = replace(SHORT.with_values(n_timesteps=10**9), seconds=0.5)
    assert train(traced, TASK, endless, tmp_path).actor.macs
    assert (tmp_path / CHECKPOINT_FILE).exists()


def test_a_run_keeps_the_settings_it_was_trained_with(traced, ppo_run, tmp_path):
    copied(ppo_run, tmp_path)
    assert read_run(tmp_path).settings == SHORT
    for changed, message in (
        (SHORT.with_values(batch_size=64), "has learned with batch_size 32, not 64"),
        (SHORT.with_policy("MlpPolicy"), "has learned with policy rlcodec"),
        (small("a2c", "AdvisedPolicy"), "has learned with algorithm ppo, not a2c"),
    ):
        with pytest.raises(OptionError, match=message):
            train(traced, TASK, changed, tmp_path, resume=True)
    assert read_run(tmp_path).settings == SHORT


def test_a_run_that_starts_over_leaves_nothing_of_the_old_one(traced, ppo_run, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    copied(ppo_run, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("rlcodec.agents.training.new_agent", fail)
        with pytest.raises(KeyboardInterrupt):
            train(traced, TASK, small("a2c"), tmp_path)
    resumed = train(traced, TASK, small("a2c"), tmp_path, resume=True)
    assert resumed.run.settings.algorithm == "a2c"


def test_runs_that_name_no_algorithm_are_runs_of_ppo(traced, ppo_run, tmp_path):
    copied(ppo_run, tmp_path)
    stored = json.loads((tmp_path / RUN_FILE).read_text())
    settings = stored["settings"] | stored["settings"]["policy_kwargs"]
    for name in ("algorithm", "policy", "policy_kwargs"):
        del settings[name]
    older = {"codec_digest": stored["codec_digest"], "settings": settings, "predictor": stored["predictor"]}
    (tmp_path / RUN_FILE).write_text(json.dumps(older))
    assert read_run(tmp_path).settings == SHORT
    seen = observations(TASK, traced, read_run(tmp_path).predictor)
    assert np.array_equal(load_trained(tmp_path).actor.logits(seen), load_trained(ppo_run).actor.logits(seen))
    train(traced, TASK, SHORT.with_values(n_timesteps=640), tmp_path, resume=True)


def test_runs_of_another_codec_are_refused(ppo_run, tmp_path):
    copied(ppo_run, tmp_path)
    (tmp_path / CHECKPOINT_FILE).unlink()
    with pytest.raises(DataError, match="checkpoint"):
        load_trained(tmp_path)
    with pytest.raises(DataError, match="trained for preset mnist, not photo"):
        read_run(tmp_path, "photo")
    stored = json.loads((tmp_path / RUN_FILE).read_text())
    for changed, message in (
        ({"codec_digest": "0" * 64}, "trained for codec"),
        ({"settings": stored["settings"] | {"depth": 3}}, "another version of rlcodec"),
        ({"settings": []}, "no usable run"),
        ({"predictor": {}}, "no usable run"),
    ):
        (tmp_path / RUN_FILE).write_text(json.dumps(stored | changed))
        with pytest.raises(DataError, match=message):
            read_run(tmp_path)


def test_policies_of_agents_that_others_trained_are_exported(traced, digits, tmp_path):
    predictor = TASK.fit(traced)
    agent = new_agent(TraceVecEnv(Episodes(TASK.process(traced, predictor), 4)), SHORT)
    export_policy(PolicyLogits(agent.policy), predictor, TASK, tmp_path / "own.onnx", {"reward": "own"})
    assert TASK.load_policy(tmp_path / "own.onnx").metadata["training"] == {"reward": "own"}
    assert rlcodec.decode(rlcodec.encode(digits[0], policy=tmp_path / "own.onnx")).size == (28, 28)
