"""Hyperparameters in files: the packaged ones, others, and files that make no sense."""

import pytest
import yaml

from rlcodec.agents.hyperparameters import ENVIRONMENT, HYPERPARAMETERS, read_settings
from rlcodec.errors import DataError, OptionError


@pytest.fixture
def written(tmp_path):
    """Writes the packaged file with some of its hyperparameters changed, or, where None, left out."""

    def write(**changes):
        entry = yaml.safe_load(HYPERPARAMETERS.read_text())[ENVIRONMENT] | changes
        path = tmp_path / "own.yml"
        path.write_text(yaml.dump({ENVIRONMENT: {key: value for key, value in entry.items() if value is not None}}))
        return path

    return write


def test_a_file_replaces_the_packaged_one(written):
    own = written(batch_size=512, n_timesteps=2e6, learning_rate=0.01, policy_kwargs={"width": 8, "advice": 3})
    settings = read_settings(own)
    assert (settings.batch_size, settings.n_timesteps, settings.learning_rate) == (512, 2_000_000, 0.01)
    assert (settings.width, settings.advice) == (8, 3.0)
    assert settings.gae_lambda == read_settings().gae_lambda


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bach_size": 64}, "unknown: bach_size; there are: batch_size"),
        ({"policy_kwargs": {"width": 8, "advice": 1.0, "depth": 2}}, "unknown under policy_kwargs: depth"),
        ({"width": 8}, "unknown: width"),
        ({"gamma": None, "n_epochs": None}, "lacking: gamma, n_epochs"),
        ({"batch_size": "64"}, "batch_size is '64'; it must be a number"),
        ({"n_envs": 2.5}, "n_envs is 2.5; it must be a whole number"),
        ({"n_steps": 0}, "at least 2"),
        ({"gamma": True}, "gamma is True"),
        ({"gamma": 1.5}, "from 0 to 1"),
        ({"ent_coef": float("nan")}, "ent_coef is nan"),
        ({"learning_rate": "1e-3"}, "learning_rate is '1e-3'"),
        ({"learning_rate": "lin_fast"}, "learning_rate is 'lin_fast'"),
        ({"learning_rate": "lin_-1"}, "from 0"),
        ({"policy": "MlpPolicy"}, "policy is 'MlpPolicy'"),
        ({"policy_kwargs": "dict(width=8)"}, "must be a mapping"),
    ],
)
def test_what_makes_no_sense_is_refused(written, changes, message):
    with pytest.raises(OptionError, match=message):
        read_settings(written(**changes))


@pytest.mark.parametrize("content", ["", "[1, 2]", "CartPole-v1: {n_envs: 8}", f"{ENVIRONMENT}: 3", "a: [", "\x00"])
def test_files_without_hyperparameters_are_refused(tmp_path, content):
    path = tmp_path / "own.yml"
    path.write_text(content)
    with pytest.raises(DataError, match=r"own\.yml"):
        read_settings(path)
    with pytest.raises(DataError, match="No such file"):
        read_settings(tmp_path / "none.yml")
