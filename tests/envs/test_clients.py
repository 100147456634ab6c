"""Other people's tools work with the environments: wrappers, Stable-Baselines3, sb3-contrib's MaskablePPO, and rl_zoo3."""

import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation, RecordEpisodeStatistics, TimeLimit
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from rlcodec.agents.hyperparameters import FOLDER
from rlcodec.envs.gym_env import episode_source
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of

FLAT, FIELDS = "rlcodec/AdaptiveRateFlat-v0", "rlcodec/AdaptiveRate-v0"
SHORT = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "device": "cpu", "seed": 1}


def dummy(traced):
    """Single environments in a `DummyVecEnv`."""
    return DummyVecEnv([lambda: gymnasium.make(FLAT, trace=traced)] * 3)


def masker(traced):
    """The same in sb3-contrib's wrapper."""
    from sb3_contrib.common.wrappers import ActionMasker

    return DummyVecEnv([lambda: ActionMasker(gymnasium.make(FLAT, trace=traced), lambda env: env.unwrapped.action_masks())] * 3)


def batched(traced):
    """The batch of episodes."""
    return TraceVecEnv(episode_source("mnist", traced, None, None).episodes(3))


@pytest.mark.parametrize("vector", [dummy, masker, batched, lambda traced: VecMonitor(batched(traced))])
def test_maskable_ppo_takes_legal_actions_only(traced, vector):
    contrib = pytest.importorskip("sb3_contrib")
    from sb3_contrib.common.maskable.utils import get_action_masks

    environments = vector(traced)
    taken = []

    def watch(local, _):
        taken.append(local["action_masks"][np.arange(3), local["actions"]])
        return True

    agent = contrib.MaskablePPO("MlpPolicy", environments, **SHORT).learn(48, callback=watch)
    assert np.all(taken)
    seen = environments.reset()
    for _ in range(12):
        masks = get_action_masks(environments)
        actions, _ = agent.predict(seen, action_masks=masks)
        assert masks[np.arange(3), actions].all()
        seen, *_ = environments.step(actions)


def test_agents_of_stable_baselines_learn(traced):
    A2C("MlpPolicy", make_vec_env(FLAT, 2, seed=1, env_kwargs={"trace": traced}), device="cpu").learn(40)
    A2C("MultiInputPolicy", make_vec_env(FIELDS, 2, seed=1, env_kwargs={"trace": traced}), device="cpu").learn(40)
    environment = gymnasium.make(FLAT, trace=traced)
    DQN("MlpPolicy", environment, learning_starts=20, buffer_size=100, device="cpu", seed=1).learn(60)


def test_wrappers(traced):
    flat = FlattenObservation(gymnasium.make(FIELDS, trace=traced))
    seen, _ = flat.reset(seed=3)
    assert flat.observation_space.contains(seen)
    limited = TimeLimit(gymnasium.make(FLAT, trace=traced), 2)
    limited.reset(seed=3)
    assert [limited.step(8)[2:4] for _ in range(2)] == [(False, False), (False, True)]
    counted = RecordEpisodeStatistics(gymnasium.make(FLAT, trace=traced))
    counted.reset(seed=3)
    rewards = [counted.step(1)[1]]
    *last, info = counted.step(0)
    assert last[2]
    assert info["episode"]["l"] == 2
    assert info["episode"]["r"] == pytest.approx(sum(rewards) + last[1])


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("name", [FLAT, FIELDS])
def test_gymnasium_makes_vectors_of_single_environments(traced, name, mode):
    vector = gymnasium.make_vec(name, num_envs=2, vectorization_mode=mode, trace=traced)
    try:
        vector.reset(seed=[4, 5])
        seen, _, _, _, info = vector.step(np.array([3, 4]))
        assert vector.observation_space.contains(seen)
        assert info["bits"].shape == (2,)
    finally:
        vector.close()


def test_rl_zoo3_trains_and_shows(traced, tmp_path, monkeypatch, capsys):
    pytest.importorskip("rl_zoo3")
    from rl_zoo3.enjoy import enjoy
    from rl_zoo3.train import train

    monkeypatch.chdir(tmp_path)
    task_of("mnist").save(tmp_path / "train.npz", traced)
    named = ["--algo", "ppo", "--env", FLAT, "--gym-packages", "rlcodec", "-f", "logs"]
    train_only = ["--conf-file", str(FOLDER / "ppo.yml"), "--env-kwargs", "trace:'train.npz'", "--seed", "1", "-n", "128"]
    small = ["-params", "n_envs:4", "n_steps:16", "batch_size:32"]
    monkeypatch.setattr(sys, "argv", ["train", *named, *train_only, *small])
    train()
    monkeypatch.setattr(sys, "argv", ["enjoy", *named, "-n", "40", "--no-render"])
    enjoy()
    shown = capsys.readouterr().out
    assert "Saving to logs/ppo/rlcodec-AdaptiveRateFlat-v0_1" in shown
    assert "Mean reward" in shown
