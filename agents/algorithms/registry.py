"""The learning algorithms: those of the package, loaded when they are first asked for, and those that others add."""

import importlib

from rlcodec.agents.algorithms.base import Algorithm
from rlcodec.errors import OptionError

_SB3, _CONTRIB = "rlcodec.agents.algorithms.stable_baselines", "rlcodec.agents.algorithms.contrib"
_MODULES = {"ppo": _SB3, "a2c": _SB3, "dqn": _SB3, "qrdqn": _CONTRIB, "maskable-ppo": _CONTRIB}
"""Modules of the algorithms that come with the package; the constant `ALGORITHMS` of each holds them."""
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
            module = importlib.import_module(_MODULES[name])
        except ModuleNotFoundError as error:
            if error.name != "sb3_contrib":
                raise
            raise OptionError(f"algorithm {name} needs sb3-contrib: pip install sb3-contrib") from error
        _algorithms.update({algorithm.name: algorithm for algorithm in module.ALGORITHMS})
    if name not in _algorithms:
        raise OptionError(f"unknown algorithm {name!r}; there are: {', '.join(algorithm_names())}")
    return _algorithms[name]
