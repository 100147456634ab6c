"""Decodes images of a collection, as many at once as their preset takes."""

from collections.abc import Sequence

import numpy as np

from rlcodec.archive.format import CollectionHeader, Entry
from rlcodec.core.container import Header, Stream, check_declared_size
from rlcodec.core.weights_file import fingerprint_of
from rlcodec.errors import StreamError
from rlcodec.presets.registry import preset_of


def decode_entries(
    header: CollectionHeader, entries: Sequence[Entry | StreamError], max_pixels: int
) -> list[np.ndarray | StreamError]:
    """Decodes images of a collection that was coded with the installed weights.

    Args:
        header: of the collection.
        entries: the images, or errors for those that could not be read.
        max_pixels: images that declare more are refused.

    Returns:
        For every entry its pixels, as `rlcodec.decode` gives them, or an error.
    """
    preset, parsed = preset_of(header.format), [_parsed(header, entry, max_pixels) for entry in entries]
    streams = [stream for stream in parsed if isinstance(stream, Stream)]
    pictures = iter(preset.decode_batch(streams, preset.decode_options()))
    return [next(pictures) if isinstance(stream, Stream) else stream for stream in parsed]


def _parsed(header: CollectionHeader, entry: Entry | StreamError, max_pixels: int) -> Stream | StreamError:
    if isinstance(entry, StreamError):
        return entry
    try:
        check_declared_size(header.format, entry.height, entry.width, max_pixels)
    except StreamError as error:
        return error
    fields = Header(
        header.format, fingerprint_of(header.digest), entry.height, entry.width, entry.settings, len(entry.payload), 0
    )
    return Stream(fields, np.frombuffer(entry.payload, np.uint8).copy(), False)  # kernels take writable arrays
