"""The Ray backend: actors of Ray Data that load the codec once, then read files and process them.

Files are not read by Ray Data's `read_binary_files`, since each of its tasks takes a process whose start and imports take
longer than reading the files.

No other module imports Ray. A cluster is found as Ray finds it, by RAY_ADDRESS or an earlier `ray.init`. If there is none, Ray
is started on this machine alone and shut down after the work.
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

from rlcodec.errors import BackendError, OptionError
from rlcodec.images.gray import FileBytes
from rlcodec.parallel.options import MapOptions, Worker

MAX_RETRIES = 3
"""How often a block is computed again after its worker died."""
BLOCKS_PER_WORKER, MAX_BLOCK_ITEMS = 8, 16
"""Workers are given blocks of items. Blocks are small, so that little is computed again after a worker died."""


class _Actor:
    """Runs a worker on the batches that Ray Data hands it."""

    def __init__(self, make: Callable[..., Worker], arguments: tuple[Any, ...], of_files: bool) -> None:
        self.worker, self.of_files = make(*arguments), of_files

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        group = [pickle.loads(item) for item in batch["item"]]
        if self.of_files:
            group = [(item, _read(name, path)) for item, name, path in group]
        try:
            results: list[Any] = [(True, result) for result in self.worker(group)]
        except Exception as error:  # raised again by the caller: Ray would wrap it in an exception of its own
            results = [(False, error)] * len(group)
        packed = np.empty(len(results), object)
        packed[:] = [pickle.dumps(result) for result in results]
        return {"index": batch["index"], "result": packed}


def _read(name: Path, path: Path) -> FileBytes | Path:
    """A file's bytes under the name that the caller gave it; its path if it cannot be read, so that the worker reports why."""
    try:
        return FileBytes(name, path.read_bytes())
    except OSError:
        return path


def map_on_ray(
    make: Callable[..., Worker],
    arguments: tuple[Any, ...],
    items: Sequence[Any],
    options: MapOptions,
    files: Sequence[Path] | None,
) -> Iterator[tuple[int, Any]]:
    """Implements `rlcodec.parallel.backends.map_items` for the Ray backend."""
    try:
        import ray
        import ray.data
        from ray.exceptions import RayError
    except ModuleNotFoundError as error:
        raise OptionError(f"backend ray needs Ray: pip install 'rlcodec[ray]' (missing: {error.name})") from error
    gpus = options.gpus_per_worker
    with _cluster(options.workers, gpus):
        count = options.workers or default_workers(ray.cluster_resources(), gpus)
        size = max(options.group_size, min(MAX_BLOCK_ITEMS, math.ceil(len(items) / (BLOCKS_PER_WORKER * count))))
        blocks = math.ceil(len(items) / size)
        entries = items if files is None else [(item, file, file.absolute()) for item, file in zip(items, files, strict=True)]
        rows = [{"index": index, "item": pickle.dumps(entry)} for index, entry in enumerate(entries)]
        dataset = ray.data.from_items(rows, override_num_blocks=blocks)
        mapped = dataset.map_batches(
            _Actor,
            fn_constructor_args=(make, arguments, files is not None),
            batch_size=None,  # whole blocks
            compute=ray.data.ActorPoolStrategy(size=min(count, blocks)),
            num_cpus=1,
            num_gpus=gpus or None,
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": MAX_RETRIES},
        )
        try:
            for row in mapped.iter_rows():
                succeeded, result = pickle.loads(row["result"])
                if not succeeded:
                    raise result
                yield row["index"], result
        except RayError as error:
            last_line = "".join(str(error).strip().splitlines()[-1:])
            raise BackendError(f"Ray gave up: {last_line}; --resume continues with the remaining items") from error


def default_workers(resources: Mapping[str, float], gpus: float) -> int:
    """How many workers a cluster runs at once.

    Args:
        resources: of the cluster, "CPU" and "GPU" with their counts.
        gpus: GPUs that each worker takes; if 0, each takes a core.

    Returns:
        At least 1, for which an autoscaling cluster can grow.
    """
    return max(1, int(resources.get("GPU", 0) / gpus if gpus else resources.get("CPU", 1)))


@contextmanager
def _cluster(workers: int | None, gpus: float) -> Iterator[None]:
    """A connection to Ray, opened and closed here unless there is one; only errors are logged."""
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    progress_bars = context.enable_progress_bars
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    starts_here = not ray.is_initialized()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside Ray
            if starts_here and os.environ.get("RAY_ADDRESS"):
                ray.init(logging_level="ERROR", log_to_driver=False)
            elif starts_here:
                ray.init(num_cpus=workers, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
                if gpus > ray.cluster_resources().get("GPU", 0):  # Ray would wait for it forever
                    raise OptionError("Ray finds no GPU on this machine; name a cluster by RAY_ADDRESS, or use --device cpu")
            yield
    finally:
        context.enable_progress_bars = progress_bars
        if starts_here:
            ray.shutdown()
