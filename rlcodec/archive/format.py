"""The file of a collection: many images' payloads under one header, with an index; docs/collection.md specifies the bytes.

A header names preset and weights once. Sections follow, each the payloads of some images, their index and a footer. A section
counts once its footer is there, so a file that was cut at any byte holds all sections before the cut, and an appended section
changes nothing before it.
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
    [("length", "<u4"), ("check", "<u2"), ("height", "<u2"), ("width", "<u2"), ("budget", "<u4"), ("label", "<i4"),
     ("shared", "u1"), ("own", "u1")]
)  # fmt: skip
"""Of each image: bytes of its payload, their CRC-16/XMODEM, height - 1, width - 1, the bit budget of a stream's header, label,
bytes of the name before it that begin its name, and how many of its own follow them."""
NO_LABEL = -(1 << 31)
MOST_NAME_BYTES = 255
MOST_IMAGES = 1 << 48
MOST_SEARCHED_BYTES = 1 << 20
"""At once, where a footer is not where it should be."""


@dataclass(frozen=True)
class CollectionHeader:
    """What all images of a collection share: the preset, and the SHA-256 of its weights, hexadecimal."""

    format: PresetFormat
    digest: str

    def to_bytes(self) -> bytes:
        """As it stands at the front of the file."""
        front = HEADER.pack(MAGIC, VERSION, self.format.id, bytes.fromhex(self.digest))
        return front + CHECK.pack(zlib.crc32(front))


class Entry(NamedTuple):
    """An image as a collection keeps it.

    Attributes:
        height: pixels.
        width: pixels.
        settings: as in a stream's header.
        payload: of the image's stream.
        name: a relative path with slashes, unlike any other.
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
    """What a footer says.

    Attributes:
        first: number of its first image in the collection.
        count: of its images.
        start: where in the file it begins.
        data_bytes: of all payloads.
        index_bytes: of the packed index behind them.
        raw_bytes: of the index unpacked.
        index_check: CRC-32 of the packed index.
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
        """Where in the file it ends."""
        return self.start + self.data_bytes + self.index_bytes + FOOTER_BYTES

    def footer(self) -> bytes:
        """As it stands at the section's end."""
        front = FOOTER.pack(
            FOOTER_MAGIC, self.first, self.start, self.data_bytes, self.count, self.index_bytes, self.raw_bytes,
            self.index_check,
        )  # fmt: skip
        return front + CHECK.pack(zlib.crc32(front))


@dataclass(frozen=True)
class Index:
    """A section's index: `columns` (count,) of COLUMNS, where the payloads begin, int64 (count,), and the names."""

    columns: np.ndarray
    starts: np.ndarray
    names: tuple[str, ...]


def check_name(name: str) -> bytes:
    """A name's bytes.

    Raises:
        OptionError: it is empty or too long, or not a plain relative path.
    """
    try:
        data = name.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{name!r}: a name in a collection is UTF-8") from error
    parts = PurePosixPath(name).parts
    plain = parts and "/".join(parts) == name and not {".", "..", "/"} & set(parts)
    if not plain or not 0 < len(data) <= MOST_NAME_BYTES or re.search(r"[\x00-\x1f\\]", name):
        raise OptionError(f"{name!r}: a name in a collection is a relative path of at most {MOST_NAME_BYTES} bytes")
    return data


def pack_section(first: int, start: int, entries: Sequence[Entry]) -> tuple[bytes, Section]:
    """A whole section.

    Args:
        first: number of its first image.
        start: where in the file it goes.
        entries: its images, whose names `check_name` passed.
    """
    rows, names, before = [], [], b""
    for entry in entries:
        name = entry.name.encode()
        alike = (a == b for a, b in zip(before, name, strict=False))
        shared = next((i for i, same in enumerate(alike) if not same), min(len(before), len(name)))
        rows.append((
            len(entry.payload), binascii.crc_hqx(entry.payload, 0), entry.height - 1, entry.width - 1, entry.settings,
            NO_LABEL if entry.label is None else entry.label, shared, len(name) - shared,
        ))  # fmt: skip
        names.append(name[shared:])
        before = name
    columns = np.array(rows, COLUMNS)
    data = b"".join(entry.payload for entry in entries)
    raw = b"".join(np.ascontiguousarray(columns[field]).tobytes() for field in COLUMNS.names or ()) + b"".join(names)
    index = zlib.compress(raw, 9)
    section = Section(first, len(entries), start, len(data), len(index), len(raw), zlib.crc32(index))
    return data + index + section.footer(), section


def unpack_index(section: Section, packed: bytes) -> Index:
    """A section's index.

    Raises:
        DamagedStreamError: it was changed, or says what cannot be.
    """
    damaged = DamagedStreamError(f"the index of images {section.first} to {section.first + section.count - 1} is damaged")
    if zlib.crc32(packed) != section.index_check:
        raise damaged
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, section.raw_bytes + 1)  # no more than the file can pay for
    except zlib.error as error:
        raise damaged from error
    if len(raw) != section.raw_bytes or not inflater.eof:
        raise damaged
    columns, at = np.zeros(section.count, COLUMNS), 0
    for field in COLUMNS.names or ():
        kind = COLUMNS[field]
        columns[field] = np.frombuffer(raw, kind, section.count, at)
        at += section.count * kind.itemsize
    lengths = columns["length"].astype(np.int64)
    stops = np.cumsum(lengths)
    whole = int(stops[-1]) == section.data_bytes and at + int(columns["own"].sum(dtype=np.int64)) == len(raw)
    if not whole or not lengths.all():
        raise damaged
    names, before = [], b""
    for shared, own in zip(columns["shared"].tolist(), columns["own"].tolist(), strict=True):
        before = before[:shared] + raw[at : at + own]
        at += own
        names.append(before)
    try:
        decoded = tuple(name.decode() for name in names)
        for name in decoded:
            check_name(name)
    except (UnicodeDecodeError, OptionError) as error:
        raise damaged from error
    return Index(columns, section.start + stops - lengths, decoded)


def parse_header(data: bytes, path: Path) -> CollectionHeader:
    """The header of a file that begins with `data`.

    Raises:
        StreamError: it is no collection.
        DamagedStreamError: the header was changed or cut.
        UnknownModelError: another version, or a preset that this one does not have.
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
    """So many bytes of a file from `start` on, fewer where it ends; moves no position, so threads and forks may share it."""
    data = os.pread(descriptor, count, start)
    while len(data) < count and (more := os.pread(descriptor, count - len(data), start + len(data))):
        data += more
    return data


def find_sections(descriptor: int, size: int) -> tuple[list[Section], int]:
    """The sections of a file, as far as their footers are whole, and where the last of them ends.

    Args:
        descriptor: of the open file.
        size: of the file, bytes.
    """
    sections: list[Section] = []
    at, end, most = size, HEADER_BYTES, MOST_IMAGES
    while section := _last_section(descriptor, at, most):
        if not sections:
            end = section.stop
        sections.append(section)
        at, most = section.start, section.first
    return sections[::-1], end


def _last_section(descriptor: int, end: int, most: int) -> Section | None:
    """The last section that ends at `end` or before and whose images come before number `most`; None where there is none."""
    window, stop = FOOTER_BYTES, end
    while stop >= HEADER_BYTES + FOOTER_BYTES:
        start = max(HEADER_BYTES, stop - window)
        data = read_at(descriptor, start, stop - start)
        found = data.rfind(FOOTER_MAGIC)
        while found >= 0:
            section = _parse_footer(data[found : found + FOOTER_BYTES], start + found + FOOTER_BYTES, most)
            if section is not None:
                return section
            found = data.rfind(FOOTER_MAGIC, 0, found + len(FOOTER_MAGIC) - 1)
        # What may be the rest of a footer is looked at again.
        stop = start + FOOTER_BYTES - 1 if start > HEADER_BYTES else 0
        window = min(4 * window, MOST_SEARCHED_BYTES)
    return None


def _parse_footer(data: bytes, end: int, most: int) -> Section | None:
    if len(data) < FOOTER_BYTES or zlib.crc32(data[: FOOTER.size]) != CHECK.unpack_from(data, FOOTER.size)[0]:
        return None
    _, first, start, data_bytes, count, index_bytes, raw_bytes, check = FOOTER.unpack_from(data)
    section = Section(first, count, start, data_bytes, index_bytes, raw_bytes, check)
    fits = start >= HEADER_BYTES and section.stop == end and 0 < count <= data_bytes and first + count <= most
    named = count * COLUMNS.itemsize < raw_bytes <= count * (COLUMNS.itemsize + MOST_NAME_BYTES)
    return section if fits and named else None
