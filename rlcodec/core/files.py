"""Atomic writing of files: under a temporary name in the same folder, which is then renamed."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from rlcodec.errors import OutputError


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Calls `write` with a temporary file beside `path` and renames it to `path` once it is complete.

    Raises:
        OutputError: the file could not be written; `path` is unchanged and no temporary file is left.
    """
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not path.is_file():  # a pipe or a device cannot be replaced
            with open(path, "wb") as file:
                write(file)
            return
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o666 & ~_umask())
                write(file)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            with suppress(FileNotFoundError):  # an interruption may come right after the file was renamed
                os.unlink(temporary)
            raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, unless it exists.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: the folder cannot be made ({error.strerror or error})") from error


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all.

    Raises:
        OutputError: as `write_atomically`.
    """
    write_atomically(path, lambda file: file.write(data))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
