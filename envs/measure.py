"""Measures many images in several processes, and keeps measurements on disk so that an interrupted run can be resumed."""

import functools
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.core.files import make_folder, write_atomically
from rlcodec.core.progress import Report
from rlcodec.parallel.backends import map_items, one_by_one
from rlcodec.parallel.options import LOCAL, MapOptions

Tables = dict[str, np.ndarray]
"""Measurements of one image by name."""
Measure = Callable[[np.ndarray], Tables]


@dataclass(frozen=True)
class MeasureOptions:
    """How images are measured.

    Attributes:
        workers: processes, or Ray actors; as many as there are cores if None. With the local backend, 1 means this process
            alone.
        report: called with (images done, images in all).
        folder: keeps the measurements of each image; those of the same images and codec that it holds are not repeated.
        backend: "local" or "ray", see `rlcodec.parallel.backends.map_items`.
    """

    workers: int | None = None
    report: Report | None = None
    folder: Path | None = None
    backend: str = LOCAL


def measure_all(
    measure: Measure, items: Sequence[np.ndarray], digest: str, options: MeasureOptions = MeasureOptions()
) -> list[Tables]:
    """Measures items; returns the tables of each, in order.

    Args:
        measure: tables of one item; a function that other processes can import.
        items: arrays, for instance images.
        digest: of the codec that measures.
        options: workers, progress, folder and backend.

    Raises:
        OutputError: the folder cannot be written to.
    """
    files, tables = {}, {}
    if options.folder:
        make_folder(options.folder)
        files = {number: options.folder / f"{_key(digest, item)}.npz" for number, item in enumerate(items)}
        tables = {number: kept for number, path in files.items() if (kept := _read(path)) is not None}
    left = [number for number in range(len(items)) if number not in tables]
    spread = MapOptions(options.backend, options.workers)
    for at, table in map_items(one_by_one, (measure,), [items[number] for number in left], spread):
        tables[left[at]] = table
        if options.folder:
            write_atomically(files[left[at]], functools.partial(np.savez, **table))
        if options.report:
            options.report(len(tables), len(items))
    return [tables[number] for number in range(len(items))]


def _key(digest: str, item: np.ndarray) -> str:
    return hashlib.sha256(f"{digest} {item.shape}".encode() + item.tobytes()).hexdigest()


def _read(path: Path) -> Tables | None:
    """Tables from a file; None if there is none, or it is broken."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
