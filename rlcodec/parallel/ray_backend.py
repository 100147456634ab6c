"""The same work on a Ray cluster, by Ray Data: actors that load the codec once read files and code them.

Ray Data can read files by tasks of its own, `read_binary_files`: each takes a process, whose start and imports take longer than
reading what it hands on.

Nothing else in the package imports Ray. A cluster is found as Ray finds it, by RAY_ADDRESS or an earlier `ray.init`; without
one a Ray of this machine alone is started, and ended with the work.
"""

import logging
import math
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.errors import EngineError, OptionError
from rlcodec.images.gray import FileBytes

TRIES = 3
"""How often a block is begun anew whose worker died."""
BLOCKS_PER_WORKER, MOST_BLOCK_ITEMS = 8, 16
"""Blocks are what workers are handed and what is begun anew: small, so that a worker that dies costs little."""


class _Actor:
    """Runs a worker on the batches that Ray Data hands it."""

    def __init__(self, make: Callable[..., Any], arguments: tuple[Any, ...], of_files: bool) -> None:
        self.worker, self.of_files = make(*arguments), of_files

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        group = [pickle.loads(item) for item in batch["item"]]
        if self.of_files:
            group = [(item, _read(name, path)) for item, name, path in group]
        try:
            results: list[Any] = [(True, result) for result in self.worker(group)]
        except Exception as error:  # which the caller raises; Ray's own wrapping would hide what it is
            results = [(False, error)] * len(group)
        packed = np.empty(len(results), object)
        packed[:] = [pickle.dumps(result) for result in results]
        return {"number": batch["number"], "result": packed}


def _read(name: Path, path: Path) -> FileBytes | Path:
    """A file's bytes under the name that the caller gave it; its path where it cannot be read, for the worker to say why."""
    try:
        return FileBytes(name, path.read_bytes())
    except OSError:
        return path


def map_on_ray(
    make: Callable[..., Any],
    arguments: tuple[Any, ...],
    items: Sequence[Any],
    workers: int | None,
    together: int,
    files: Sequence[Path] | None,
    gpus: float,
) -> Iterator[tuple[int, Any]]:
    """As `rlcodec.parallel.backends.map_items`, whose arguments these are."""
    try:
        import ray
        import ray.data
        from ray.exceptions import RayError
    except ModuleNotFoundError as error:
        raise OptionError(f"engine ray needs Ray: pip install 'rlcodec[ray]' (missing: {error.name})") from error
    with _cluster(workers, gpus):
        count = workers or default_workers(ray.cluster_resources(), gpus)
        size = max(together, min(MOST_BLOCK_ITEMS, math.ceil(len(items) / (BLOCKS_PER_WORKER * count))))
        blocks = math.ceil(len(items) / size)
        entries = items if files is None else [(item, file, file.absolute()) for item, file in zip(items, files, strict=True)]
        rows = [{"number": number, "item": pickle.dumps(entry)} for number, entry in enumerate(entries)]
        dataset = ray.data.from_items(rows, override_num_blocks=blocks)
        done = dataset.map_batches(
            _Actor,
            fn_constructor_args=(make, arguments, files is not None),
            batch_size=None,  # a block
            compute=ray.data.ActorPoolStrategy(size=min(count, blocks)),
            num_cpus=1,
            num_gpus=gpus or None,
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": TRIES},
        )
        try:
            for row in done.iter_rows():
                fine, result = pickle.loads(row["result"])
                if not fine:
                    raise result
                yield row["number"], result
        except RayError as error:
            last = str(error).strip().splitlines()[-1:]
            raise EngineError(f"Ray gave up: {''.join(last)}; --resume goes on with what is left") from error


def default_workers(resources: Mapping[str, float], gpus: float) -> int:
    """As many workers as a cluster of such resources has cores, or, where each takes some of its GPUs, as there are for them;
    one at least, for which a cluster may grow.
    """
    return max(1, int(resources.get("GPU", 0) / gpus if gpus else resources.get("CPU", 1)))


@contextmanager
def _cluster(workers: int | None, gpus: float) -> Iterator[None]:
    """A connection to Ray, made here unless there is one; silent but for errors."""
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    own = not ray.is_initialized()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what will change in Ray
            if own and os.environ.get("RAY_ADDRESS"):
                ray.init(logging_level="ERROR", log_to_driver=False)
            elif own:
                ray.init(num_cpus=workers, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
                if gpus > ray.cluster_resources().get("GPU", 0):  # which would be waited for forever
                    raise OptionError("Ray finds no GPU on this machine; name a cluster by RAY_ADDRESS, or take --device cpu")
            yield
    finally:
        context.enable_progress_bars = before
        if own:
            ray.shutdown()
