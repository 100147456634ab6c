"""Measuring many images by several processes, each finished part kept on disk, so that a measurement that was cut goes on."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from rlcodec.files import make_folder, write_atomically
from rlcodec.workers import worker_pool

Tables = dict[str, np.ndarray]
Measure = Callable[[np.ndarray], Tables]
Report = Callable[[int, int], None]


def measure_all(
    measure: Measure, items: Sequence[np.ndarray], digest: str, workers: int | None = None, report: Report | None = None,
    kept: Path | None = None,
) -> list[Tables]:  # fmt: skip
    """The tables of every item, in order.

    Args:
        measure: tables of one item; a function that other processes can import.
        items: arrays.
        digest: of the codec that measures.
        workers: processes; as many as there are cores when None, none but this one when 1.
        report: called with (items done, items in all).
        kept: folder that keeps tables as they come; those that are there already, of the same items and codec, are read.

    Raises:
        OutputError: `kept` cannot be written to.
    """
    workers, tables = workers or os.cpu_count() or 1, []
    if kept:
        make_folder(kept)
        measure = partial(_kept_or_measured, measure, digest, kept)
    with ExitStack() as stack:
        if workers == 1 or len(items) == 1:
            found: Iterable[Tables] = map(measure, items)
        else:
            found = stack.enter_context(worker_pool(workers)).map(measure, items)
        for table in found:
            tables.append(table)
            if report:
                report(len(tables), len(items))
    return tables


def _kept_or_measured(measure: Measure, digest: str, folder: Path, item: np.ndarray) -> Tables:
    key = hashlib.sha256(f"{digest} {item.shape}".encode() + item.tobytes()).hexdigest()
    path = folder / f"{key}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):  # not there, or broken
        tables = measure(item)
        write_atomically(path, lambda file: np.savez(file, **tables))
        return tables
