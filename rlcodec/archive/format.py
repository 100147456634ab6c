"""The file format of collections: the payloads of many images under one header, with an index; specified in docs/collection.md.

The header names preset and weights once. Sections follow, each with the payloads of some images, their index and a footer. A
section is valid once its footer is complete, so a file that was cut at any byte holds all sections before the cut, and
appending a section changes no byte before it.
"""

import binascii
import os
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from rlcodec.core.preset_format import PresetFormat, format_by_id
from rlcodec.errors import DamagedStreamError, OptionError, StreamError, UnknownModelError

MAGIC, VERSION = b"\xb1RCZ", 1
FOOTER_MAGIC = b"\xb1RCF"
HEADER = struct.Struct("<4sBB32s")
FOOTER = struct.Struct("<4sQQQIIII")
CHECK = struct.Struct("<I")
HEADER_BYTES, FOOTER_BYTES = HEADER.size + CHECK.size, FOOTER.size + CHECK.size

COLUMNS = np.dtype(
    [("length", "<u4"), ("check", "<u2"), ("height", "<u2"), ("width", "<u2"), ("settings", "<u4"), ("label", "<i4"),
     ("shared", "u1"), ("own", "u1")]
)  # fmt: skip
"""Columns of the index, a row for each image: bytes of its payload, their CRC-16/XMODEM, height - 1, width - 1, settings as in
a stream's header, label, and how its name is built: number of leading bytes of the previous name, and of bytes added to
them."""
NO_LABEL = -(1 << 31)
MAX_NAME_BYTES = 255
MAX_IMAGES = 1 << 48
MAX_SECTION_IMAGES = 1 << 12
"""Names that share their beginnings take hundreds of times the memory of an index, so sections are kept small."""
MAX_WINDOW_BYTES = 1 << 20
"""Bytes that are read at once when a footer is searched for."""


@dataclass(frozen=True)
class CollectionHeader:
    """What all images of a collection share.

    Attributes:
        format: of the preset.
        digest: SHA-256 of the preset's weights, hexadecimal.
    """

    format: PresetFormat
    digest: str

    def to_bytes(self) -> bytes:
        """The bytes at the start of the file."""
        front = HEADER.pack(MAGIC, VERSION, self.format.id, bytes.fromhex(self.digest))
        return front + CHECK.pack(zlib.crc32(front))


class Entry(NamedTuple):
    """An image as a collection stores it.

    Attributes:
        height: pixels.
        width: pixels.
        settings: as in a stream's header.
        payload: of the image's stream.
        name: a relative path with slashes, unique in the collection.
        label: a number, or None.
    """

    height: int
    width: int
    settings: int
    payload: bytes
    name: str
    label: int | None = None


@dataclass(frozen=True)
class Section:
    """Where a section lies, as its footer says.

    Attributes:
        first: index of its first image in the collection.
        count: number of its images.
        start: offset of the section in the file, bytes.
        data_bytes: size of all payloads.
        index_bytes: size of the compressed index, which follows them.
        raw_bytes: size of the index before compression.
        index_check: CRC-32 of the compressed index.
    """

    first: int
    count: int
    start: int
    data_bytes: int
    index_bytes: int
    raw_bytes: int
    index_check: int

    @property
    def stop(self) -> int:
        """Offset of its end in the file, bytes."""
        return self.start + self.data_bytes + self.index_bytes + FOOTER_BYTES

    def footer(self) -> bytes:
        """The bytes at the end of the section."""
        front = FOOTER.pack(
            FOOTER_MAGIC, self.first, self.start, self.data_bytes, self.count, self.index_bytes, self.raw_bytes,
            self.index_check,
        )  # fmt: skip
        return front + CHECK.pack(zlib.crc32(front))


@dataclass(frozen=True)
class Index:
    """The index of a section.

    Attributes:
        columns: structured array (count,) of dtype COLUMNS.
        starts: int64 (count,), offsets of the payloads in the file.
        names: of the images.
    """

    columns: np.ndarray
    starts: np.ndarray
    names: tuple[str, ...]


def check_name(name: str) -> bytes:
    """The bytes of a name.

    Raises:
        OptionError: the name is empty, too long, or not a plain relative path.
    """
    try:
        data = name.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{name!r}: a name in a collection is UTF-8") from error
    parts = PurePosixPath(name).parts
    plain = parts and "/".join(parts) == name and not {".", "..", "/"} & set(parts)
    if not plain or not 0 < len(data) <= MAX_NAME_BYTES or re.search(r"[\x00-\x1f\\]", name):
        raise OptionError(f"{name!r}: a name in a collection is a relative path of at most {MAX_NAME_BYTES} bytes")
    return data


def pack_section(first: int, start: int, entries: Sequence[Entry]) -> tuple[bytes, Section]:
    """Builds a section.

    Args:
        first: index of its first image.
        start: offset in the file, bytes.
        entries: its images, at most MAX_SECTION_IMAGES, whose names have passed `check_name`.

    Returns:
        Its bytes, and where it lies.
    """
    rows, names, previous = [], [], b""
    for entry in entries:
        name = entry.name.encode()
        shared = shared_bytes(previous, name)
        rows.append((
            len(entry.payload), binascii.crc_hqx(entry.payload, 0), entry.height - 1, entry.width - 1, entry.settings,
            NO_LABEL if entry.label is None else entry.label, shared, len(name) - shared,
        ))  # fmt: skip
        names.append(name[shared:])
        previous = name
    columns = np.array(rows, COLUMNS)
    data = b"".join(entry.payload for entry in entries)
    raw = b"".join(np.ascontiguousarray(columns[field]).tobytes() for field in COLUMNS.names or ()) + b"".join(names)
    index = zlib.compress(raw, 9)
    section = Section(first, len(entries), start, len(data), len(index), len(raw), zlib.crc32(index))
    return data + index + section.footer(), section


def shared_bytes(first: bytes, second: bytes) -> int:
    """Length of the longest common prefix."""
    differing = (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(differing, min(len(first), len(second)))


def unpack_index(section: Section, packed: bytes) -> Index:
    """Reads the index of a section.

    Args:
        section: the section.
        packed: its compressed index.

    Raises:
        DamagedStreamError: the index was changed, or holds impossible values.
    """
    damaged = DamagedStreamError(f"the index of images {section.first} to {section.first + section.count - 1} is damaged")
    if zlib.crc32(packed) != section.index_check:
        raise damaged
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, section.raw_bytes + 1)  # bounded by what the footer declares
    except zlib.error as error:
        raise damaged from error
    if len(raw) != section.raw_bytes or not inflater.eof:
        raise damaged
    columns, offset = np.zeros(section.count, COLUMNS), 0
    for field in COLUMNS.names or ():
        dtype = COLUMNS[field]
        columns[field] = np.frombuffer(raw, dtype, section.count, offset)
        offset += section.count * dtype.itemsize
    lengths = columns["length"].astype(np.int64)
    stops = np.cumsum(lengths)
    consistent = int(stops[-1]) == section.data_bytes and offset + int(columns["own"].sum(dtype=np.int64)) == len(raw)
    if not consistent or not lengths.all():
        raise damaged
    names, name = [], b""
    for shared, added in zip(columns["shared"].tolist(), columns["own"].tolist(), strict=True):
        name = name[:shared] + raw[offset : offset + added]
        offset += added
        names.append(name)
    try:
        decoded = tuple(data.decode() for data in names)
        for text in decoded:
            check_name(text)
    except (UnicodeDecodeError, OptionError) as error:
        raise damaged from error
    return Index(columns, section.start + stops - lengths, decoded)


def parse_header(data: bytes, path: Path) -> CollectionHeader:
    """Reads the header of a collection.

    Args:
        data: the first bytes of the file.
        path: of the file, for error messages.

    Raises:
        StreamError: the file is no collection.
        DamagedStreamError: the header was changed or cut.
        UnknownModelError: it has another version, or an unknown preset.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise StreamError(f"{path}: not an rlcodec collection: it does not begin with the magic bytes")
    if len(data) < HEADER_BYTES:
        raise DamagedStreamError(f"{path}: the collection is cut inside its header")
    _, version, identity, digest = HEADER.unpack_from(data)
    if version != VERSION:
        raise UnknownModelError(f"{path}: the collection has version {version}; this rlcodec reads version {VERSION}")
    if zlib.crc32(data[: HEADER.size]) != CHECK.unpack_from(data, HEADER.size)[0]:
        raise DamagedStreamError(f"{path}: the header of the collection is damaged")
    preset = format_by_id(identity)
    if preset is None:
        raise UnknownModelError(f"{path}: needs preset number {identity}, which this rlcodec does not have")
    return CollectionHeader(preset, digest.hex())


def read_at(descriptor: int, start: int, count: int) -> bytes:
    """Reads `count` bytes from offset `start`, fewer at the end of the file.

    The file position does not change, so threads and forked processes may share the descriptor.
    """
    data = os.pread(descriptor, count, start)
    while len(data) < count and (more := os.pread(descriptor, count - len(data), start + len(data))):
        data += more
    return data


def read_index(descriptor: int, section: Section) -> Index:
    """Reads the index of a section from an open file; raises as `unpack_index`."""
    return unpack_index(section, read_at(descriptor, section.start + section.data_bytes, section.index_bytes))


def find_sections(descriptor: int, size: int) -> tuple[list[Section], int]:
    """Finds the sections of a file, from its end to its start.

    Args:
        descriptor: of the open file.
        size: of the file, bytes.

    Returns:
        The sections whose footers are intact, in the order of the file, and the offset of the end of the last one.
    """
    sections: list[Section] = []
    section = _last_section(descriptor, size, MAX_IMAGES)
    end = section.stop if section else HEADER_BYTES
    while section:
        sections.append(section)
        section = _last_section(descriptor, section.start, section.first)
    return sections[::-1], end


def _last_section(descriptor: int, end: int, max_images: int) -> Section | None:
    """The last section that ends at offset `end` or before and whose images have indices below `max_images`, or None."""
    window, stop = FOOTER_BYTES, end
    while stop >= HEADER_BYTES + FOOTER_BYTES:
        start = max(HEADER_BYTES, stop - window)
        data = read_at(descriptor, start, stop - start)
        found = data.rfind(FOOTER_MAGIC)
        while found >= 0:
            section = _parse_footer(data[found : found + FOOTER_BYTES], start + found + FOOTER_BYTES, max_images)
            if section is not None:
                return section
            found = data.rfind(FOOTER_MAGIC, 0, found + len(FOOTER_MAGIC) - 1)
        # Windows overlap by one byte less than a footer, which may lie across their border.
        stop = start + FOOTER_BYTES - 1 if start > HEADER_BYTES else 0
        window = min(4 * window, MAX_WINDOW_BYTES)
    return None


def _parse_footer(data: bytes, end: int, max_images: int) -> Section | None:
    if len(data) < FOOTER_BYTES or zlib.crc32(data[: FOOTER.size]) != CHECK.unpack_from(data, FOOTER.size)[0]:
        return None
    _, first, start, data_bytes, count, index_bytes, raw_bytes, check = FOOTER.unpack_from(data)
    section = Section(first, count, start, data_bytes, index_bytes, raw_bytes, check)
    countable = 0 < count <= min(data_bytes, MAX_SECTION_IMAGES) and first + count <= max_images
    fits = start >= HEADER_BYTES and section.stop == end
    names_fit = count * COLUMNS.itemsize < raw_bytes <= count * (COLUMNS.itemsize + MAX_NAME_BYTES)
    return section if fits and countable and names_fit else None
