"""What a learning algorithm is to training, export and the command line, and how its hyperparameters are checked."""

import math
from abc import ABC, abstractmethod
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
PLAIN = "MlpPolicy"
"""Stable-Baselines3's name of its plain networks."""


class Parameter(ABC):
    """What values a hyperparameter may have."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The value, as an int or a float where it is a number; raises ValueError with what it must be."""

    def argument(self, value: Any) -> Any:
        """What the algorithm's class takes for a valid value."""
        return value


@dataclass(frozen=True)
class Number(Parameter):
    """A number within bounds.

    Attributes:
        least: the smallest value.
        most: the largest value.
        whole: only whole numbers; they become ints.
    """

    least: float = 0.0
    most: float = math.inf
    whole: bool = False

    def check(self, value: Any) -> int | float:
        """As `Parameter.check`."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("must be a number (YAML takes 1.0e-3 for one, and 1e-3 for text)")
        if self.whole:
            if value != int(value) or value < self.least:
                raise ValueError(f"must be a whole number of at least {self.least:g}")
            return int(value)
        if not self.least <= value <= self.most:
            raise ValueError(f"must be from {self.least:g} to {self.most:g}")
        return float(value)


@dataclass(frozen=True)
class LearningRate(Parameter):
    """A learning rate: a number, or "lin_0.001" for one that falls linearly from 0.001 to 0."""

    def check(self, value: Any) -> float | str:
        """As `Parameter.check`."""
        if not isinstance(value, str):
            return float(Number().check(value))
        try:
            start = self._start(value)
        except ValueError:
            raise ValueError("must be a number, as 0.001 or lin_0.001") from None
        Number().check(start)
        return value

    def argument(self, value: float | str) -> Any:
        """A number, or the schedule by which the rate falls."""
        return LinearSchedule(self._start(value), 0.0, 1.0) if isinstance(value, str) else value

    def _start(self, value: str) -> float:
        """The learning rate at the start; raises ValueError unless the text is "lin_" and a number."""
        if not value.startswith(LINEAR):
            raise ValueError(value)
        return float(value.removeprefix(LINEAR))


@dataclass(frozen=True)
class Layers(Parameter):
    """Widths of hidden layers, from the first."""

    def check(self, value: Any) -> list[int]:
        """As `Parameter.check`."""
        if not isinstance(value, list) or not all(type(width) is int and width > 0 for width in value):
            raise ValueError("must be a list of positive whole numbers")
        return value


def whole(least: int = 1) -> Number:
    """Whole numbers from `least`."""
    return Number(least, whole=True)


FRACTION = Number(most=1)


@dataclass(frozen=True)
class Network:
    """Networks that an algorithm can train.

    Attributes:
        name: what hyperparameter files say under `policy`: a name that Stable-Baselines3 knows, or the path of a class.
        policy_class: what the algorithm's class takes for its `policy`.
        actor: makes of a trained policy the module that is exported: from observations, float32 (B, size), to the scores of
            actions, (B, actions), in which illegal actions have `rlcodec.agents.actors.ILLEGAL_LOGIT`.
        parameters: of `policy_kwargs`.
        defaults: their values where a file sets none, because it is about other networks.
    """

    name: str
    policy_class: str | type[BasePolicy]
    actor: Callable[[Any], nn.Module]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

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
