"""Hyperparameters in files: those of the package, others, and invalid files; and settings with other values."""

import pytest
import yaml

from rlcodec.agents.algorithms.registry import algorithm_by_name, algorithm_names
from rlcodec.agents.hyperparameters import ENVIRONMENT, FOLDER, read_settings, settings_from_dict
from rlcodec.errors import DataError, OptionError


@pytest.fixture
def written(tmp_path):
    """Writes the packaged file with some of its hyperparameters changed, or, where None, left out."""

    def write(**changes):
        entry = yaml.safe_load((FOLDER / "ppo.yml").read_text())[ENVIRONMENT] | changes
        path = tmp_path / "own.yml"
        path.write_text(yaml.dump({ENVIRONMENT: {key: value for key, value in entry.items() if value is not None}}))
        return path

    return write


def test_a_file_replaces_the_packaged_one(written):
    own = written(batch_size=512, n_timesteps=2e6, learning_rate=0.01, policy_kwargs={"width": 8, "advice": 3})
    settings = read_settings("ppo", own)
    hyperparameters = settings.hyperparameters
    assert (hyperparameters["batch_size"], settings.n_timesteps, hyperparameters["learning_rate"]) == (512, 2_000_000, 0.01)
    assert settings.policy_kwargs == {"width": 8, "advice": 3.0}
    assert hyperparameters["gae_lambda"] == read_settings().hyperparameters["gae_lambda"]


def test_a_file_may_be_about_plain_networks(written):
    settings = read_settings("ppo", written(policy="MlpPolicy", policy_kwargs={"net_arch": [32, 16]}))
    assert (settings.policy, settings.policy_kwargs) == ("MlpPolicy", {"net_arch": [32, 16]})


@pytest.mark.parametrize("name", algorithm_names())
def test_every_algorithm_has_a_file(name):
    settings = read_settings(name)
    assert (settings.algorithm, settings.policy) == (name, algorithm_by_name(name).networks[0].name)
    assert settings_from_dict(settings.to_dict(), "here") == settings


def test_settings_take_other_values():
    settings = read_settings().with_values(n_steps=16, width=8, n_envs=4, seed=3)
    assert (settings.hyperparameters["n_steps"], settings.policy_kwargs["width"]) == (16, 8)
    assert (settings.n_envs, settings.seed, settings.device) == (4, 3, "cpu")
    plain = settings.with_policy("MlpPolicy")
    assert plain.policy_kwargs == {"net_arch": [128, 128]}
    assert plain.with_policy("AdvisedPolicy").policy == settings.policy
    for changed, message in (
        ({"depth": 2}, "unknown: depth"),
        ({"n_envs": 0}, "n_envs is 0"),
        ({"width": "8"}, "width is '8'"),
    ):
        with pytest.raises(OptionError, match=message):
            settings.with_values(**changed)
    with pytest.raises(OptionError, match="a2c trains MlpPolicy or rlcodec"):
        read_settings("a2c").with_policy("CnnPolicy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bach_size": 64}, "unknown: bach_size; there are: batch_size"),
        ({"policy_kwargs": {"width": 8, "advice": 1.0, "depth": 2}}, "unknown under policy_kwargs: depth"),
        ({"width": 8}, "unknown: width"),
        ({"gamma": None, "n_epochs": None}, "missing: gamma, n_epochs"),
        ({"batch_size": "64"}, "batch_size is '64'; it must be a number"),
        ({"n_envs": 2.5}, "n_envs is 2.5; it must be a whole number"),
        ({"n_steps": 0}, "at least 2"),
        ({"gamma": True}, "gamma is True"),
        ({"gamma": 1.5}, "from 0 to 1"),
        ({"ent_coef": float("nan")}, "ent_coef is nan"),
        ({"learning_rate": "1e-3"}, "learning_rate is '1e-3'"),
        ({"learning_rate": "lin_fast"}, "learning_rate is 'lin_fast'"),
        ({"learning_rate": "lin_-1"}, "from 0"),
        ({"policy": "CnnPolicy"}, "policy is 'CnnPolicy'; ppo trains"),
        ({"policy": "MlpPolicy"}, "unknown under policy_kwargs: advice, width; there are: net_arch"),
        ({"policy": "MlpPolicy", "policy_kwargs": {"net_arch": [0]}}, r"net_arch is \[0\]; it must be a list of positive"),
        ({"policy_kwargs": "dict(width=8)"}, "must be a mapping"),
    ],
)
def test_invalid_hyperparameters_are_refused(written, changes, message):
    with pytest.raises(OptionError, match=message):
        read_settings("ppo", written(**changes))


@pytest.mark.parametrize("content", ["", "[1, 2]", "CartPole-v1: {n_envs: 8}", f"{ENVIRONMENT}: 3", "a: [", "\x00"])
def test_files_without_hyperparameters_are_refused(tmp_path, content):
    path = tmp_path / "own.yml"
    path.write_text(content)
    with pytest.raises(DataError, match=r"own\.yml"):
        read_settings("ppo", path)
    with pytest.raises(DataError, match="No such file"):
        read_settings("ppo", tmp_path / "none.yml")
