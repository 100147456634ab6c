"""What runs the same work on many items: this machine's cores, or a Ray cluster's. The results are the same."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rlcodec.errors import OptionError
from rlcodec.parallel.processes import worker_pool
from rlcodec.parallel.threads import worker_count

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)
AHEAD = 4
"""Items a thread that are begun before the results of others were taken."""

Worker = Callable[[list[Any]], list[Any]]
"""From items to what becomes of them, in order."""


def check_engine(engine: str) -> None:
    """Raises OptionError where there is no such engine."""
    if engine not in ENGINES:
        raise OptionError(f"unknown engine {engine!r}; there are: {', '.join(ENGINES)}")


def map_items(
    make: Callable[..., Worker],
    arguments: tuple[Any, ...],
    items: Sequence[Any],
    *,
    engine: str = LOCAL,
    workers: int | None = None,
    together: int = 1,
    files: Sequence[Path] | None = None,
    threads: bool = False,
    gpus: float = 0,
) -> Iterator[tuple[int, Any]]:
    """What becomes of every item, with its number, as it is done.

    Args:
        make: makes a worker, once in each process: a class that loads a codec, say. Where processes are spawned it is one that
            can be imported.
        arguments: for `make`; hashable.
        items: the items, each of which can be pickled.
        engine: "local" or "ray".
        workers: how many; when None as many as there are cores, here or in the cluster, or GPUs for them in the cluster.
        together: items that a worker gets at once; what dies with a worker is begun anew.
        files: of each item, where it is about a file: workers then get pairs of an item and its file, as a path, or, of engine
            "ray", as a `FileBytes` that was read under the name given, unless it cannot be.
        threads: of engine "local": threads of this process, which share one worker, in place of processes.
        gpus: of engine "ray": GPUs of a worker.

    Yields:
        Numbers of items and results, in any order.

    Raises:
        OptionError: there is no such engine, or it is not installed.
        EngineError: a worker died again and again.
        Exception: what a worker raised.
    """
    check_engine(engine)
    cores = worker_count(workers)
    if len(items) == 0:
        return
    if engine == RAY:
        from rlcodec.parallel.ray_backend import map_on_ray

        yield from map_on_ray(make, arguments, items, workers, together, files, gpus)
        return
    pairs = items if files is None else list(zip(items, files, strict=True))
    groups = [range(start, min(start + together, len(items))) for start in range(0, len(items), together)]
    workers = min(cores, len(groups))
    calls = ((numbers, [pairs[n] for n in numbers]) for numbers in groups)
    if workers == 1:
        worker = make(*arguments)
        for numbers, group in calls:
            yield from zip(numbers, worker(group), strict=True)
        return
    run = make(*arguments) if threads else functools.partial(_run, make, arguments)
    with ThreadPoolExecutor(workers) if threads else worker_pool(workers) as pool:
        for numbers, found in _over_pool(pool, run, calls, workers):
            yield from zip(numbers, found, strict=True)


def in_order(found: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    """The results of `map_items` in the order of the items."""
    early: dict[int, Any] = {}
    following = 0
    for number, result in found:
        early[number] = result
        while following in early:
            yield early.pop(following)
            following += 1


@functools.cache
def _worker(make: Callable[..., Worker], arguments: tuple[Any, ...]) -> Worker:
    """A process's worker."""
    return make(*arguments)


def _run(make: Callable[..., Worker], arguments: tuple[Any, ...], group: list[Any]) -> list[Any]:
    return _worker(make, arguments)(group)


def _over_pool(
    pool: Executor, run: Worker, calls: Iterator[tuple[range, list[Any]]], workers: int
) -> Iterator[tuple[range, list[Any]]]:
    waiting = deque[tuple[range, Future[list[Any]]]]()
    try:
        for numbers, group in calls:
            waiting.append((numbers, pool.submit(run, group)))
            if len(waiting) >= AHEAD * workers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        for _, future in waiting:
            future.cancel()
