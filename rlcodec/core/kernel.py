"""How hot loops are compiled: once a machine, then from numba's cache."""

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function when it is first called; the result is cached where the machine lets us write.

    It can make no arrays: whoever calls it hands them in and keeps them alive, so no references are counted. Counting them,
    atomically, at every use of an array took more time than all arithmetic.
    """
    return _compiled(function, _nrt=False)


def array_kernel(function: Callable[..., Any]) -> Any:
    """As `kernel`, for a function that makes arrays; it counts references, so let kernels do the work in its loops."""
    return _compiled(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compiles a function into each kernel that calls it: worth it where passing its arrays costs more than the work."""
    return njit(nogil=True, inline="always")(function)


@inlined
def assign(target: Any, source: Any) -> None:
    """Writes one row of numbers over another, for kernels; slices assigned to one another would take an array to do it."""
    for i in range(source.shape[0]):
        target[i] = source[i]


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(nogil=True, **options)(function)
