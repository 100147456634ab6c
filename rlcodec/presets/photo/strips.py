"""Codes the coefficients of photographs: strips of blocks, each in slices from coarse to fine, every pair a segment of its own.

A strip is STRIP_ROWS rows of blocks. No strip depends on another, so they are coded in parallel. The payload holds the lengths
of all segments and then the segments, slice by slice: a stream that is cut loses detail first.
"""

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlcodec.core._range_coder import COST_UNIT, RangeCoder
from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.segment_choice import CONTEXT
from rlcodec.core.segments import CodedSegment, Segment
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo.coefficient_coder import (
    SLICE_COUNT,
    SLICE_OF,
    SLICES,
    ScratchBuffers,
    choose_extents,
    code_constants,
    code_diagonals,
    step_of,
    strip_state,
)
from rlcodec.presets.photo.transform import BLOCK, padded_size, slice_errors, to_coefficients
from rlcodec.presets.photo.weights import PhotoWeights

STRIP_ROWS = 16
BIT_WEIGHT = 0.13
"""Squared quantiser steps that a bit is worth when an encoder rounds coefficients."""
MAX_LENGTH_BYTES = 5
"""The most bytes of the length of a segment."""


@dataclass(frozen=True)
class CodedPicture:
    """The coded coefficients of a picture, or of one of its strips.

    Attributes:
        segments: payload of each segment, slice by slice, the strips of a slice one after another.
        values: int16 (3, block rows, block columns, BLOCK, BLOCK), quantised; no block rows if they were not kept.
        macs: int64 (strips, slices), multiply-accumulates of decoding each segment.
        errors: float64 (2, slices), squared errors of each slice's coefficients if it is sent and if it is not; zeros if they
            were not measured.
    """

    segments: tuple[bytes, ...]
    values: np.ndarray
    macs: np.ndarray
    errors: np.ndarray

    def payload(self, slices: int = SLICE_COUNT) -> bytes:
        """The payload of a stream that ends after so many slices: LEB128 lengths of all segments, then the segments."""
        sent = len(self.macs) * slices
        segments = (*self.segments[:sent], *[b""] * (len(self.segments) - sent))
        return b"".join(write_leb128(len(segment)) for segment in segments) + b"".join(segments)

    def values_of(self, slices: int) -> np.ndarray:
        """The values that a stream holds that ends after so many slices."""
        return np.where(slices > SLICE_OF, self.values, np.int16(0))

    def coded_segments(self, slices: int = SLICE_COUNT) -> tuple[CodedSegment, ...]:
        """Cost and compute of every segment of a stream that ends after so many slices, as decoders find them."""
        places = ((index, strip) for index in range(SLICE_COUNT) for strip in range(len(self.macs)))
        return tuple(
            coded_segment(index, strip, len(segment) * (index < slices), int(self.macs[strip, index]) * (index < slices))
            for (index, strip), segment in zip(places, self.segments, strict=True)
        )


def coded_segment(index: int, strip: int, size_bytes: int, macs: int, complete: bool = True) -> CodedSegment:
    """Slice `index` of a strip with its size, compute, and whether all of its bytes are there."""
    return CodedSegment(Segment("slice", index, 0, strip), CONTEXT, 8 * size_bytes * COST_UNIT, macs, complete)


class _StripCoder:
    """Codes the slices of one strip, from coarse to fine, in the direction of a coder.

    Args:
        weights: of the preset.
        coefficients: float32 (3, block rows, block columns, BLOCK, BLOCK), in quantiser steps; None when decoding.
        size: block rows and block columns of the strip.
        gain: index of the quantiser's step.
        bit_weight: squared quantiser steps that a bit is worth; not used when decoding.

    Attributes:
        strip: what is known of the strip; its `values` are read or written.
    """

    def __init__(
        self, weights: PhotoWeights, coefficients: np.ndarray | None, size: tuple[int, int], gain: int, bit_weight: float
    ):
        self.nets, self.coefficients, self.gain, self.bit_weight = weights.nets, coefficients, gain, bit_weight
        self.strip, self._scratch = strip_state(*size, weights.logs), ScratchBuffers(weights.nets)

    @property
    def values(self) -> np.ndarray:
        """Quantised coefficients, int16 (3, block rows, block columns, BLOCK, BLOCK)."""
        return np.asarray(self.strip.values)

    def code(self, coder: RangeCoder, index: int) -> None:
        """Codes slice `index` with the coder of its segment."""
        if index == 0:
            code_constants(coder, self.nets, self.strip, self._scratch, self.coefficients, self.gain)
            return
        weight = self.bit_weight / COST_UNIT
        code_diagonals(coder, self.nets, self.strip, self._scratch, self.coefficients, self.gain, weight, *SLICES[index - 1])


class Keep(enum.Flag):
    """What `encode_photo` returns beside the payloads."""

    NOTHING = 0
    VALUES = enum.auto()
    """The quantised coefficients, which take four times the picture's memory."""
    ERRORS = enum.auto()
    """The squared errors of each slice."""


def strips_of(pixels: np.ndarray, workers: int | None = None) -> list[np.ndarray]:
    """Coefficients of a picture, uint8 (height, width, 3), strip by strip; see `to_coefficients`."""
    return side_by_side(to_coefficients, _in_strips(pixels), workers)


def _in_strips(pixels: np.ndarray) -> list[np.ndarray]:
    return [pixels[strip.start * BLOCK : strip.stop * BLOCK] for strip in strip_slices(*pixels.shape[:2])]


def encode_photo(
    weights: PhotoWeights,
    picture: np.ndarray | Sequence[np.ndarray],
    gain: int,
    bit_weight: float = BIT_WEIGHT,
    workers: int | None = None,
    keep: Keep = Keep.NOTHING,
) -> CodedPicture:
    """Codes a picture.

    Args:
        weights: of the preset.
        picture: uint8 (height, width, 3), or what `strips_of` made of it.
        gain: index of the quantiser's step, 0 the finest.
        bit_weight: squared quantiser steps that a bit is worth.
        workers: threads; as many as there are cores if None.
        keep: what to return beside the payloads.
    """

    def run(part: np.ndarray) -> CodedPicture:
        coefficients = to_coefficients(part) if part.dtype == np.uint8 else part
        coded = encode_strip(weights, coefficients, gain, bit_weight, Keep.ERRORS in keep)
        return coded if Keep.VALUES in keep else replace(coded, values=coded.values[:, :0])

    strips = side_by_side(run, _in_strips(picture) if isinstance(picture, np.ndarray) else picture, workers)
    return CodedPicture(
        tuple(strip.segments[index] for index in range(SLICE_COUNT) for strip in strips),
        np.concatenate([strip.values for strip in strips], 1),
        np.concatenate([strip.macs for strip in strips]),
        np.sum([strip.errors for strip in strips], 0),
    )


def encode_strip(
    weights: PhotoWeights, coefficients: np.ndarray, gain: int, bit_weight: float = BIT_WEIGHT, measure: bool = False
) -> CodedPicture:
    """Codes one strip.

    Args:
        weights: of the preset.
        coefficients: float32 (3, block rows, block columns, BLOCK, BLOCK).
        gain: index of the quantiser's step.
        bit_weight: squared quantiser steps that a bit is worth.
        measure: whether to return the errors.
    """
    part = coefficients * np.float32(1 / step_of(gain))
    strip = _StripCoder(weights, part, part.shape[1:3], gain, bit_weight)
    choose_extents(part, bit_weight, strip.strip)
    parts, macs = [], np.zeros((1, SLICE_COUNT), np.int64)
    for index in range(SLICE_COUNT):
        coder = RangeCoder()
        strip.code(coder, index)
        parts.append(coder.finish())
        macs[0, index] = coder.macs
    errors = np.zeros((2, SLICE_COUNT))
    if measure:
        errors = slice_errors(part, strip.values, weights.centroids, SLICE_OF) * step_of(gain) ** 2
    return CodedPicture(tuple(parts), strip.values, macs, errors)


def unpack_segments(payload: np.ndarray, count: int) -> list[tuple[np.ndarray, int]]:
    """The bytes that are there of every segment, and how many there should be.

    Raises:
        DamagedStreamError: a length is impossible.
    """
    lengths, at = [], 0
    for _ in range(count):
        number = read_leb128(payload, at, MAX_LENGTH_BYTES)
        at = number.stop
        lengths.append(number.value)
    starts = itertools.accumulate(lengths, initial=at)
    return [(payload[start : start + length], length) for start, length in zip(starts, lengths, strict=False)]


def strip_slices(height: int, width: int) -> list[slice]:
    """Rows of blocks of each strip of a picture."""
    return parts_of(padded_size(height, width)[0] // BLOCK, STRIP_ROWS)


def decode_values(
    weights: PhotoWeights, payload: np.ndarray, size: tuple[int, int], gain: int, workers: int | None = None
) -> tuple[np.ndarray, tuple[CodedSegment, ...]]:
    """Decodes a payload as far as its bytes go.

    Args:
        weights: of the preset.
        payload: uint8, the bytes that are there.
        size: height and width of the picture in pixels.
        gain: index of the quantiser's step.
        workers: threads; as many as there are cores if None.

    Returns:
        Quantised coefficients, int16 (3, block rows, block columns, BLOCK, BLOCK), and the segments in the order of coding.
    """
    columns = padded_size(*size)[1] // BLOCK
    strips = strip_slices(*size)
    segments = unpack_segments(payload, len(strips) * SLICE_COUNT)

    def run(rows: slice) -> tuple[np.ndarray, list[CodedSegment]]:
        strip = _StripCoder(weights, None, (rows.stop - rows.start, columns), gain, 0.0)
        number, decoded = rows.start // STRIP_ROWS, []
        for index in range(SLICE_COUNT):
            data, length = segments[index * len(strips) + number]
            if index and not length:  # the slice was not sent, or all of its coefficients are zero
                decoded.append(coded_segment(index, number, 0, 0))
                continue
            coder = RangeCoder(data, length)
            strip.code(coder, index)
            decoded.append(coded_segment(index, number, length, coder.macs, len(data) == length))
            if len(data) < length:
                break
        return strip.values, decoded

    parts = side_by_side(run, strips, workers)
    in_order = sorted((s for _, decoded in parts for s in decoded), key=lambda s: (s.segment.index, s.segment.strip))
    return np.concatenate([values for values, _ in parts], 1), tuple(in_order)
