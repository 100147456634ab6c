"""Reads collections: images by number or one after another, with their names and labels."""

import binascii
import bisect
import itertools
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from rlcodec.archive.decoding import decode_entries, images_at_once, stream_of
from rlcodec.archive.format import HEADER_BYTES, NO_LABEL, Entry, Index, find_sections, parse_header, read_at, unpack_index
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.errors import DamagedStreamError, StreamError, TruncatedStreamWarning, UnknownModelError
from rlcodec.presets.registry import preset_by_name

Found = TypeVar("Found")

INDEXES_KEPT = 256
"""Sections whose index stays in memory."""


@dataclass(frozen=True, eq=False)
class CollectionItem:
    """An image of a collection.

    Attributes:
        pixels: uint8 (height, width), or (height, width, 3) where it has colours.
        name: a relative path with slashes, no other image's.
        label: a number, or None.
    """

    pixels: np.ndarray
    name: str
    label: int | None

    @property
    def image(self) -> Image.Image:
        """As a PIL image of mode "L" or "RGB"."""
        return Image.fromarray(self.pixels)


class Collection:
    """The images of a collection, decoded as they are asked for.

    Threads may share one; processes may, too, forked or with a pickled copy, which opens the file anew. It shows what was there
    when it was opened.

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
        """Opens a collection and looks for its sections; reads no image.

        Args:
            path: of the file.
            max_pixels: images that declare more are refused when they are asked for.

        Raises:
            StreamError: it cannot be read, or is no collection.
            DamagedStreamError: its header is damaged.
            UnknownModelError: a version or a preset that this version does not have.

        Warns:
            TruncatedStreamWarning: bytes follow the last whole section, as an append that was cut leaves behind.
        """
        self.path = Path(path)
        self._max_pixels = max_pixels
        self._open()

    def _open(self) -> None:
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
        self._indexes: OrderedDict[int, Index] = OrderedDict()
        self._lock = threading.Lock()
        if end < size:
            message = f"{self.path}: {size - end} bytes behind the last whole section are left out: the end is cut or damaged"
            warnings.warn(message, TruncatedStreamWarning, stacklevel=4)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_max_pixels": self._max_pixels, "_length": self._length}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self._max_pixels = state["path"], state["_max_pixels"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncatedStreamWarning)  # said when it was opened first
            self._open()
        if self._length < state["_length"]:
            raise StreamError(f"{self.path}: has {self._length} images, {state['_length']} when it was opened first")
        self._length = state["_length"]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: Any) -> Any:
        """Image `number`, or a list of those of a slice.

        Raises:
            IndexError: there is no such image.
            DamagedStreamError: its bytes, or its section's index, were changed; the others are as good as before.
            UnknownModelError: other weights are installed than those it was coded with.
            TooLargeError: it declares more pixels than are allowed.
        """
        if isinstance(number, slice):
            return list(self.read(range(*number.indices(len(self)))))
        return next(self.read([number]))

    def __iter__(self) -> Iterator[CollectionItem]:
        return self.read(range(len(self)))

    def read(self, numbers: Iterable[int]) -> Iterator[CollectionItem]:
        """Images by number, in any order; quicker than asking for one after another, since digits are decoded many at a time.

        Raises as for one image, when its turn has come.
        """
        self._check_weights()
        rest, at_once = iter(numbers), images_at_once(self._header)
        while part := [self._from_zero(number) for number in itertools.islice(rest, at_once)]:
            entries = self._entries(part)
            for entry, pixels in zip(entries, decode_entries(self._header, entries, self._max_pixels), strict=True):
                yield CollectionItem(_sound(pixels), _sound(entry).name, _sound(entry).label)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all images; raises DamagedStreamError where an index is damaged."""
        return tuple(name for _, index in self._all_indexes() for name in index.names)

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Of all images; raises DamagedStreamError where an index is damaged."""
        found = [label for _, index in self._all_indexes() for label in index.columns["label"].tolist()]
        return tuple(None if label == NO_LABEL else label for label in found)

    def stream(self, number: int) -> bytes:
        """Image `number` as a stream of its own, which `rlcodec.decode` reads; errors as for the image."""
        return stream_of(self._header, self.entry(number))

    def entry(self, number: int) -> Entry:
        """Image `number` as the file has it, its checksum checked; errors as for the image."""
        return _sound(self._entries([self._from_zero(number)])[0])

    def _from_zero(self, number: int) -> int:
        if not -self._length <= number < self._length:
            raise IndexError(f"image {number} of a collection of {self._length}")
        return number % self._length

    def _entries(self, numbers: Sequence[int]) -> list[Entry | StreamError]:
        """Images of the collection as the file has them, or what is wrong with them; neighbours are read at once."""
        found: list[Entry | StreamError] = []
        at = 0
        while at < len(numbers):
            first = numbers[at]
            which = bisect.bisect_right(self._firsts, first) - 1
            within = first - self._firsts[which] if which >= 0 else 0
            left = self._sections[which].count - within if which >= 0 else 0
            if left <= 0:
                found.append(DamagedStreamError(f"{self.path}: image {first} is lost: the footer of its section is damaged"))
                at += 1
                continue
            count = 1
            while count < min(left, len(numbers) - at) and numbers[at + count] == first + count:
                count += 1
            found += self._neighbours(which, within, count)
            at += count
        return found

    def _neighbours(self, which: int, start: int, count: int) -> list[Entry | StreamError]:
        """So many images of a section, one after another."""
        try:
            index = self._index(which)
        except DamagedStreamError as error:
            return [error] * count
        columns = index.columns[start : start + count].tolist()
        data = read_at(self._file.fileno(), int(index.starts[start]), sum(row[0] for row in columns))
        found: list[Entry | StreamError] = []
        at = 0
        for row, name in zip(columns, index.names[start : start + count], strict=True):
            size, check, height, width, budget, label, _, _ = row
            payload = data[at : at + size]
            at += size
            if len(payload) != size or binascii.crc_hqx(payload, 0) != check:
                number = self._firsts[which] + start + len(found)
                found.append(
                    DamagedStreamError(f"{self.path}: image {number}, {name}, is damaged: its checksum does not match")
                )
            else:
                found.append(Entry(height + 1, width + 1, budget, payload, name, None if label == NO_LABEL else label))
        return found

    def _index(self, which: int) -> Index:
        with self._lock:
            found = self._indexes.get(which)
            if found is not None:
                self._indexes.move_to_end(which)
                return found
        section = self._sections[which]
        packed = read_at(self._file.fileno(), section.start + section.data_bytes, section.index_bytes)
        try:
            found = unpack_index(section, packed)
        except DamagedStreamError as error:
            raise DamagedStreamError(f"{self.path}: {error}") from error
        with self._lock:
            self._indexes[which] = found
            while len(self._indexes) > INDEXES_KEPT:
                self._indexes.popitem(last=False)
        return found

    def _all_indexes(self) -> Iterator[tuple[int, Index]]:
        """Every section's number and index, in the order of the images."""
        expected = 0
        for which, section in enumerate(self._sections):
            if section.first != expected:
                raise DamagedStreamError(f"{self.path}: images {expected} to {section.first - 1} are lost")
            expected += section.count
            yield which, self._index(which)

    def _check_weights(self) -> None:
        if not self._decodable and preset_by_name(self.preset).weights().digest != self.digest:
            raise UnknownModelError(
                f"{self.path}: was coded with weights {self.digest[:8]} of preset {self.preset}; "
                f"these are {preset_by_name(self.preset).weights().digest[:8]}"
            )
        self._decodable = True

    def close(self) -> None:
        """Closes the file; nothing can be read after that."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sound(found: Found | StreamError) -> Found:
    """What was found; raises what is wrong with it."""
    if isinstance(found, StreamError):
        raise found
    return found
