"""What a learning algorithm is to training, export and the command line, and how its hyperparameters are checked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import LinearSchedule
from torch import nn

from rlcodec.errors import OptionError

LINEAR = "lin_"
"""Prefix of a learning rate that falls linearly to 0, as rl_zoo3 writes it."""


Parameter = Callable[[Any], Any]
"""Checks a hyperparameter's value: returns it, numbers as int or float, or raises ValueError with what it must be."""


def number(least: float = 0.0, most: float = math.inf) -> Parameter:
    """A number from `least` to `most`."""

    def check(value: Any) -> float:
        if not least <= _finite(value) <= most:
            raise ValueError(f"must be from {least:g} to {most:g}")
        return float(value)

    return check


def whole(least: int = 1) -> Parameter:
    """A whole number from `least`."""

    def check(value: Any) -> int:
        if _finite(value) != int(value) or value < least:
            raise ValueError(f"must be a whole number of at least {least:g}")
        return int(value)

    return check


def learning_rate(value: Any) -> float | str:
    """A learning rate: a number, or "lin_0.001" for one that falls linearly from 0.001 to 0."""
    if not isinstance(value, str):
        return number()(value)
    try:
        start = _start_of_schedule(value)
    except ValueError:
        raise ValueError("must be a number, as 0.001 or lin_0.001") from None
    number()(start)
    return value


def layers(value: Any) -> list[int]:
    """Widths of hidden layers, from the first."""
    if not isinstance(value, list) or not all(type(width) is int and width > 0 for width in value):
        raise ValueError("must be a list of positive whole numbers")
    return value


def argument_of(value: Any) -> Any:
    """What an algorithm's class takes for a value that was checked: a schedule for a learning rate that falls."""
    return LinearSchedule(_start_of_schedule(value), 0.0, 1.0) if isinstance(value, str) else value


def _finite(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number (YAML takes 1.0e-3 for one, and 1e-3 for text)")
    return value


def _start_of_schedule(value: str) -> float:
    """The learning rate at the start; raises ValueError unless the text is "lin_" and a number."""
    if not value.startswith(LINEAR):
        raise ValueError(value)
    return float(value.removeprefix(LINEAR))


FRACTION = number(most=1)


@dataclass(frozen=True)
class Network:
    """Networks that an algorithm can train.

    Attributes:
        policy_class: what the algorithm's class takes for its `policy`: a name that Stable-Baselines3 knows, or a class.
        actor: makes of a trained policy the module that is exported: from observations, float32 (B, size), to the scores of
            actions, (B, actions), in which illegal actions have `rlcodec.agents.actors.ILLEGAL_LOGIT`.
        parameters: of `policy_kwargs`.
        defaults: their values where a file sets none, because it is about other networks.
    """

    policy_class: str | type[BasePolicy]
    actor: Callable[[Any], nn.Module]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What hyperparameter files say under `policy`: a name that Stable-Baselines3 knows, or the path of a class."""
        known = self.policy_class
        return known if isinstance(known, str) else f"{known.__module__}.{known.__name__}"

    @property
    def short_name(self) -> str:
        """The name without the modules of a path."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Algorithm:
    """A learning algorithm with the interface of Stable-Baselines3.

    Attributes:
        name: what users write.
        agent_class: with `learn`, `save`, `load`, `num_timesteps` and `policy`, as Stable-Baselines3 has them.
        parameters: keyword arguments of the class that hyperparameter files set; files name all of them.
        networks: that it can train; the first is the default.
        defaults: the default hyperparameters: an entry of a hyperparameter file, or the name of a file of the package.
        imitates: whether its scores are logits of a distribution, so that training can begin by imitating the oracle.
        log_interval: of `learn`: rollouts, or episodes of an off-policy algorithm, between entries for TensorBoard.
    """

    name: str
    agent_class: type[BaseAlgorithm]
    parameters: Mapping[str, Parameter]
    networks: tuple[Network, ...]
    defaults: Mapping[str, Any] | str
    imitates: bool = False
    log_interval: int = 1

    def network(self, name: str) -> Network:
        """The networks of a name, with or without the modules of a path.

        Raises:
            OptionError: the algorithm has none of this name.
        """
        for network in self.networks:
            if name in (network.name, network.short_name):
                return network
        raise OptionError(f"policy is {name!r}; {self.name} trains {' or '.join(network.name for network in self.networks)}")
