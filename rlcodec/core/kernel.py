"""Compilation of hot loops by numba, once per machine and then from numba's cache."""

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function at its first call; the result is cached if the cache's folder can be written to.

    The function cannot create arrays. Callers pass them in and keep them alive, so that no references are counted: counting
    them atomically at every use of an array took more time than all arithmetic.
    """
    return _compiled(function, _nrt=False)


def array_kernel(function: Callable[..., Any]) -> Any:
    """As `kernel`, for a function that creates arrays; it counts references, so leave the work in its loops to kernels."""
    return _compiled(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compiles a function into each kernel that calls it, which pays if passing its arrays costs more than its work."""
    return njit(nogil=True, inline="always")(function)


@inlined
def assign(target: Any, source: Any) -> None:
    """Copies a row of numbers, for kernels, in which the assignment of one slice to another would create an array."""
    for i in range(source.shape[0]):
        target[i] = source[i]


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(nogil=True, **options)(function)
