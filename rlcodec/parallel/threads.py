"""Threads over the cores of this machine. The kernels release the interpreter's lock, so threads run side by side."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from rlcodec.errors import OptionError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")


def worker_count(workers: int | None) -> int:
    """The number of workers: as many as there are cores if None.

    Raises:
        OptionError: it is less than one.
    """
    if workers is not None and workers < 1:
        raise OptionError(f"workers is {workers}; give a positive number")
    return workers or os.cpu_count() or 1


def map_threads(run: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> list[Result]:
    """The results of all items in their order, computed by threads that are started for this call.

    Args:
        run: computes the result of an item; called in several threads at once.
        items: the items.
        workers: threads; as many as there are cores if None.

    Raises:
        OptionError: `workers` is less than one.
    """
    count = worker_count(workers)
    if count == 1:
        return [run(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, items))


def parts_of(count: int, size: int) -> list[slice]:
    """Slices of `size` indices, the last maybe shorter, that together cover 0 to `count`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def side_by_side(run: Callable[[Item], Result], parts: Sequence[Item], workers: int | None = None) -> list[Result]:
    """The results of all parts of an image in their order.

    Args:
        run: computes the result of a part. It must not call `side_by_side` itself, since all calls share the same threads.
        parts: the parts.
        workers: threads; if None, shared threads that stay alive, as many as there are cores.

    Raises:
        OptionError: `workers` is less than one.
    """
    if len(parts) == 1 or worker_count(workers) == 1:
        return [run(part) for part in parts]
    if workers is None:
        return list(_shared_threads().map(run, parts))
    return map_threads(run, parts, workers)


@functools.cache
def _shared_threads() -> "ThreadPoolExecutor":
    """Threads that stay alive: starting new ones for every image takes as long as some of its parts."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rlcodec")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_shared_threads.cache_clear)
