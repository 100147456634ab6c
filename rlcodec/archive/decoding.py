"""The pixels of a collection's images: digits that were sent exactly are decoded many at a time, all others one by one."""

from collections.abc import Sequence

import numpy as np

from rlcodec.api import decode
from rlcodec.archive.format import CollectionHeader, Entry
from rlcodec.core.container import pack
from rlcodec.core.preset_ids import MNIST, Preset
from rlcodec.core.weights_file import fingerprint_of
from rlcodec.errors import StreamError
from rlcodec.presets.mnist.batch import digit_coder

DIGITS_TOGETHER = 256


def together(preset: Preset) -> int:
    """Images of a preset that are worth decoding at once."""
    return DIGITS_TOGETHER if preset is MNIST else 1


def stream_of(header: CollectionHeader, entry: Entry) -> bytes:
    """An image as a stream of its own."""
    fingerprint = fingerprint_of(header.digest)
    return pack(header.preset, fingerprint, entry.height, entry.width, entry.bit_budget, entry.payload)


def decode_entries(
    header: CollectionHeader, entries: Sequence[Entry | StreamError], max_pixels: int
) -> list[np.ndarray | StreamError]:
    """Decodes images of a collection whose weights are the installed ones.

    Args:
        header: of the collection.
        entries: images, or what is wrong with them.
        max_pixels: images that declare more are refused.

    Returns:
        The pixels, as `rlcodec.decode` gives them, or what is wrong.
    """
    found: list[np.ndarray | None] = [None] * len(entries)
    if header.preset is MNIST:
        _decode_digits(entries, max_pixels, found)
    pairs = zip(entries, found, strict=True)
    return [_decode_alone(header, entry, max_pixels) if pixels is None else pixels for entry, pixels in pairs]


def _decode_digits(entries: Sequence[Entry | StreamError], max_pixels: int, found: list[np.ndarray | None]) -> None:
    """Writes the pixels of digits that were sent exactly into `found`."""
    sizes: dict[tuple[int, int], dict[int, bytes]] = {}
    for at, entry in enumerate(entries):
        if isinstance(entry, Entry) and not entry.bit_budget:
            sizes.setdefault((entry.height, entry.width), {})[at] = entry.payload
    for (height, width), payloads in sizes.items():
        if max(height, width) <= MNIST.max_side and height * width <= max_pixels:
            images = digit_coder(height, width).decode(list(payloads.values()))
            for at, pixels in zip(payloads, images, strict=True):
                found[at] = pixels


def _decode_alone(header: CollectionHeader, entry: Entry | StreamError, max_pixels: int) -> np.ndarray | StreamError:
    if isinstance(entry, StreamError):
        return entry
    try:
        return np.asarray(decode(stream_of(header, entry), partial=False, max_pixels=max_pixels))
    except StreamError as error:
        return error
