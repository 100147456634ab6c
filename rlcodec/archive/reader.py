"""Reads collections: images by index or in sequence, with their names and labels."""

import binascii
import bisect
import functools
import io
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from rlcodec.archive.decoding import decode_entries
from rlcodec.archive.format import (
    HEADER_BYTES,
    NO_LABEL,
    Entry,
    Index,
    Section,
    find_sections,
    parse_header,
    read_at,
    read_index,
)
from rlcodec.core.container import pack
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.core.weights_file import fingerprint_of
from rlcodec.errors import DamagedStreamError, StreamError, TruncatedStreamWarning, UnknownModelError
from rlcodec.presets.registry import preset_by_name, preset_of

Value = TypeVar("Value")

CACHED_INDEXES = 256
"""Sections whose indexes stay in memory."""


@dataclass(frozen=True, eq=False)
class CollectionItem:
    """An image of a collection.

    Attributes:
        pixels: uint8 (height, width), or (height, width, 3) if it has colours.
        name: a relative path with slashes, unique in the collection.
        label: a number, or None.
    """

    pixels: np.ndarray
    name: str
    label: int | None

    @property
    def image(self) -> Image.Image:
        """The image as a PIL image of mode "L" or "RGB"."""
        return Image.fromarray(self.pixels)


class Collection:
    """A read-only sequence of the images of a collection, which are decoded on access.

    Threads may share an instance. Processes may share one by forking or by pickling, which opens the file again. Images that
    are appended after the file was opened are not visible.

    Attributes:
        path: of the file.
        preset: name of the preset.
        digest: SHA-256 of the weights that decode it, hexadecimal.

    Example:
        >>> import numpy as np, rlcodec, tempfile
        >>> path = tempfile.mkdtemp() + "/set.rlcz"
        >>> with rlcodec.CollectionWriter(path) as writer:
        ...     writer.add(rlcodec.encode(np.full((28, 28), 7, np.uint8), lossless=True), "sevens/a", label=7)
        >>> collection = rlcodec.Collection(path)
        >>> len(collection), collection.names, collection.labels
        (1, ('sevens/a',), (7,))
        >>> collection[0].pixels.shape, int(collection[0].pixels.max())
        ((28, 28), 7)
    """

    def __init__(self, path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> None:
        """Opens a collection and finds its sections; reads no image.

        Args:
            path: of the file.
            max_pixels: images that declare more are refused on access.

        Raises:
            StreamError: the file cannot be read, or is no collection.
            DamagedStreamError: its header is damaged.
            UnknownModelError: it has an unknown version or preset.

        Warns:
            TruncatedStreamWarning: bytes follow the last complete section, for instance after an interrupted append.
        """
        self.path = Path(path)
        self._max_pixels = max_pixels
        try:
            self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115 (open as long as the collection is)
            size = os.fstat(self._file.fileno()).st_size
            self._header = parse_header(read_at(self._file.fileno(), 0, HEADER_BYTES), self.path)
            self._sections, end = find_sections(self._file.fileno(), size)
        except OSError as error:
            raise StreamError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        self.preset, self.digest = self._header.format.name, self._header.digest
        self._firsts = [section.first for section in self._sections]
        self._length = self._sections[-1].first + self._sections[-1].count if self._sections else 0
        self._decodable = False
        self._index = functools.lru_cache(CACHED_INDEXES)(functools.partial(_read_index, self._file, self.path))
        if end < size:
            message = f"{self.path}: {size - end} bytes behind the last whole section are ignored: the end is cut or damaged"
            warnings.warn(message, TruncatedStreamWarning, stacklevel=3)

    def __reduce__(self) -> Any:
        return _reopened, (type(self), self.path, self._max_pixels, self._length)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: Any) -> Any:
        """The image with an index, or a list of the images of a slice.

        Raises:
            IndexError: there is no such image.
            DamagedStreamError: its bytes, or the index of its section, were changed; other images are not affected.
            UnknownModelError: it was coded with other weights than those that are installed.
            TooLargeError: it declares more pixels than are allowed.
        """
        if isinstance(number, slice):
            return list(self.read(range(*number.indices(len(self)))))
        return next(self.read([number]))

    def __iter__(self) -> Iterator[CollectionItem]:
        return self.read(range(len(self)))

    def read(self, numbers: Iterable[int]) -> Iterator[CollectionItem]:
        """Yields images by their indices, in any order.

        This is faster than accessing images one by one if the preset decodes several at once. Errors are those of accessing an
        image, raised when its turn comes.
        """
        self._check_weights()
        remaining, batch_size = iter(numbers), preset_of(self._header.format).images_at_once
        while batch := [self._positive(number) for number in itertools.islice(remaining, batch_size)]:
            entries = self._entries(batch)
            for entry, pixels in zip(entries, decode_entries(self._header, entries, self._max_pixels), strict=True):
                yield CollectionItem(_value(pixels), _value(entry).name, _value(entry).label)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all images; raises DamagedStreamError if an index is damaged."""
        return tuple(name for index in self._all_indexes() for name in index.names)

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Labels of all images; raises DamagedStreamError if an index is damaged."""
        numbers = [label for index in self._all_indexes() for label in index.columns["label"].tolist()]
        return tuple(None if label == NO_LABEL else label for label in numbers)

    def stream(self, number: int) -> bytes:
        """An image as a stream of its own, which `rlcodec.decode` reads; raises as accessing the image."""
        entry, fingerprint = self.entry(number), fingerprint_of(self.digest)
        return pack(self._header.format, fingerprint, entry.height, entry.width, entry.settings, entry.payload)

    def entry(self, number: int) -> Entry:
        """An image as the file stores it, with its checksum verified; raises as accessing the image."""
        return _value(self._entries([self._positive(number)])[0])

    def _positive(self, number: int) -> int:
        if not -self._length <= number < self._length:
            raise IndexError(f"image {number} of a collection of {self._length}")
        return number % self._length

    def _entries(self, numbers: Sequence[int]) -> list[Entry | StreamError]:
        """Images as the file stores them, or errors; neighbours in the file are read together."""
        entries: list[Entry | StreamError] = []
        while len(entries) < len(numbers):
            done = len(entries)
            first = numbers[done]
            at = bisect.bisect_right(self._firsts, first) - 1
            start = first - self._firsts[at] if at >= 0 else 0
            available = self._sections[at].count - start if at >= 0 else 0
            if available <= 0:
                lost = f"{self.path}: image {first} is lost: the footer of its section is damaged"
                entries.append(DamagedStreamError(lost))
                continue
            count = 1
            while count < min(available, len(numbers) - done) and numbers[done + count] == first + count:
                count += 1
            entries += self._neighbours(self._sections[at], start, count)
        return entries

    def _neighbours(self, section: Section, start: int, count: int) -> list[Entry | StreamError]:
        """`count` images of a section from its image `start` on."""
        try:
            index = self._index(section)
        except DamagedStreamError as error:
            return [error] * count
        columns = index.columns[start : start + count].tolist()
        data = read_at(self._file.fileno(), int(index.starts[start]), sum(row[0] for row in columns))
        entries: list[Entry | StreamError] = []
        offset = 0
        for row, name in zip(columns, index.names[start : start + count], strict=True):
            size, check, height, width, settings, label, _, _ = row
            payload = data[offset : offset + size]
            offset += size
            if len(payload) != size or binascii.crc_hqx(payload, 0) != check:
                number = section.first + start + len(entries)
                damaged = f"{self.path}: image {number}, {name}, is damaged: its checksum does not match"
                entries.append(DamagedStreamError(damaged))
            else:
                entries.append(Entry(height + 1, width + 1, settings, payload, name, None if label == NO_LABEL else label))
        return entries

    def _all_indexes(self) -> Iterator[Index]:
        """The indexes of all sections, in the order of the images."""
        expected = 0
        for section in self._sections:
            if section.first != expected:
                raise DamagedStreamError(f"{self.path}: images {expected} to {section.first - 1} are lost")
            expected += section.count
            yield self._index(section)

    def _check_weights(self) -> None:
        if self._decodable:
            return
        installed = preset_by_name(self.preset).weights().digest
        if installed != self.digest:
            raise UnknownModelError(
                f"{self.path}: was coded with weights {self.digest[:8]} of preset {self.preset}; "
                f"the installed ones are {installed[:8]}"
            )
        self._decodable = True

    def close(self) -> None:
        """Closes the file; no image can be read afterwards."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _reopened(kind: type[Collection], path: Path, max_pixels: int, length: int) -> Collection:
    """A collection that had `length` images when another process opened it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedStreamWarning)  # the first instance has warned
        collection = kind(path, max_pixels=max_pixels)
    if len(collection) < length:
        raise StreamError(f"{path}: has {len(collection)} images, {length} when it was opened first")
    collection._length = length
    return collection


def _read_index(file: io.FileIO, path: Path, section: Section) -> Index:
    try:
        return read_index(file.fileno(), section)
    except DamagedStreamError as error:
        raise DamagedStreamError(f"{path}: {error}") from error


def _value(result: Value | StreamError) -> Value:
    """The result, which is raised if it is an error."""
    if isinstance(result, StreamError):
        raise result
    return result
