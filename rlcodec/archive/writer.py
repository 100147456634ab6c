"""Writes collections so that a run which is cut at any moment loses nothing that it had committed."""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from rlcodec.archive.format import (
    HEADER_BYTES,
    CollectionHeader,
    Entry,
    check_name,
    find_sections,
    pack_section,
    parse_header,
    read_at,
    unpack_index,
)
from rlcodec.core.container import unpack
from rlcodec.errors import DamagedStreamError, OptionError, OutputError, StreamError
from rlcodec.presets.registry import preset_by_name

PARTIAL = ".partial"
SECTION_IMAGES, SECTION_BYTES = 1024, 1 << 20
"""A section is committed when it has so many images, or so many bytes."""


class CollectionWriter:
    """Writes a collection, or appends to one.

    A new collection grows beside `path` under a name that ends in `.partial` and is renamed when the writer is closed. Whatever
    is added is committed section by section; a run that is cut loses what it added since, and `resume` goes on behind the last
    section. Used as a context, the writer is closed at the end; where an exception ends it, what was committed
    can be gone on with.

    Attributes:
        path: of the collection.
        names: of all images that are in it.

    Example:
        >>> import numpy as np, rlcodec, tempfile
        >>> path = tempfile.mkdtemp() + "/set.rlcz"
        >>> with rlcodec.CollectionWriter(path) as writer:
        ...     writer.add(rlcodec.encode(np.zeros((28, 28), np.uint8), lossless=True), "empty", label=0)
        >>> rlcodec.Collection(path).names
        ('empty',)
    """

    def __init__(
        self, path: str | os.PathLike[str], preset: str = "mnist", *, append: bool = False, resume: bool = False
    ) -> None:
        """Opens the file.

        Args:
            path: of the collection.
            preset: of its streams.
            append: add to the collection that is there.
            resume: go on where an earlier run was cut; with `append` nothing else is done than without.

        Raises:
            OptionError: the collection to append to is not there, or has another preset; or a run was cut here and `resume` is
                not asked for.
            OutputError: it cannot be written, or another writer is at it.
            StreamError: what is to be gone on with is no collection.
        """
        self.path = Path(os.path.realpath(path))
        found = preset_by_name(preset)
        self._header = CollectionHeader(found.format, found.weights().digest)
        self._append = append
        self._target = self.path if append else self.path.with_name(self.path.name + PARTIAL)
        there = self._target.exists()
        if append and not there:
            raise OptionError(f"{path}: there is no collection to append to")
        if there and not append and not resume:
            raise OptionError(f"{self._target}: was left by a run that was cut; go on with it by --resume, or delete it")
        self._waiting: list[Entry] = []
        self._waiting_bytes = 0
        try:
            self._file = open(self._target, "r+b" if there else "x+b", buffering=0)  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error.strerror or error})") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.names: set[str] = set()
            self._count = self._go_on() if there else self._begin()
        except OSError as error:
            self._file.close()
            busy = isinstance(error, BlockingIOError)
            why = "another process is writing it" if busy else error.strerror or error
            raise OutputError(f"{self._target}: cannot be written ({why})") from error
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return self._count + len(self._waiting)

    def _begin(self) -> int:
        self._write(self._header.to_bytes())
        self._end = HEADER_BYTES
        return 0

    def _go_on(self) -> int:
        """Takes up what is there, and cuts off what follows its last whole section."""
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        if size < HEADER_BYTES and not self._append:
            self._file.truncate(0)
            return self._begin()
        header = parse_header(read_at(descriptor, 0, HEADER_BYTES), self._target)
        if header != self._header:
            raise OptionError(
                f"{self._target}: holds images of preset {header.format.name} with weights {header.digest[:8]}, "
                f"not of {self._header.format.name} with {self._header.digest[:8]}"
            )
        sections, self._end = find_sections(descriptor, size)
        count = 0
        for section in sections:
            if section.first != count:
                raise DamagedStreamError(f"{self._target}: lacks images {count} to {section.first - 1}; nothing was changed")
            index = read_at(descriptor, section.start + section.data_bytes, section.index_bytes)
            self.names.update(unpack_index(section, index).names)
            count += section.count
        if size > self._end:
            self._file.truncate(self._end)
        self._file.seek(self._end)
        return count

    def add(self, stream: bytes, name: str, label: int | None = None) -> None:
        """Adds an image.

        Args:
            stream: as `rlcodec.encode` wrote it.
            name: a relative path with slashes, of at most 255 bytes, that no other image of the collection has.
            label: from 0 to 2**31 - 1, or None.

        Raises:
            StreamError: the stream is broken or cut, or of another preset or other weights than the collection.
            OptionError: the name or the label cannot be.
            OutputError: the file cannot be written.
        """
        found = unpack(stream)
        header = found.header
        if found.truncated:
            raise StreamError(f"{name}: the stream is cut; a collection holds whole ones")
        if header.format != self._header.format or not self._header.digest.startswith(header.fingerprint.hex()):
            raise StreamError(f"{name}: the stream is of another preset, or of other weights, than the collection")
        self.add_entry(Entry(header.height, header.width, header.settings, found.payload.tobytes(), name, label))

    def add_entry(self, entry: Entry) -> None:
        """Adds an image of the collection's preset and weights; errors as `add`."""
        check_name(entry.name)
        if entry.name in self.names:
            raise OptionError(f"{entry.name}: is in the collection already")
        if entry.label is not None and not 0 <= entry.label < 1 << 31:
            raise OptionError(f"{entry.name}: label is {entry.label}; give 0 to {(1 << 31) - 1}")
        if not entry.payload:
            raise StreamError(f"{entry.name}: the stream has no payload")
        self.names.add(entry.name)
        self._waiting.append(entry)
        self._waiting_bytes += len(entry.payload)
        if len(self._waiting) >= SECTION_IMAGES or self._waiting_bytes >= SECTION_BYTES:
            self.commit()

    def commit(self) -> None:
        """Writes what was added, on the disk itself: once this returns no cut can lose it.

        Raises:
            OutputError: the file cannot be written; what was committed before is still there.
        """
        if not self._waiting:
            return
        data, section = pack_section(self._count, self._end, self._waiting)
        try:
            self._write(data)
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # what was written in part would be found and cut off by whoever goes on, too
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise OutputError(f"{self._target}: cannot be written ({error.strerror or error})") from error
        self._end = section.stop
        self._count += section.count
        self._waiting, self._waiting_bytes = [], 0

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Commits what was added and gives a new collection its name.

        Raises:
            OutputError: the file cannot be written.
        """
        if self._file.closed:
            return
        self.commit()
        try:
            os.fsync(self._file.fileno())
            if not self._append:
                os.replace(self._target, self.path)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror or error})") from error
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
            return
        self._file.close()
        if not self._append and not self._count:
            self._target.unlink(missing_ok=True)
