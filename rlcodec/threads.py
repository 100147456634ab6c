"""Parts of a picture over all cores; the kernels hold no lock, so threads share them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def parts_of(count: int, size: int) -> list[slice]:
    """So many rows, `size` at a time."""
    return [slice(at, min(at + size, count)) for at in range(0, count, size)]


def side_by_side(run: Callable[[slice], Result], parts: list[slice], workers: int | None = None) -> list[Result]:
    """What becomes of every part, in their order; by as many threads as there are cores when `workers` is None."""
    workers = min(workers or os.cpu_count() or 1, len(parts))
    if workers == 1:
        return [run(part) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, parts))
