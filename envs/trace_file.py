"""Trace files: NumPy archives that are written whole or not at all, and read without executing anything in them."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from rlcodec.core.files import write_atomically
from rlcodec.errors import DataError

T = TypeVar("T")
MAX_TABLES_BYTES = 1 << 35
"""Largest uncompressed size that is read; the trace of all training images of MNIST takes a gigabyte."""


def save_tables(path: Path, trace: Any) -> None:
    """Writes a trace.

    Args:
        path: of the file.
        trace: a dataclass whose first field is the codec's digest and whose other fields are arrays; those that are None are
            left out.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays = {f.name: getattr(trace, f.name) for f in fields(trace)[1:] if getattr(trace, f.name) is not None}
    write_atomically(path, lambda file: np.savez_compressed(file, digest=np.array(trace.digest), **arrays))


def load_tables(path: Path, kind: type[T], digest: str | None) -> T:
    """Reads a trace, without a check of the shapes of its arrays.

    Args:
        path: of the file.
        kind: class of the trace; tables that have a default may be missing.
        digest: of the codec that must have made it; any if None.

    Raises:
        DataError: it is missing or broken, or another codec made it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(entry.file_size for entry in archive.infolist())
        if declared > MAX_TABLES_BYTES:
            raise DataError(f"{path}: declares {declared} bytes of tables, more than the {MAX_TABLES_BYTES} that are read")
        with np.load(path, allow_pickle=False) as file:
            names = [f.name for f in fields(kind)[1:] if f.default is MISSING or f.name in file]  # type: ignore[arg-type]
            found, arrays = str(file["digest"]), {name: file[name] for name in names}
    except KeyError as error:
        raise DataError(f"{path}: not a usable trace (no table {error.args[0]}); run `rlcodec trace` again") from error
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: not a usable trace ({error})") from error
    if digest is not None and found != digest:
        raise DataError(f"{path}: was made by codec {found[:8]}, this is {digest[:8]}; run `rlcodec trace` again")
    make: Any = kind
    return make(found, **arrays)


def check_shapes(path: Path, trace: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Checks the shapes of a trace's arrays.

    Args:
        path: of the trace's file, for the error message.
        trace: as it was read.
        shapes: expected shapes by name of the field.

    Raises:
        DataError: an array has another shape.
    """
    for name, shape in shapes.items():
        if getattr(trace, name).shape != shape:
            raise DataError(f"{path}: table {name} has shape {getattr(trace, name).shape}, not {shape}")
