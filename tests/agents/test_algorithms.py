"""The registry of algorithms: an algorithm that a test defines trains, resumes, is evaluated and exported like the others."""

import sys

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from rlcodec.agents.algorithms import registry
from rlcodec.agents.algorithms.base import FRACTION, Algorithm, learning_rate, whole
from rlcodec.agents.algorithms.registry import algorithm_by_name, algorithm_names, register_algorithm, unregister_algorithm
from rlcodec.agents.algorithms.stable_baselines import ADVISED_NETWORK, PLAIN_NETWORK
from rlcodec.agents.training import load_trained
from rlcodec.envs.tasks import task_of
from rlcodec.errors import OptionError


class Reinforce(OnPolicyAlgorithm):
    """REINFORCE (Williams, 1992) with the value as a baseline."""

    policy_aliases = {"MlpPolicy": ActorCriticPolicy}  # noqa: RUF012

    def __init__(self, policy, env, learning_rate=1e-3, n_steps=16, gamma=1.0, _init_setup_model=True, **kwargs):
        super().__init__(
            policy, env, learning_rate=learning_rate, n_steps=n_steps, gamma=gamma, gae_lambda=1.0, ent_coef=0.0, vf_coef=0.5,
            max_grad_norm=0.5, use_sde=False, sde_sample_freq=-1, supported_action_spaces=(spaces.Discrete,),
            _init_setup_model=_init_setup_model, **kwargs,
        )  # fmt: skip

    def train(self):
        self._update_learning_rate(self.policy.optimizer)
        for batch in self.rollout_buffer.get(batch_size=None):
            values, log_probability, _ = self.policy.evaluate_actions(batch.observations, batch.actions.long().flatten())
            policy_loss = -((batch.returns - values.detach().flatten()) * log_probability).mean()
            loss = policy_loss + torch.nn.functional.mse_loss(values.flatten(), batch.returns)
            self.policy.optimizer.zero_grad()
            loss.backward()
            self.policy.optimizer.step()


@pytest.fixture
def reinforce():
    """The algorithm, registered."""
    parameters = {"n_steps": whole(), "learning_rate": learning_rate, "gamma": FRACTION}
    defaults = {
        "policy": "MlpPolicy", "policy_kwargs": {"net_arch": [16]}, "n_timesteps": 512, "n_envs": 8, "n_steps": 16,
        "learning_rate": 0.001, "gamma": 1.0,
    }  # fmt: skip
    register_algorithm(Algorithm("reinforce", Reinforce, parameters, (PLAIN_NETWORK, ADVISED_NETWORK), defaults, imitates=True))
    yield algorithm_by_name("reinforce")
    unregister_algorithm("reinforce")


def test_an_algorithm_of_ones_own_does_what_others_do(reinforce, traced, digits, run, tmp_path):
    task, trace, out = task_of("mnist"), tmp_path / "trace.npz", tmp_path / "run"
    task.save(trace, traced)
    command = ("train", trace, "--algo", "reinforce", "--out", out)
    assert run(*command)[0] == 0
    before = load_trained(out)
    assert before.run.settings.algorithm == "reinforce"
    assert run(*command, "--timesteps", 1024)[0] == 0
    seen = np.random.default_rng(0).random((5, task.spec.observation_size), np.float32)
    after = load_trained(out).actor.logits(seen)
    assert not np.array_equal(after, before.actor.logits(seen))
    assert np.allclose(task.load_policy(out / "policy.onnx").logits(seen), after, atol=1e-4)
    assert run("evaluate", trace, "--policy", out / "policy.onnx", "--out", tmp_path / "table.csv")[0] == 0
    advised = tmp_path / "advised"
    begun = ("train", trace, "--algo", "reinforce", "--out", advised, "--network", "AdvisedPolicy", "--imitate", 2)
    assert run(*begun)[0] == 0
    assert run("export", advised, tmp_path / "advised.onnx")[0] == 0
    task.encode_under(tmp_path / "advised.onnx", digits[0], task.objective_grid(traced)[0])


def test_names_are_taken_once_and_known(reinforce, run, tmp_path):
    assert algorithm_names() == ("ppo", "a2c", "dqn", "qrdqn", "maskable-ppo", "reinforce")
    with pytest.raises(OptionError, match="there is an algorithm reinforce already"):
        register_algorithm(reinforce)
    unregister_algorithm("ppo")  # which comes with the package
    assert algorithm_by_name("ppo").name == "ppo"
    with pytest.raises(OptionError, match=r"unknown algorithm 'sarsa'; there are: ppo, a2c, .*reinforce"):
        algorithm_by_name("sarsa")
    code, _, error = run("train", tmp_path / "none.npz", "--algo", "sarsa", "--out", tmp_path / "run")
    assert (code, "unknown algorithm 'sarsa'" in error) == (2, True)


@pytest.mark.parametrize("name", ["qrdqn", "maskable-ppo"])
def test_what_is_not_installed_is_named(monkeypatch, name):
    monkeypatch.setattr(registry, "_algorithms", {})
    for module in [m for m in sys.modules if m.startswith(("sb3_contrib", registry._MODULES[name]))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(OptionError, match=f"algorithm {name} needs sb3-contrib: pip install"):
        algorithm_by_name(name)
    assert algorithm_by_name("dqn").name == "dqn"
