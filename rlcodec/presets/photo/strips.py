"""Photographs there and back: strips of blocks, each in slices from coarse to fine, every pair a segment of its own.

A strip is STRIP_ROWS rows of blocks; strips know nothing of one another, so they are coded side by side. The payload begins
with the lengths of all segments and holds them slice by slice: what a cut stream loses is detail first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.range_coder import COST_UNIT, COSTS, MACS, decoder_state, encoder_state, finish
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo.coefficient_coder import (
    DIAGONALS,
    SLICE_COUNT,
    SLICE_OF,
    SLICES,
    PhotoState,
    PhotoWork,
    choose_extents,
    code_constants,
    code_diagonals,
    frequency_order,
    gather_offsets,
    photo_state,
    photo_work,
    step_of,
)
from rlcodec.presets.photo.transform import BLOCK, PLANES, padded_size, slice_errors, to_coefficients
from rlcodec.presets.photo.weights import PhotoModel

STRIP_ROWS = 16
WEIGHT = 0.13
"""Squared quantiser steps that a bit is worth to the encoder."""
BYTES_PER_COEFFICIENT = 36
"""No coefficient takes more: 15 decisions down the chain of at most 16 bits each, an Exp-Golomb code and a sign."""
ORDER = frequency_order()
MAX_LENGTH_BYTES = 5
"""Of the length of a segment in the payload."""


@dataclass(frozen=True)
class PhotoSegment:
    """One slice of one strip, as a decoder found it.

    Attributes:
        slice: index, 0 the coarsest.
        strip: index, from the top.
        size_bytes: that it should have.
        complete: all of its bytes are there.
        macs: multiply-accumulates of decoding it.
    """

    slice: int
    strip: int
    size_bytes: int
    complete: bool
    macs: int


@dataclass(frozen=True)
class CodedStrip:
    """A coded strip, or with its numbers summed a picture's.

    Attributes:
        segments: payloads by slice; of a picture those of all strips, slice by slice.
        values: int16 (3, block rows, block columns, BLOCK, BLOCK), quantised; empty where they were not kept.
        macs: int64 (strips, slices), multiply-accumulates of decoding each segment.
        errors: float64 (2, slices), squared errors of each slice's coefficients where it is sent and where it is not; zeros
            where nobody asked.
    """

    segments: tuple[bytes, ...]
    values: np.ndarray
    macs: np.ndarray
    errors: np.ndarray

    def payload(self, slices: int = SLICE_COUNT) -> bytes:
        """What a stream holds that ends after so many slices: lengths of the segments, LEB128 each, then the segments."""
        sent = len(self.segments) // SLICE_COUNT * slices
        segments = (*self.segments[:sent], *[b""] * (len(self.segments) - sent))
        return b"".join(write_leb128(len(segment)) for segment in segments) + b"".join(segments)

    def payload_bytes(self, slices: int = SLICE_COUNT) -> int:
        """Length of `payload`."""
        sent = [len(segment) for segment in self.segments[: len(self.segments) // SLICE_COUNT * slices]]
        return sum(sent) + sum(len(write_leb128(length)) for length in sent) + len(self.segments) - len(sent)

    def up_to(self, slices: int) -> np.ndarray:
        """The values that a stream holds which ends after so many slices."""
        return np.where(slices > SLICE_OF, self.values, np.int16(0))


def _code_slice(
    model: PhotoModel, state: np.ndarray, data: np.ndarray, ps: PhotoState, work: PhotoWork, coefficients: np.ndarray,
    gain: int, index: int, weight: float,
) -> None:  # fmt: skip
    _, rows, columns = ps.values.shape[:3]
    offsets = gather_offsets(rows, columns)
    if index == 0:
        code_constants(state, data, COSTS, model.nets, model.logs, ps, work, offsets, coefficients, gain)
        return
    low, high = SLICES[index - 1]
    code_diagonals(
        state, data, COSTS, model.nets, model.logs, ps, work, offsets, ORDER, coefficients, gain, weight / COST_UNIT, low, high
    )


def strips_of(picture: np.ndarray, workers: int | None = None) -> list[np.ndarray]:
    """Coefficients of a picture, uint8 (height, width, 3), strip by strip; see `to_coefficients`."""
    rows = padded_size(*picture.shape[:2])[0] // BLOCK
    strips = parts_of(rows, STRIP_ROWS)
    return side_by_side(lambda strip: to_coefficients(picture[strip.start * BLOCK : strip.stop * BLOCK]), strips, workers)


def encode_photo(
    model: PhotoModel,
    picture: np.ndarray | Sequence[np.ndarray],
    gain: int,
    weight: float = WEIGHT,
    workers: int | None = None,
    keep: bool = False,
    measure: bool = False,
) -> CodedStrip:
    """Codes a picture.

    Args:
        model: the preset's model.
        picture: uint8 (height, width, 3), or what `strips_of` made of it.
        gain: index of the quantiser's setting, 0 the finest.
        weight: squared quantiser steps that a bit is worth.
        workers: threads; as many as there are cores when None.
        keep: whether to return the quantised coefficients, which take four times the picture's memory.
        measure: whether to return the errors.
    """

    def run(strip: slice) -> CodedStrip:
        if isinstance(picture, np.ndarray):
            part = to_coefficients(picture[strip.start * BLOCK : strip.stop * BLOCK])
        else:
            part = picture[strip.start // STRIP_ROWS]
        coded = encode_strip(model, part, gain, weight, measure)
        return coded if keep else replace(coded, values=coded.values[:, :0])

    if isinstance(picture, np.ndarray):
        rows = padded_size(*picture.shape[:2])[0] // BLOCK
    else:
        rows = sum(part.shape[1] for part in picture)
    found = side_by_side(run, parts_of(rows, STRIP_ROWS), workers)
    return CodedStrip(
        tuple(strip.segments[index] for index in range(SLICE_COUNT) for strip in found),
        np.concatenate([strip.values for strip in found], 1),
        np.concatenate([strip.macs for strip in found]),
        np.sum([strip.errors for strip in found], 0),
    )


def encode_strip(
    model: PhotoModel, coefficients: np.ndarray, gain: int, weight: float = WEIGHT, measure: bool = False
) -> CodedStrip:
    """Codes one strip.

    Args:
        model: the preset's model.
        coefficients: float32 (3, block rows, block columns, BLOCK, BLOCK).
        gain: index of the quantiser's setting.
        weight: squared quantiser steps that a bit is worth.
        measure: whether to return the errors.
    """
    part = coefficients * np.float32(1 / step_of(gain))
    ps = photo_state(*part.shape[1:3])
    choose_extents(part, weight, np.empty(DIAGONALS), ps.extents)
    data = np.zeros(part.size * BYTES_PER_COEFFICIENT + 64, np.uint8)
    parts, macs, work = [], np.zeros((1, SLICE_COUNT), np.int64), photo_work(model.nets)
    for index in range(SLICE_COUNT):
        state = encoder_state()
        _code_slice(model, state, data, ps, work, part, gain, index, weight)
        parts.append(finish(state, data))
        macs[0, index] = state[MACS]
    errors = np.zeros((2, SLICE_COUNT))
    if measure:
        slice_errors(part, ps.values, model.centroids, SLICE_OF, np.zeros((BLOCK, BLOCK)), errors)
        errors *= step_of(gain) ** 2
    return CodedStrip(tuple(parts), ps.values, macs, errors)


def unpack_segments(payload: np.ndarray, count: int) -> list[tuple[np.ndarray, int]]:
    """The bytes that are there of every segment, and how many there should be.

    Raises:
        DamagedStreamError: the lengths make no sense.
    """
    lengths, at = [], 0
    for _ in range(count):
        length = read_leb128(payload, at, MAX_LENGTH_BYTES)
        at = length.stop
        lengths.append(length.value)
    segments = []
    for length in lengths:
        segments.append((payload[at : at + length], length))
        at += length
    return segments


def decode_values(
    model: PhotoModel, payload: np.ndarray, height: int, width: int, gain: int, workers: int | None = None
) -> tuple[np.ndarray, list[PhotoSegment]]:
    """What a payload holds, as far as its bytes go.

    Returns:
        Quantised coefficients, int16 (3, block rows, block columns, BLOCK, BLOCK), and the segments in the order of coding.
    """
    rows, columns = (n // BLOCK for n in padded_size(height, width))
    strips = parts_of(rows, STRIP_ROWS)
    segments = unpack_segments(payload, len(strips) * SLICE_COUNT)

    def run(strip: slice) -> tuple[np.ndarray, list[PhotoSegment]]:
        ps, work, found = photo_state(strip.stop - strip.start, columns), photo_work(model.nets), []
        nothing = np.zeros((PLANES, 1, 1, BLOCK, BLOCK), np.float32)
        number = strip.start // STRIP_ROWS
        for index in range(SLICE_COUNT):
            data, length = segments[index * len(strips) + number]
            if index and not length:  # not sent, or there is nothing in it
                found.append(PhotoSegment(index, number, 0, True, 0))
                continue
            state = decoder_state(data, length)
            _code_slice(model, state, data, ps, work, nothing, gain, index, 0.0)
            found.append(PhotoSegment(index, number, length, len(data) == length, int(state[MACS])))
            if len(data) < length:
                break
        return ps.values, found

    parts = side_by_side(run, strips, workers)
    found = sorted((s for _, some in parts for s in some), key=lambda s: (s.slice, s.strip))
    return np.concatenate([values for values, _ in parts], 1), found
