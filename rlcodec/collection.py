"""Reads collections: images by number or one after another, with their names and labels."""

import binascii
import bisect
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rlcodec.calibration import model_digest
from rlcodec.codec import decode
from rlcodec.collection_file import (
    HEADER_BYTES,
    NO_LABEL,
    Entry,
    Index,
    find_sections,
    parse_header,
    read_at,
    unpack_index,
)
from rlcodec.errors import DamagedStreamError, StreamError, TruncatedStreamWarning, UnknownModelError
from rlcodec.model import fingerprint_of
from rlcodec.presets import MAX_PIXELS
from rlcodec.stream import pack

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
        self.preset, self.digest = self._header.preset.name, self._header.digest
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
            return [self[n] for n in range(*number.indices(len(self)))]
        return self._item(self.entry(number))

    def __iter__(self) -> Iterator[CollectionItem]:
        for number in range(len(self)):
            yield self[number]

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
        """Image `number` as a stream of its own, the very bytes of `rlcodec.encode`; errors as for the image."""
        entry = self.entry(number)
        return self._stream(entry)

    def entry(self, number: int) -> Entry:
        """Image `number` as the file has it, its checksum checked; errors as for the image."""
        length = len(self)
        if not -length <= number < length:
            raise IndexError(f"image {number} of a collection of {length}")
        number %= length
        which = bisect.bisect_right(self._firsts, number) - 1
        within = number - self._firsts[which] if which >= 0 else 0
        if which < 0 or within >= self._sections[which].count:
            raise DamagedStreamError(f"{self.path}: image {number} is lost: the footer of its section is damaged")
        index = self._index(which)
        size, check, height, width, budget, label, _, _ = index.columns[within].item()
        payload = read_at(self._file.fileno(), int(index.starts[within]), size)
        name = index.names[within]
        if len(payload) != size or binascii.crc_hqx(payload, 0) != check:
            raise DamagedStreamError(f"{self.path}: image {number}, {name}, is damaged: its checksum does not match")
        return Entry(height + 1, width + 1, budget, payload, name, None if label == NO_LABEL else label)

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

    def _stream(self, entry: Entry) -> bytes:
        fingerprint = fingerprint_of(self.digest)
        return pack(self._header.preset, fingerprint, entry.height, entry.width, entry.bit_budget, entry.payload)

    def _check_weights(self) -> None:
        if not self._decodable and model_digest(self.preset) != self.digest:
            raise UnknownModelError(
                f"{self.path}: was coded with weights {self.digest[:8]} of preset {self.preset}; "
                f"these are {model_digest(self.preset)[:8]}"
            )
        self._decodable = True

    def _item(self, entry: Entry) -> CollectionItem:
        self._check_weights()
        pixels = np.asarray(decode(self._stream(entry), partial=False, max_pixels=self._max_pixels))
        return CollectionItem(pixels, entry.name, entry.label)

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
