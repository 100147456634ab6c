"""Parts of a picture over all cores; the kernels hold no lock, so threads share them."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rlcodec.errors import OptionError

Result = TypeVar("Result")


def worker_count(workers: int | None) -> int:
    """So many workers, or as many as there are cores when None. Raises: OptionError: there are fewer than one."""
    if workers is not None and workers < 1:
        raise OptionError(f"workers is {workers}; give a positive number")
    return workers or os.cpu_count() or 1


def parts_of(count: int, size: int) -> list[slice]:
    """So many rows, `size` at a time."""
    return [slice(at, min(at + size, count)) for at in range(0, count, size)]


def side_by_side(run: Callable[[slice], Result], parts: list[slice], workers: int | None = None) -> list[Result]:
    """What becomes of every part, in their order; by as many threads as there are cores when `workers` is None.

    `run` must not come here again: all share the same threads.
    """
    if len(parts) == 1 or (workers or os.cpu_count() or 1) == 1:
        return [run(part) for part in parts]
    if workers is None:
        return list(_threads().map(run, parts))
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, parts))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Threads that stay: starting them for every picture takes as long as some of its parts."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rlcodec")


if hasattr(os, "register_at_fork"):  # a child has no threads but its own
    os.register_at_fork(after_in_child=_threads.cache_clear)
