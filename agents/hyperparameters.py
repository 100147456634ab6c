"""Hyperparameters of PPO: which there are, and how they are read from a file that rl_zoo3 reads too."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rlcodec.errors import DataError, OptionError

HYPERPARAMETERS = Path(__file__).with_name("ppo.yml")
ENVIRONMENT = "rlcodec/AdaptiveRateFlat-v0"
POLICY = "rlcodec.agents.ppo.AdvisedPolicy"
LINEAR = "lin_"


@dataclass(frozen=True)
class PPOSettings:
    """Hyperparameters of a run, by the names that Stable-Baselines3 and rl_zoo3 give them.

    Attributes:
        n_timesteps: environment steps in all.
        n_envs: episodes side by side.
        n_steps: of each episode between updates.
        batch_size: of an optimiser step.
        n_epochs: passes over each rollout.
        learning_rate: a number, or "lin_0.001" for one that falls linearly from 0.001 to 0.
        gamma: discount of what a later step takes off the objective.
        gae_lambda: of the advantages.
        clip_range: of the ratio of probabilities.
        ent_coef: weight of the entropy bonus.
        vf_coef: weight of the value's loss.
        max_grad_norm: the gradient's norm is clipped to it.
        width: of both hidden layers, of policy and value each.
        advice: initial weight of the planner's regrets in the logits.
        seed: of weights, images, objectives and actions.
        device: "cpu" or "cuda"; for a network this small the CPU is usually faster.
        seconds: a limit on the time that learning takes.
        imitation: objectives under which the actor first imitates the oracle; none when 0.
    """

    n_timesteps: int
    n_envs: int
    n_steps: int
    batch_size: int
    n_epochs: int
    learning_rate: float | str
    gamma: float
    gae_lambda: float
    clip_range: float
    ent_coef: float
    vf_coef: float
    max_grad_norm: float
    width: int
    advice: float
    seed: int = 0
    device: str = "cpu"
    seconds: float | None = None
    imitation: int = 0


INTEGERS = {"n_timesteps": 1, "n_envs": 1, "n_steps": 2, "batch_size": 2, "n_epochs": 1, "width": 1}
"""With the least that makes sense."""
NUMBERS = {
    "learning_rate": math.inf, "gamma": 1, "gae_lambda": 1, "clip_range": math.inf,
    "ent_coef": math.inf, "vf_coef": math.inf, "max_grad_norm": math.inf, "advice": math.inf,
}  # fmt: skip
"""With the most that makes sense; the least is 0."""
OF_POLICY = {"width", "advice"}
"""Those that stand under `policy_kwargs`."""


def read_settings(path: Path | None = None) -> PPOSettings:
    """Reads hyperparameters from a YAML file: a mapping from environments to theirs, as rl_zoo3 has it.

    Args:
        path: of the file; the packaged one when None. It names every hyperparameter of `PPOSettings` but the last four.

    Raises:
        DataError: there is no such file, it is not YAML, or says nothing of `rlcodec/AdaptiveRateFlat-v0`.
        OptionError: a hyperparameter is unknown, lacking or makes no sense.
    """
    path = path or HYPERPARAMETERS
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read as hyperparameters ({getattr(error, 'strerror', None) or error})") from error
    entry = document.get(ENVIRONMENT) if isinstance(document, dict) else None
    if not isinstance(entry, dict):
        raise DataError(f"{path}: has no hyperparameters of {ENVIRONMENT}")
    general = {key: value for key, value in entry.items() if key not in ("policy", "policy_kwargs")}
    special = entry.get("policy_kwargs", {})
    if entry.get("policy") != POLICY:
        raise OptionError(f"{path}: policy is {entry.get('policy')!r}; `rlcodec train` trains {POLICY}")
    if not isinstance(special, dict):
        raise OptionError(f"{path}: policy_kwargs is {special!r}; it must be a mapping")
    known = INTEGERS.keys() | NUMBERS.keys()
    for where, given, wanted in (("", general, known - OF_POLICY), (" under policy_kwargs", special, OF_POLICY)):
        if unknown := [str(key) for key in given if key not in wanted]:
            raise OptionError(f"{path}: unknown{where}: {', '.join(unknown)}; there are: {', '.join(sorted(wanted))}")
        if lacking := wanted - given.keys():
            raise OptionError(f"{path}: lacking{where}: {', '.join(sorted(lacking))}")
    return PPOSettings(**{key: _checked(path, key, value) for key, value in (general | special).items()})


def rate_of(learning_rate: float | str) -> tuple[float, bool]:
    """The learning rate at the start, and whether it falls to 0.

    Raises:
        ValueError: neither a number nor "lin_" and a number.
    """
    falls = isinstance(learning_rate, str) and learning_rate.startswith(LINEAR)
    if isinstance(learning_rate, str) and not falls:
        raise ValueError(learning_rate)
    return float(str(learning_rate).removeprefix(LINEAR)), falls


def _checked(path: Path, name: str, value: Any) -> Any:
    number = value
    if name == "learning_rate" and isinstance(value, str):
        try:
            number = rate_of(value)[0]
        except ValueError:
            raise OptionError(f"{path}: learning_rate is {value!r}; give a number, as 0.001 or lin_0.001") from None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise OptionError(f"{path}: {name} is {value!r}; it must be a number (YAML takes 1.0e-3 for one, and 1e-3 for text)")
    if name in INTEGERS:
        if number != int(number) or number < INTEGERS[name]:
            raise OptionError(f"{path}: {name} is {value!r}; it must be a whole number of at least {INTEGERS[name]}")
        return int(number)
    if not 0 <= number <= NUMBERS[name]:
        raise OptionError(f"{path}: {name} is {value!r}; it must be from 0 to {NUMBERS[name]}")
    return value if isinstance(value, str) else float(number)
