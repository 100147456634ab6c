"""Hyperparameters of a training run, and how they are read from a file that rl_zoo3 reads too."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rlcodec.agents.algorithms.base import Parameter, whole
from rlcodec.agents.algorithms.registry import algorithm_by_name
from rlcodec.errors import DataError, OptionError

FOLDER = Path(__file__).parent
"""Where the packaged files lie."""
ENVIRONMENT = "rlcodec/AdaptiveRateFlat-v0"
DEFAULT_ALGORITHM = "ppo"
COMMON: dict[str, Parameter] = {"n_timesteps": whole(), "n_envs": whole()}
"""Parameters that every algorithm has, beside its own."""
OUTSIDE_FILES = ("seed", "device", "seconds", "imitation")
"""Settings that hyperparameter files do not name."""


@dataclass(frozen=True)
class Settings:
    """What decides a training run, apart from the trace.

    Attributes:
        algorithm: name of the learning algorithm.
        policy: name of its networks, as in hyperparameter files.
        policy_kwargs: arguments of the networks.
        hyperparameters: arguments of the algorithm, by the names that Stable-Baselines3 and rl_zoo3 give them. A learning rate
            is a number, or "lin_0.001" for one that falls linearly from 0.001 to 0.
        n_timesteps: environment steps in all.
        n_envs: episodes side by side.
        seed: of weights, images, objectives and actions.
        device: "cpu" or "cuda"; for networks this small the CPU is usually faster.
        seconds: limit on the time that learning takes; None for no limit.
        imitation: number of objectives under which the actor imitates the oracle before it learns; 0 for none.
    """

    algorithm: str
    policy: str
    policy_kwargs: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    n_timesteps: int
    n_envs: int
    seed: int = 0
    device: str = "cpu"
    seconds: float | None = None
    imitation: int = 0

    def with_values(self, **values: Any) -> "Settings":
        """A copy with other values, by the names that hyperparameter files have for them.

        Raises:
            OptionError: there is no such setting, or the value is invalid.
        """
        network, content = algorithm_by_name(self.algorithm).network(self.policy), self.to_dict()
        for name, value in values.items():
            target = content["policy_kwargs"] if name in network.parameters else content
            target[name] = value
        return settings_from_dict(content, "settings")

    def with_policy(self, policy: str) -> "Settings":
        """A copy with other networks, by their name with or without modules; their arguments have default values.

        Raises:
            OptionError: the algorithm does not train them.
        """
        network = algorithm_by_name(self.algorithm).network(policy)
        if network.name == self.policy:
            return self
        return replace(self, policy=network.name, policy_kwargs=dict(network.defaults))

    def entry(self) -> dict[str, Any]:
        """The settings as an entry of a hyperparameter file."""
        common = {name: getattr(self, name) for name in COMMON}
        return {"policy": self.policy, "policy_kwargs": dict(self.policy_kwargs)} | common | dict(self.hyperparameters)

    def to_dict(self) -> dict[str, Any]:
        """All settings, as run.json and policy files hold them."""
        return {"algorithm": self.algorithm} | self.entry() | {name: getattr(self, name) for name in OUTSIDE_FILES}


def read_settings(algorithm: str = DEFAULT_ALGORITHM, path: Path | None = None) -> Settings:
    """Reads hyperparameters from a YAML file that maps environments to their hyperparameters, as rl_zoo3 has it.

    Args:
        algorithm: name of the learning algorithm.
        path: of the file, which names every hyperparameter of the algorithm; if None, the defaults of the algorithm.

    Raises:
        DataError: there is no such file, it is not YAML, or has no entry for `rlcodec/AdaptiveRateFlat-v0`.
        OptionError: there is no such algorithm, or a hyperparameter is unknown, missing or invalid.
    """
    defaults = algorithm_by_name(algorithm).defaults
    if path is None and not isinstance(defaults, str):
        return settings_from_entry(algorithm, defaults, f"defaults of {algorithm}")
    path = path or FOLDER / str(defaults)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read as hyperparameters ({getattr(error, 'strerror', None) or error})") from error
    entry = document.get(ENVIRONMENT) if isinstance(document, dict) else None
    if not isinstance(entry, dict):
        raise DataError(f"{path}: has no hyperparameters of {ENVIRONMENT}")
    return settings_from_entry(algorithm, entry, str(path))


def settings_from_dict(values: Mapping[str, Any], source: str) -> Settings:
    """The settings that `Settings.to_dict` wrote.

    Args:
        values: all settings.
        source: where they come from, for error messages.

    Raises:
        OptionError: a setting is unknown, missing or invalid.
    """
    entry = dict(values)
    algorithm = str(entry.pop("algorithm", DEFAULT_ALGORITHM))
    outside = {name: entry.pop(name) for name in OUTSIDE_FILES if name in entry}
    return replace(settings_from_entry(algorithm, entry, source), **outside)


def settings_from_entry(algorithm: str, entry: Mapping[str, Any], source: str) -> Settings:
    """The settings that an entry of a hyperparameter file means.

    Args:
        algorithm: name of the learning algorithm.
        entry: policy, policy_kwargs and hyperparameters by name.
        source: where it comes from, for error messages.

    Raises:
        OptionError: a hyperparameter is unknown, missing or invalid.
    """
    known = algorithm_by_name(algorithm)
    try:
        network = known.network(str(entry.get("policy")))
    except OptionError as error:
        raise OptionError(f"{source}: {error}") from None
    policy_kwargs = entry.get("policy_kwargs", {})
    if not isinstance(policy_kwargs, dict):
        raise OptionError(f"{source}: policy_kwargs is {policy_kwargs!r}; it must be a mapping")
    general = {name: value for name, value in entry.items() if name not in ("policy", "policy_kwargs")}
    checked = _checked(source, "", general, COMMON | dict(known.parameters))
    return Settings(
        algorithm,
        network.name,
        _checked(source, " under policy_kwargs", policy_kwargs, network.parameters),
        {name: checked[name] for name in known.parameters},
        **{name: checked[name] for name in COMMON},
    )


def _checked(source: str, where: str, given: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values, in the order of the parameters; raises OptionError unless each parameter has one valid value."""
    if unknown := [str(name) for name in given if name not in parameters]:
        raise OptionError(f"{source}: unknown{where}: {', '.join(unknown)}; there are: {', '.join(sorted(parameters))}")
    if missing := parameters.keys() - given.keys():
        raise OptionError(f"{source}: missing{where}: {', '.join(sorted(missing))}")
    checked = {}
    for name, parameter in parameters.items():
        try:
            checked[name] = parameter(given[name])
        except ValueError as error:
            raise OptionError(f"{source}: {name} is {given[name]!r}; it {error}") from None
    return checked
