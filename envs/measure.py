"""Measuring many images by several processes, what is measured kept on disk, so that a measurement that was cut goes on."""

import functools
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from rlcodec.core.files import make_folder, write_atomically
from rlcodec.parallel.backends import LOCAL, map_items

Tables = dict[str, np.ndarray]
Measure = Callable[[np.ndarray], Tables]
Report = Callable[[int, int], None]


class _Measurer:
    """Measures items one by one."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure

    def __call__(self, items: list[np.ndarray]) -> list[Tables]:
        return [self.measure(item) for item in items]


def measure_all(
    measure: Measure, items: Sequence[np.ndarray], digest: str, workers: int | None = None, report: Report | None = None,
    kept: Path | None = None, engine: str = LOCAL,
) -> list[Tables]:  # fmt: skip
    """The tables of every item, in order.

    Args:
        measure: tables of one item; a function that other processes can import.
        items: arrays.
        digest: of the codec that measures.
        workers: processes, or actors; as many as there are cores when None. Of engine "local", none but this one when 1.
        report: called with (items done, items in all).
        kept: folder that keeps tables as they come; those that are there already, of the same items and codec, are read.
        engine: "local" or "ray", as `rlcodec.parallel.backends.map_items`, which says what else is raised.

    Raises:
        OutputError: `kept` cannot be written to.
    """
    files, tables = {}, {}
    if kept:
        make_folder(kept)
        files = {number: kept / f"{_key(digest, item)}.npz" for number, item in enumerate(items)}
        tables = {number: found for number, path in files.items() if (found := _read(path)) is not None}
    left = [number for number in range(len(items)) if number not in tables]
    for at, table in map_items(_Measurer, (measure,), [items[number] for number in left], engine=engine, workers=workers):
        tables[left[at]] = table
        if kept:
            write_atomically(files[left[at]], functools.partial(_save, table))
        if report:
            report(len(tables), len(items))
    return [tables[number] for number in range(len(items))]


def _key(digest: str, item: np.ndarray) -> str:
    return hashlib.sha256(f"{digest} {item.shape}".encode() + item.tobytes()).hexdigest()


def _save(tables: Tables, file: IO[bytes]) -> None:
    np.savez(file, **tables)


def _read(path: Path) -> Tables | None:
    """Kept tables; None where there are none, or broken ones."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
