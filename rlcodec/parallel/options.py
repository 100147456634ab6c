"""Options of `rlcodec.parallel.backends.map_items`, and what its backends share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rlcodec.errors import OptionError

LOCAL, RAY = BACKENDS = ("local", "ray")

Worker = Callable[[list[Any]], list[Any]]
"""From items to their results, in order."""


@dataclass(frozen=True)
class MapOptions:
    """How `map_items` spreads its work.

    Attributes:
        backend: "local" or "ray".
        workers: number of processes, threads or actors. If None, as many as there are cores in this machine or in the cluster,
            or, if workers take GPUs, as many as the cluster has GPUs for.
        group_size: items that a worker gets at once. If a worker dies, its group is computed again.
        use_threads: with the local backend, use threads of this process, which share one worker, instead of processes.
        gpus_per_worker: with Ray, GPUs that each worker takes.
    """

    backend: str = LOCAL
    workers: int | None = None
    group_size: int = 1
    use_threads: bool = False
    gpus_per_worker: float = 0


def check_backend(backend: str) -> None:
    """Raises OptionError if there is no such backend."""
    if backend not in BACKENDS:
        raise OptionError(f"unknown backend {backend!r}; there are: {', '.join(BACKENDS)}")
