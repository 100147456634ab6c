"""The learning algorithms: those of the package, loaded when they are first asked for, and those that others add."""

import importlib

from rlcodec.agents.algorithms.base import Algorithm
from rlcodec.errors import OptionError

_MODULES = {
    name: f"rlcodec.agents.algorithms.{name.replace('-', '_')}" for name in ("ppo", "a2c", "dqn", "qrdqn", "maskable-ppo")
}
"""Modules of the algorithms that come with the package, each with a constant `ALGORITHM`."""
_algorithms: dict[str, Algorithm] = {}


def register_algorithm(algorithm: Algorithm) -> None:
    """Adds an algorithm under its name; `rlcodec train --algo` and everything that reads runs know it from then on.

    Raises:
        OptionError: the name is taken.
    """
    if algorithm.name in algorithm_names():
        raise OptionError(f"there is an algorithm {algorithm.name} already")
    _algorithms[algorithm.name] = algorithm


def unregister_algorithm(name: str) -> None:
    """Removes an algorithm that `register_algorithm` added; one that comes with the package stays."""
    if name not in _MODULES:
        _algorithms.pop(name, None)


def algorithm_names() -> tuple[str, ...]:
    """Names of all algorithms."""
    return tuple(dict.fromkeys((*_MODULES, *_algorithms)))


def algorithm_by_name(name: str) -> Algorithm:
    """The algorithm of a name.

    Raises:
        OptionError: there is none, or it needs sb3-contrib, which is not installed.
    """
    if name not in _algorithms and name in _MODULES:
        try:
            _algorithms[name] = importlib.import_module(_MODULES[name]).ALGORITHM
        except ModuleNotFoundError as error:
            if error.name != "sb3_contrib":
                raise
            raise OptionError(f"algorithm {name} needs sb3-contrib: pip install sb3-contrib") from error
    if name not in _algorithms:
        raise OptionError(f"unknown algorithm {name!r}; there are: {', '.join(algorithm_names())}")
    return _algorithms[name]
