"""Writes collections. A run that is interrupted at any moment loses nothing that it has committed."""

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
    read_index,
)
from rlcodec.core.container import unpack
from rlcodec.errors import DamagedStreamError, OptionError, OutputError, StreamError
from rlcodec.presets.registry import preset_by_name

PARTIAL = ".partial"
SECTION_IMAGES, SECTION_BYTES = 1024, 1 << 20
"""A section is committed when it has this many images, or this many bytes."""


class CollectionWriter:
    """Writes a collection, or appends to one.

    A new collection is written to a file beside `path` whose name ends in `.partial`, which is renamed when the writer is
    closed. Images are committed section by section. An interrupted run loses only the images added since the last commit, and
    `resume` continues behind it. Used as a context manager, the writer is closed at the end of the block; if an exception ends
    the block, the partial file stays and can be resumed.

    Attributes:
        path: of the collection.
        names: of all images in the collection.

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
            append: add to an existing collection.
            resume: continue an interrupted run; with `append` it makes no difference.

        Raises:
            OptionError: the collection to append to does not exist, or has another preset or weights; or there is a partial
                file and `resume` is false.
            OutputError: the file cannot be written, or another process is writing it.
            StreamError: the file to append to or to resume is no collection.
        """
        self.path = Path(os.path.realpath(path))
        codec = preset_by_name(preset)
        self._header = CollectionHeader(codec.format, codec.weights().digest)
        self._append = append
        self._target = self.path if append else self.path.with_name(self.path.name + PARTIAL)
        exists = self._target.exists()
        if append and not exists:
            raise OptionError(f"{path}: there is no collection to append to")
        if exists and not append and not resume:
            raise OptionError(f"{self._target}: was left by an interrupted run; continue it with --resume, or delete it")
        self._waiting: list[Entry] = []
        self._waiting_bytes = 0
        try:
            self._file = open(self._target, "r+b" if exists else "x+b", buffering=0)  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error.strerror or error})") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.names: set[str] = set()
            self._count = self._continue() if exists else self._begin()
        except OSError as error:
            self._file.close()
            locked = isinstance(error, BlockingIOError)
            reason = "another process is writing it" if locked else error.strerror or error
            raise OutputError(f"{self._target}: cannot be written ({reason})") from error
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return self._count + len(self._waiting)

    def _begin(self) -> int:
        self._write(self._header.to_bytes())
        self._end = HEADER_BYTES
        return 0

    def _continue(self) -> int:
        """Reads the names in the file and removes what follows its last complete section; returns the number of images."""
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
            self.names.update(read_index(descriptor, section).names)
            count += section.count
        if size > self._end:
            self._file.truncate(self._end)
        self._file.seek(self._end)
        return count

    def add(self, stream: bytes, name: str, label: int | None = None) -> None:
        """Adds an image.

        Args:
            stream: from `rlcodec.encode`.
            name: a relative path with slashes, of at most 255 bytes, that no other image of the collection has.
            label: from 0 to 2**31 - 1, or None.

        Raises:
            StreamError: the stream is broken or cut, or of another preset or other weights than the collection.
            OptionError: the name or the label is invalid or taken.
            OutputError: the file cannot be written.
        """
        parsed = unpack(stream)
        header = parsed.header
        if parsed.truncated:
            raise StreamError(f"{name}: the stream is cut; a collection holds whole ones")
        if header.format != self._header.format or not self._header.digest.startswith(header.fingerprint.hex()):
            raise StreamError(f"{name}: the stream is of another preset, or of other weights, than the collection")
        self.add_entry(Entry(header.height, header.width, header.settings, parsed.payload.tobytes(), name, label))

    def add_entry(self, entry: Entry) -> None:
        """Adds an image of the collection's preset and weights; raises as `add`."""
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
        """Writes the images that were added and flushes them to the disk, after which no interruption can lose them.

        Raises:
            OutputError: the file cannot be written; images that were committed before are not lost.
        """
        if not self._waiting:
            return
        data, section = pack_section(self._count, self._end, self._waiting)
        try:
            self._write(data)
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # if this fails, resuming removes the incomplete section
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise OutputError(f"{self._target}: cannot be written ({error.strerror or error})") from error
        self._end = section.stop
        self._count += section.count
        self._waiting, self._waiting_bytes = [], 0

    def _write(self, data: bytes) -> None:
        remaining = memoryview(data)
        while remaining:
            remaining = remaining[self._file.write(remaining) :]

    def close(self) -> None:
        """Commits the images that were added and gives a new collection its name.

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
