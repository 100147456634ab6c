"""Decodes the images of a collection, as many at once as their preset takes."""

from collections.abc import Sequence

import numpy as np

from rlcodec.archive.format import CollectionHeader, Entry
from rlcodec.core.container import Header, Stream, check_declared_size, pack
from rlcodec.core.weights_file import fingerprint_of
from rlcodec.errors import StreamError
from rlcodec.presets.registry import preset_of


def images_at_once(header: CollectionHeader) -> int:
    """How many images of a collection are decoded at once."""
    return preset_of(header.format).images_at_once


def stream_of(header: CollectionHeader, entry: Entry) -> bytes:
    """An image of a collection as a stream of its own."""
    fingerprint = fingerprint_of(header.digest)
    return pack(header.format, fingerprint, entry.height, entry.width, entry.settings, entry.payload)


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
    found = [_parsed(header, entry, max_pixels) if isinstance(entry, Entry) else entry for entry in entries]
    whole = [at for at, stream in enumerate(found) if isinstance(stream, Stream)]
    preset = preset_of(header.format)
    pictures = preset.decode_batch([found[at] for at in whole], preset.decode_options())  # type: ignore[misc]
    out = dict(zip(whole, pictures, strict=True))
    return [out.get(at, error) for at, error in enumerate(found)]  # type: ignore[misc]


def _parsed(header: CollectionHeader, entry: Entry, max_pixels: int) -> Stream | StreamError:
    try:
        check_declared_size(header.format, entry.height, entry.width, max_pixels)
    except StreamError as error:
        return error
    fields = Header(
        header.format, fingerprint_of(header.digest), entry.height, entry.width, entry.settings, len(entry.payload), 0
    )
    return Stream(fields, np.frombuffer(entry.payload, np.uint8), False)
