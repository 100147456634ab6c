"""LEB128, numbers of variable length: seven bits a byte, the lowest first, the high bit set on all bytes but the last."""

from typing import NamedTuple

import numpy as np

from rlcodec.errors import DamagedStreamError


class Leb128(NamedTuple):
    """A number that was read.

    Attributes:
        value: the number, or its lower bits if the data end inside it.
        stop: index of the first byte behind it.
        complete: whether its last byte is there.
    """

    value: int
    stop: int
    complete: bool


def write_leb128(value: int) -> bytes:
    """The bytes of a number that is not negative."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def read_leb128(data: bytes | np.ndarray, start: int, max_bytes: int) -> Leb128:
    """Reads a number.

    Args:
        data: bytes, or uint8 (n,).
        start: index of its first byte.
        max_bytes: the most bytes that it may have.

    Raises:
        DamagedStreamError: it has more bytes.
    """
    value = 0
    for i, byte in enumerate(data[start : start + max_bytes]):
        value |= (int(byte) & 127) << (7 * i)
        if byte < 128:
            return Leb128(value, start + i + 1, True)
    if len(data) >= start + max_bytes:
        raise DamagedStreamError(f"a number in the stream is too long: it has more than {max_bytes} bytes")
    return Leb128(value, max(start, len(data)), False)
