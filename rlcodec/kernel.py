"""How hot loops are compiled: once a machine, then from numba's cache."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function when it is first called; the result is cached where the machine lets us write."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(nogil=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compiles a function into each kernel that calls it: worth it where passing its arrays costs more than the work."""
    return njit(nogil=True, inline="always")(function)


def is_compiled(compiled: Any) -> bool:
    """Whether a kernel's machine code is in the cache already."""
    path = getattr(compiled.stats, "cache_path", None)
    function = compiled.py_func
    module = function.__module__.rsplit(".", 1)[-1]
    return path is not None and any(Path(path).glob(f"{module}.{function.__qualname__}-*.nbi"))
