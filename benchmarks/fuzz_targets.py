"""What `benchmarks/fuzz.py` feeds with inputs: a target for each preset's decoder, for collections, and for `rlcodec.inspect`.

Run as a script, it feeds a target with inputs that the fuzzer saved, on the build that is installed.

Inputs of a decoder are a few header fields and a payload, from which a valid stream is built, so that every input reaches the
decoder; those of collections are turned into a file whose checksums hold. A result is good if it is a picture, with or without
a warning of the package, or one of its exceptions, within a second of the processor's time.
"""

import argparse
import binascii
import contextlib
import struct
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from damage import from_loops, golden, watch_loops, with_checksum
from PIL import Image

import rlcodec
from rlcodec.archive.format import (
    COLUMNS,
    FOOTER,
    FOOTER_BYTES,
    FOOTER_MAGIC,
    HEADER,
    HEADER_BYTES,
    CollectionHeader,
    Entry,
    Section,
    pack_section,
)
from rlcodec.core.container import FINGERPRINT_AT, KIND_AT, pack, unpack
from rlcodec.core.preset_format import format_by_id
from rlcodec.core.weights_file import fingerprint_of
from rlcodec.presets.registry import preset_by_name

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
PRESETS = ("mnist", "photo", "compact")
MOST_PIXELS = 1 << 14
SLOW_SECONDS = 1.0
FIELDS = struct.Struct("<BHHI")
"""Before the payload in a decoder's inputs: bytes that are missing at the stream's end, height - 1, width - 1, settings."""
MOST_SIDE, MOST_SETTINGS = 512, 1 << 28
CROP = 40
"""Side of the pictures whose streams are seeds beside the golden ones, since short inputs are fuzzed faster."""
STRUCTURE = struct.Struct("<BBBB")
"""Before the columns of an index in a collection's inputs: RAW or the preset, sections - 1, images - 1, bytes of names."""
RAW = 255
MOST_SECTIONS, MOST_IMAGES = 3, 16
READ_IMAGES = 24
"""Images of a collection that are decoded."""


class FindingError(Exception):
    """What a user must never see."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes:
        run: takes an input.
        seeds: the inputs from which the fuzzer starts.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def watch(run: Callable[[bytes], None], data: bytes) -> None:
    """Feeds a target with an input.

    Raises:
        FindingError: it warns of something that is not the package's, reports exceptions from a loop, or takes too long.
    """
    from_loops.clear()
    started = time.process_time()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        ignoring_errors(run, data)
    seconds = time.process_time() - started
    for warning in warned:
        if not issubclass(warning.category, rlcodec.TruncatedStreamWarning | rlcodec.ImageWarning):
            raise FindingError(f"a warning, {warning.category.__name__}: {warning.message}")
    if from_loops:
        raise FindingError(f"{from_loops[0]} in a compiled loop")
    if seconds > SLOW_SECONDS:
        raise FindingError(f"{seconds:.1f} seconds")


def ignoring_errors(run: Callable[..., object], *values: Any) -> None:
    """Calls something that may raise the package's exceptions."""
    with contextlib.suppress(rlcodec.RlcodecError):
        run(*values)


def stream_of(preset: str, data: bytes) -> bytes:
    """The stream that the fuzzer's input to a decoder describes; the input may also say where it is cut."""
    missing, height, width, settings = FIELDS.unpack(data[: FIELDS.size].ljust(FIELDS.size, b"\0"))
    codec, payload = preset_by_name(preset), data[FIELDS.size :] + bytes(missing)
    fingerprint = fingerprint_of(codec.weights().digest)
    stream = pack(codec.format, fingerprint, 1 + height % MOST_SIDE, 1 + width % MOST_SIDE, settings % MOST_SETTINGS, payload)
    return stream[: len(stream) - missing]


def input_of(stream: bytes) -> bytes:
    """Inverse of `stream_of`, for whole streams."""
    parsed = unpack(stream)
    header = parsed.header
    return FIELDS.pack(0, header.height - 1, header.width - 1, header.settings) + parsed.payload.tobytes()


def decode(preset: str, data: bytes) -> None:
    """Decodes an input."""
    rlcodec.decode(stream_of(preset, data), max_pixels=MOST_PIXELS, workers=1)


def streams(preset: str) -> list[bytes]:
    """Golden streams of a preset, and those of small pictures."""
    if preset == "mnist":
        return golden()[preset]
    crop = np.asarray(Image.open(GOLDEN / "photo.png"))[:CROP, :CROP]
    options = [{"tier": "table"}, {"tier": "context"}]
    if preset == "photo":
        options = [{"gain": gain, "synthesis": kind} for gain, kind in ((120, "plain"), (220, "light"), (340, "full"))]
    return [*golden()[preset], *(rlcodec.encode(crop, preset=preset, **choice) for choice in options)]


def inspect(data: bytes) -> None:
    """Inspects an input, a stream whose fingerprint and checksum are made to hold."""
    preset = format_by_id(data[KIND_AT] >> 1 & 15) if len(data) >= FINGERPRINT_AT.stop else None
    if preset is not None:
        fingerprint = fingerprint_of(preset_by_name(preset.name).weights().digest)
        data = data[: FINGERPRINT_AT.start] + fingerprint + data[FINGERPRINT_AT.stop :]
    rlcodec.inspect(with_checksum(data), max_pixels=MOST_PIXELS)


def inspect_seeds() -> Iterator[bytes]:
    """Streams of all presets."""
    return (stream for preset in PRESETS for stream in streams(preset))


def header_of(preset: str) -> bytes:
    """The header of a collection."""
    codec = preset_by_name(preset)
    return CollectionHeader(codec.format, codec.weights().digest).to_bytes()


def collection_of(data: bytes) -> bytes:
    """The file that the fuzzer's input to collections describes."""
    front, rest = data[: STRUCTURE.size].ljust(STRUCTURE.size, b"\0"), data[STRUCTURE.size :]
    kind, sections, count, name_bytes = STRUCTURE.unpack(front)
    if kind == RAW:
        return repaired(rest)
    count = 1 + count % MOST_IMAGES
    split = count * COLUMNS.itemsize
    raw, payloads = rest[: split + name_bytes].ljust(split + name_bytes, b"\0"), rest[split + name_bytes :]
    index = zlib.compress(with_sums(raw, count, payloads, name_bytes))
    out = header_of(PRESETS[kind % len(PRESETS)])
    for number in range(1 + sections % MOST_SECTIONS):
        section = Section(number * count, count, len(out), len(payloads), len(index), split + name_bytes, zlib.crc32(index))
        out += payloads + index + section.footer()
    return out


def with_sums(raw: bytes, count: int, payloads: bytes, name_bytes: int) -> bytes:
    """An index whose lengths add up, if the last ones can see to it, and whose checksums are those of the payloads."""
    columns, offset = {}, 0
    for name in COLUMNS.names or ():
        columns[name] = np.frombuffer(raw, COLUMNS[name], count, offset).astype(np.int64)
        offset += count * COLUMNS[name].itemsize
    for name, total, most in (("length", len(payloads), 0xFFFFFFFF), ("own", name_bytes, 0xFF)):
        columns[name][-1] = min(max(total - int(columns[name][:-1].sum()), 0), most)
    at = 0
    for number, length in enumerate(columns["length"].tolist()):
        columns["check"][number] = binascii.crc_hqx(payloads[at : at + length], 0)
        at += length
    return b"".join(columns[name].astype(COLUMNS[name]).tobytes() for name in COLUMNS.names or ()) + raw[offset:]


def repaired(data: bytes) -> bytes:
    """A file in which the checksums of header, footers and indexes hold."""
    out = bytearray(data)
    if len(out) >= HEADER_BYTES:
        out[HEADER.size : HEADER_BYTES] = struct.pack("<I", zlib.crc32(out[: HEADER.size]))
    at = out.find(FOOTER_MAGIC)
    while at >= 0 and at + FOOTER_BYTES <= len(out):
        fields = list(FOOTER.unpack_from(out, at))
        fields[-1] = zlib.crc32(out[max(at - fields[-3], 0) : at])
        footer = FOOTER.pack(*fields)
        out[at : at + FOOTER_BYTES] = footer + struct.pack("<I", zlib.crc32(footer))
        at = out.find(FOOTER_MAGIC, at + FOOTER_BYTES)
    return bytes(out)


def read_collection(data: bytes) -> None:
    """Reads everything in the collection that the fuzzer's input describes.

    Raises:
        FindingError: an image differs from what its stream alone decodes to.
    """
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(collection_of(data))
        file.flush()
        with rlcodec.Collection(file.name, max_pixels=MOST_PIXELS) as collection:
            ignoring_errors(lambda: collection.names)
            ignoring_errors(lambda: collection.labels)
            numbers = range(min(len(collection), READ_IMAGES))
            ignoring_errors(lambda: list(collection.read(numbers)))
            for number in {*numbers[:4], len(collection) - 1} if numbers else ():
                ignoring_errors(compare, collection, number)


def compare(collection: rlcodec.Collection, number: int) -> None:
    """Decodes an image of a collection by its number and from its stream."""
    pixels = collection[number].pixels
    if not np.array_equal(pixels, rlcodec.decode(collection.stream(number), max_pixels=MOST_PIXELS)):
        raise FindingError(f"image {number} decodes to something else than its stream")


def collection_seeds() -> Iterator[bytes]:
    """Collections of the streams of each preset, as files and as the parts of an index."""
    for kind, preset in enumerate(PRESETS):
        parsed = [unpack(stream) for stream in sorted(streams(preset), key=len)[:6]]
        parsed = [part for part in parsed if not part.truncated]
        entries = [
            Entry(part.header.height, part.header.width, part.header.settings, part.payload.tobytes(), f"a/{at}", at)
            for at, part in enumerate(parsed)
        ]
        front = header_of(preset)
        first, section = pack_section(0, len(front), entries)
        second, _ = pack_section(len(entries), len(front) + len(first), entries[::-1])
        yield STRUCTURE.pack(RAW, 0, 0, 0) + front + first + second
        raw = zlib.decompress(first[section.data_bytes : section.data_bytes + section.index_bytes])
        name_bytes = len(raw) - len(entries) * COLUMNS.itemsize
        yield STRUCTURE.pack(kind, 1, len(entries) - 1, name_bytes) + raw + first[: section.data_bytes]


def decoder(preset: str) -> Target:
    """The target of a preset's decoder."""
    return Target(partial(decode, preset), lambda: map(input_of, streams(preset)))


TARGETS = {
    **{preset: decoder(preset) for preset in PRESETS},
    "collection": Target(read_collection, collection_seeds),
    "inspect": Target(inspect, inspect_seeds),
}


def main() -> None:
    """Feeds a target with files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=list(TARGETS))
    parser.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args()
    watch_loops()
    for path in options.files:
        watch(TARGETS[options.target].run, path.read_bytes())


if __name__ == "__main__":
    main()
