"""Backends that run the same work on many items: this machine's cores or a Ray cluster's. The results are the same."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlcodec.parallel.options import RAY, MapOptions, Worker, check_backend
from rlcodec.parallel.threads import worker_count

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

QUEUED_PER_WORKER = 4
"""Groups per worker that may be submitted before the results of earlier ones are taken."""


def map_items(
    make: Callable[..., Worker],
    arguments: tuple[Any, ...],
    items: Sequence[Any],
    options: MapOptions = MapOptions(),
    *,
    files: Sequence[Path] | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yields the result of every item together with the item's index, as results become available.

    Args:
        make: makes a worker, once per process, for instance a class that loads a codec. Spawned processes import it by name.
        arguments: of `make`; hashable.
        items: the items, each of which can be pickled.
        options: backend, number of workers and size of groups.
        files: the file of each item, if items are about files. Workers then get pairs of an item and its file: a path, or, with
            Ray, a `FileBytes` under the given name; a path if the file cannot be read.

    Yields:
        Indices of items and their results, in any order.

    Raises:
        OptionError: there is no such backend, it is not installed, or the number of workers is invalid.
        BackendError: a worker died repeatedly.
        Exception: whatever a worker raised.
    """
    check_backend(options.backend)
    cores = worker_count(options.workers)
    if len(items) == 0:
        return
    if options.backend == RAY:
        from rlcodec.parallel.ray_backend import map_on_ray

        yield from map_on_ray(make, arguments, items, options, files)
        return
    pairs = items if files is None else list(zip(items, files, strict=True))
    starts = range(0, len(items), options.group_size)
    groups = [range(start, min(start + options.group_size, len(items))) for start in starts]
    workers = min(cores, len(groups))
    calls = ((indices, [pairs[i] for i in indices]) for indices in groups)
    if workers == 1:
        worker = make(*arguments)
        for indices, group in calls:
            yield from zip(indices, worker(group), strict=True)
        return
    from concurrent.futures import ThreadPoolExecutor

    from rlcodec.parallel.processes import worker_pool

    run = make(*arguments) if options.use_threads else functools.partial(_run_in_process, make, arguments)
    with ThreadPoolExecutor(workers) if options.use_threads else worker_pool(workers) as pool:
        for indices, results in _map_over_pool(pool, run, calls, workers):
            yield from zip(indices, results, strict=True)


def one_by_one(run: Callable[[Any], Any]) -> Worker:
    """A worker that runs a function on one item after another."""
    return lambda items: [run(item) for item in items]


def in_order(results: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    """The results of `map_items` in the order of the items."""
    waiting: dict[int, Any] = {}
    following = 0
    for index, result in results:
        waiting[index] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@functools.cache
def _process_worker(make: Callable[..., Worker], arguments: tuple[Any, ...]) -> Worker:
    """The worker of this process."""
    return make(*arguments)


def _run_in_process(make: Callable[..., Worker], arguments: tuple[Any, ...], group: list[Any]) -> list[Any]:
    return _process_worker(make, arguments)(group)


def _map_over_pool(
    pool: "Executor", run: Worker, calls: Iterator[tuple[range, list[Any]]], workers: int
) -> Iterator[tuple[range, list[Any]]]:
    waiting: deque[tuple[range, Future[list[Any]]]] = deque()
    try:
        for indices, group in calls:
            waiting.append((indices, pool.submit(run, group)))
            if len(waiting) >= QUEUED_PER_WORKER * workers:
                oldest, future = waiting.popleft()
                yield oldest, future.result()
        while waiting:
            oldest, future = waiting.popleft()
            yield oldest, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
