"""The container: the header's fields, declared once, written and read by the same declaration.

    offset  bytes  field
    0       2      magic, 0xB1 0x52
    2       1      version (3 bits, high) | preset id (4 bits) | 1 if the size follows, 0 for the preset's native size
    3       2      fingerprint: first bytes of the SHA-256 of the preset's weights
    5       2      CRC-16/XMODEM of all other bytes of the stream
    7       1-2    payload length in bytes, LEB128
    ..      0-6    height - 1, width - 1, LEB128 each, only if the size bit is set
    ..      1-4    settings, LEB128: a number that the preset divides into fields, see its `Settings` class
    ..             payload: one range-coded sequence of segments

In the payload each segment starts with a choice (stop, or a tier), see `rlcodec.core.segment_choice`, and ends where the next
one starts; nothing is flushed between segments. Beyond its end the payload reads as zeros.
"""

import binascii
from dataclasses import dataclass

import numpy as np

from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.preset_format import MAX_PIXELS, PresetFormat, format_by_id
from rlcodec.errors import DamagedStreamError, StreamError, TooLargeError, TruncatedStreamError, UnknownModelError

MAGIC = b"\xb1R"
VERSION = 3
KIND_AT, FINGERPRINT_AT, CRC_AT = 2, slice(3, 5), slice(5, 7)
FIXED_BYTES = 7
MAX_NUMBER_BYTES = 4

MOST_PADDING, FREE_PIXELS = 2, 1 << 18
"""Whole blocks of a thin picture have more pixels than the picture. They may have MOST_PADDING times the pixels that are
allowed, or FREE_PIXELS if that is more."""


@dataclass(frozen=True)
class Header:
    """The header of a stream.

    Attributes:
        format: of the preset that decodes it.
        fingerprint: of the preset's weights, 2 bytes.
        height: pixels.
        width: pixels.
        settings: the number that the preset divides into fields.
        payload_bytes: length of the whole payload.
        header_bytes: length of the header.
    """

    format: PresetFormat
    fingerprint: bytes
    height: int
    width: int
    settings: int
    payload_bytes: int
    header_bytes: int


@dataclass(frozen=True, eq=False)
class Stream:
    """A parsed stream: its header, the payload bytes that are there, and whether some are missing."""

    header: Header
    payload: np.ndarray
    truncated: bool


def header_bytes(preset: PresetFormat, height: int, width: int, settings: int, payload_bytes: int) -> int:
    """Length of the header that `pack` writes for these values."""
    size = 0 if (height, width) == preset.native else len(write_leb128(height - 1)) + len(write_leb128(width - 1))
    return FIXED_BYTES + len(write_leb128(payload_bytes)) + size + len(write_leb128(settings))


def pack(preset: PresetFormat, fingerprint: bytes, height: int, width: int, settings: int, payload: bytes) -> bytes:
    """A whole stream."""
    native = (height, width) == preset.native
    kind = VERSION << 5 | preset.id << 1 | (not native)
    size = b"" if native else write_leb128(height - 1) + write_leb128(width - 1)
    front = MAGIC + bytes([kind]) + fingerprint
    back = write_leb128(len(payload)) + size + write_leb128(settings) + payload
    return front + binascii.crc_hqx(front + back, 0).to_bytes(2, "big") + back


def check_declared_size(format: PresetFormat, height: int, width: int, max_pixels: int) -> None:  # noqa: A002
    """Checks the size that a stream declares, before anything is allocated.

    Raises:
        DamagedStreamError: pictures of the preset cannot have this size.
        TooLargeError: it has more pixels than are allowed, or takes more to decode.
    """
    if max(height, width) > format.max_side or min(height, width) < 1:
        raise DamagedStreamError(f"the header declares {width}x{height} pixels, more than preset {format.name} takes")
    if height * width > max_pixels:
        raise TooLargeError(
            f"the header declares {width}x{height} pixels; {max_pixels} are allowed; allow more with max_pixels"
        )
    blocks = -(-height // format.block) * -(-width // format.block)
    if blocks * format.block**2 > max(MOST_PADDING * max_pixels, FREE_PIXELS):
        raise TooLargeError(
            f"the header declares {width}x{height} pixels, which preset {format.name} decodes as {blocks} blocks of "
            f"{format.block}x{format.block}; {max_pixels} pixels are allowed; allow more with max_pixels"
        )


def unpack(data: bytes, max_pixels: int = MAX_PIXELS) -> Stream:
    """Parses a stream, whole or cut.

    Args:
        data: the stream.
        max_pixels: largest number of pixels that it may declare.

    Raises:
        TooLargeError: it declares more pixels.
        StreamError: this is not a stream.
        UnknownModelError: another format version, or a preset that this version does not have.
        TruncatedStreamError: the header itself is cut.
        DamagedStreamError: a value is impossible, or the stream is whole and its checksum does not match.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise StreamError("not an rlcodec stream: it does not begin with the magic bytes")
    cut = TruncatedStreamError(f"the stream is cut inside its header: {len(data)} bytes")
    if len(data) <= KIND_AT:
        raise cut
    kind = data[KIND_AT]
    if kind >> 5 != VERSION:
        raise UnknownModelError(f"the stream has format version {kind >> 5}; this rlcodec reads version {VERSION}")
    preset = format_by_id(kind >> 1 & 15)
    if preset is None:
        raise UnknownModelError(f"the stream needs preset number {kind >> 1 & 15}, which this rlcodec does not have")
    if len(data) < FIXED_BYTES:
        raise cut
    at, numbers = FIXED_BYTES, []
    for _ in range(4 if kind & 1 else 2):
        number = read_leb128(data, at, MAX_NUMBER_BYTES)
        if not number.complete:
            raise cut
        numbers.append(number.value)
        at = number.stop
    payload_bytes, *size, settings = numbers
    height, width = (side + 1 for side in size) if size else preset.native
    check_declared_size(preset, height, width, max_pixels)
    if len(data) > at + payload_bytes:
        raise DamagedStreamError(f"{len(data) - at - payload_bytes} bytes follow the end of the stream")
    truncated = len(data) < at + payload_bytes
    covered = data[: CRC_AT.start] + data[CRC_AT.stop :]
    if not truncated and binascii.crc_hqx(covered, 0) != int.from_bytes(data[CRC_AT], "big"):
        raise DamagedStreamError("the checksum does not match: the stream was changed")
    header = Header(preset, bytes(data[FINGERPRINT_AT]), height, width, settings, payload_bytes, at)
    return Stream(header, np.frombuffer(data, np.uint8, offset=at).copy(), truncated)
