"""Codes photographs: strips of areas, each in slices from coarse to fine, every pair a segment of its own.

A strip is a few rows of areas. No strip depends on another, so they are coded in parallel. The payload holds the turn of
the colour transform, the division into strips, the lengths of the raster layer and of all segments, and then the layer and
the segments, slice by slice: a stream that is cut loses detail first.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from rlcodec.core._range_coder import COST_UNIT, RangeCoder
from rlcodec.core.adaptive import Counters, Mixers
from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.segment_choice import CONTEXT
from rlcodec.core.segments import CodedSegment, Segment
from rlcodec.parallel.threads import side_by_side
from rlcodec.presets.photo.allocation import Allocation, busyness_of, offsets_of
from rlcodec.presets.photo.analysis import Analysis, analyse, best_splits, split_as
from rlcodec.presets.photo.areas import Areas
from rlcodec.presets.photo.coefficient_coder import StripState, code_slice
from rlcodec.presets.photo.colors import ANGLES, ColorTransform
from rlcodec.presets.photo.division import balanced_division, division_bytes, division_of, strip_count
from rlcodec.presets.photo.layer import RASTER_WEIGHT, RasterLayer, decode_layer, encode_layer, largest_error
from rlcodec.presets.photo.quantiser import Quantiser, step_of
from rlcodec.presets.photo.transform import AREA, AREA_PIXELS, PLANES, RASTER, SLICE_OF, SLICES, padded_size, planes_of
from rlcodec.presets.photo.weights import PhotoWeights

MAX_LENGTH_BYTES = 5
"""The most bytes of the length of a segment."""


@dataclass(frozen=True)
class CodedPicture:
    """The coded areas of a picture, or of one of its strips.

    Attributes:
        segments: payload of each segment, slice by slice, the strips of a slice one after another.
        areas: quantised; None if they were not kept.
        macs: int64 (strips, slices), multiply-accumulates of decoding each segment.
        colors: colour transform of the picture.
        tier: of the predictor.
        division: rows of areas of each strip.
        layer: the areas that the raster-encoder codes, if there are any.
    """

    segments: tuple[bytes, ...]
    areas: Areas | None
    macs: np.ndarray
    colors: ColorTransform
    tier: int
    division: list[slice]
    layer: RasterLayer | None = None

    def payload(self, slices: int = SLICES, alpha: bytes | None = None) -> bytes:
        """The payload of a stream that ends after so many slices, with the bytes of an alpha plane if there is one."""
        sent = len(self.macs) * slices
        segments = (*self.segments[:sent], *[b""] * (len(self.segments) - sent))
        parts = (self.layer.data if self.layer else b"", *([] if alpha is None else [alpha]), *segments)
        lengths = b"".join(write_leb128(len(part)) for part in parts)
        return self.colors.turn_bytes() + division_bytes(self.division) + lengths + b"".join(parts)

    def coded_segments(self, slices: int = SLICES) -> tuple[CodedSegment, ...]:
        """Cost and compute of every segment of a stream that ends after so many slices, as decoders find them."""
        places = ((index, strip) for index in range(SLICES) for strip in range(len(self.macs)))
        return tuple(
            coded_segment(index, strip, len(segment), int(self.macs[strip, index]), self.tier)
            if index < slices
            else coded_segment(index, strip, 0, 0, CONTEXT)
            for (index, strip), segment in zip(places, self.segments, strict=True)
        )


def coded_segment(index: int, strip: int, size_bytes: int, macs: int, tier: int, complete: bool = True) -> CodedSegment:
    """Slice `index` of a strip with its size, compute, tier, and whether all of its bytes are there."""
    return CodedSegment(Segment("slice", index, 0, strip), tier, 8 * size_bytes * COST_UNIT, macs, complete)


def strip_state(
    weights: PhotoWeights,
    rows: int,
    columns: int,
    model: tuple[Counters, Mixers] | None = None,
    values: np.ndarray | None = None,
) -> StripState:
    """The state of a strip of so many rows and columns of areas, of which nothing has been coded.

    Args:
        weights: of the preset.
        rows: of areas.
        columns: of areas.
        model: counters and mixing weights as the strip begins; copies of `PhotoWeights.model` if None.
        values: zeros that receive the quantised coefficients, as `StripState.values`.
    """
    counters, mixers = model or (weights.model[0].copy(), weights.model[1].copy())
    return StripState(rows, columns, counters, mixers, weights.expected, weights.relative, weights.network, values)


def areas_of(strip: StripState) -> Areas:
    """The areas that a strip holds."""
    names = ("values", "splits", "offsets", "chroma", "repairs")
    arrays = {name: np.asarray(getattr(strip, name)) for name in names}
    return Areas(**arrays, begins=np.arange(len(arrays["values"])) == 0)


def encode_photo(
    weights: PhotoWeights,
    picture: np.ndarray,
    gain: int,
    colors: ColorTransform,
    allocation: Allocation,
    repair: int,
    tier: int = CONTEXT,
    workers: int | None = None,
    keep: bool = False,
    raster: np.ndarray | None = None,
) -> CodedPicture:
    """Codes a picture.

    Args:
        weights: of the preset.
        picture: uint8 (height, width, 3).
        gain: index of the quantiser's step.
        colors: colour transform of the picture.
        allocation: of bits to areas.
        repair: level of repair of all areas.
        tier: of the predictor, index of its name among PREDICTORS.
        workers: threads; as many as there are cores if None.
        keep: whether to return the quantised areas, which take four times the picture's memory.
        raster: float64 (area rows, area columns), bits that the raster-encoder takes for areas, infinity where it must not be
            used; it codes the areas in which it costs less. None if it is not used.
    """
    rows, quantiser = balanced_division(picture, step_of(gain)), allocation.quantiser(gain)
    strip_pixels = [picture[part.start * AREA : part.stop * AREA] for part in rows]
    columns = padded_size(*picture.shape[:2])[1] // AREA

    def survey(strip: int) -> np.ndarray:
        if not allocation.adapts:
            return np.zeros((rows[strip].stop - rows[strip].start, columns), np.float32)
        return busyness_of(planes_of(strip_pixels[strip], colors.forward)[0], allocation)

    busyness = side_by_side(survey, range(len(rows)), workers)
    mean = float(np.concatenate(busyness).mean())

    values = np.zeros((rows[-1].stop, columns, PLANES, AREA_PIXELS), np.int16) if keep else None

    def source(strip: int) -> tuple[np.ndarray, np.ndarray]:
        planes = planes_of(strip_pixels[strip], colors.forward)
        offsets = offsets_of(busyness[strip], mean, allocation)
        return planes, np.maximum(offsets, np.int8(quantiser.least_offset(planes)))

    def split(strip: int) -> np.ndarray:
        assert raster is not None
        planes, offsets = source(strip)
        splits, costs = best_splits(planes, quantiser, offsets, allocation)
        splits[RASTER_WEIGHT * allocation.split_weight * raster[rows[strip]] < costs] = RASTER
        return splits

    splits, layer = None, None
    if raster is not None:
        splits = side_by_side(split, range(len(rows)), workers)
        mask = np.concatenate(splits) == RASTER
        layer = encode_layer(picture, mask, tier, largest_error(step_of(gain)), workers) if mask.any() else None

    def run(strip: int) -> CodedPicture:
        planes, offsets = source(strip)
        if splits is None:
            chosen = analyse(planes, quantiser, offsets, allocation)
        else:
            chosen = split_as(planes, quantiser, offsets, splits[strip])
        part = None if values is None else values[rows[strip]]
        coded = encode_strip(weights, chosen, quantiser, colors, allocation, repair, tier, part)
        return coded if keep else replace(coded, areas=None)

    strips = side_by_side(run, range(len(rows)), workers)
    areas = Areas.joined([strip.areas for strip in strips if strip.areas], values) if keep else None
    return CodedPicture(
        tuple(strip.segments[index] for index in range(SLICES) for strip in strips),
        replace(areas, layer=layer.pixels) if areas and layer else areas,
        np.concatenate([strip.macs for strip in strips]),
        colors,
        tier,
        rows,
        layer,
    )


def encode_strip(
    weights: PhotoWeights,
    chosen: Analysis,
    quantiser: Quantiser,
    colors: ColorTransform,
    allocation: Allocation,
    repair: int,
    tier: int,
    values: np.ndarray | None = None,
) -> CodedPicture:
    """Codes one strip.

    Args:
        weights: of the preset.
        chosen: for the areas.
        quantiser: steps of the picture.
        colors: colour transform of the picture.
        allocation: of bits to areas.
        repair: level of repair of all areas.
        tier: of the predictor, index of its name among PREDICTORS.
        values: zeros that receive the quantised coefficients, as `StripState.values`.
    """
    with weights.borrowed_model() as model:
        rows, columns = chosen.splits.shape
        strip = strip_state(weights, rows, columns, model, values)
        coders = code_chosen(strip, weights, chosen, quantiser, allocation, repair, tier)
        macs = np.array([[coder.macs for coder in coders]])
        return CodedPicture(tuple(coder.finish() for coder in coders), areas_of(strip), macs, colors, tier, [slice(0, rows)])


def code_chosen(
    strip: StripState,
    weights: PhotoWeights,
    chosen: Analysis,
    quantiser: Quantiser,
    allocation: Allocation,
    repair: int,
    tier: int,
) -> list[RangeCoder]:
    """Codes all slices of a strip of which nothing is coded; returns their coders, about to be finished.

    Args:
        strip: receives what is coded.
        weights: of the preset.
        chosen: for the areas.
        quantiser: steps of the picture.
        allocation: of bits to areas.
        repair: level of repair of all areas.
        tier: of the predictor, index of its name among PREDICTORS.
    """
    blocks = chosen.splits != RASTER  # nothing else is coded of other areas
    np.asarray(strip.splits)[:] = chosen.splits
    np.asarray(strip.offsets)[:] = chosen.offsets * blocks
    np.asarray(strip.chroma)[:] = chosen.chroma * blocks[:, :, None]
    np.asarray(strip.repairs)[:] = repair * blocks
    strip.tier = tier
    coders = [RangeCoder() for _ in range(SLICES)]
    for index, coder in enumerate(coders):
        code_slice(
            coder, strip, index, chosen.coefficients, quantiser.scales, weights.centroids, SLICE_OF, allocation.bit_weight
        )
    return coders


def unpack_segments(payload: np.ndarray, height: int, alpha: bool = False) -> list[tuple[np.ndarray, int]]:
    """The bytes that are there of the raster layer and of every segment of a picture, and how many there should be.

    Args:
        payload: uint8, the bytes that are there.
        height: of the picture in pixels.
        alpha: whether there is an alpha plane, which then follows the layer.

    Raises:
        DamagedStreamError: a length is impossible.
    """
    strips = strip_count(height)
    lengths, at = [], ANGLES + strips - 1
    for _ in range(1 + alpha + strips * SLICES):
        number = read_leb128(payload, at, MAX_LENGTH_BYTES)
        at = number.stop
        lengths.append(number.value)
    starts = itertools.accumulate(lengths, initial=at)
    return [(payload[start : start + length], length) for start, length in zip(starts, lengths, strict=False)]


def decode_areas(
    weights: PhotoWeights, payload: np.ndarray, size: tuple[int, int], workers: int | None = None, alpha: bool = False
) -> tuple[Areas, tuple[CodedSegment, ...]]:
    """Decodes a payload as far as its bytes go.

    Args:
        weights: of the preset.
        payload: uint8, the bytes that are there.
        size: height and width of the picture in pixels.
        workers: threads; as many as there are cores if None.
        alpha: whether there is an alpha plane.

    Returns:
        The areas, and the segments in the order of coding.
    """
    columns = padded_size(*size)[1] // AREA
    strips = division_of(payload, ANGLES, size[0])
    values = np.zeros((strips[-1].stop, columns, PLANES, AREA_PIXELS), np.int16)  # one array, since pictures may be large
    (layer_data, layer_bytes), *segments = unpack_segments(payload, size[0], alpha)
    segments = segments[alpha:]
    layer = decode_layer(layer_data, layer_bytes, size, workers) if layer_bytes else None

    def run(number: int) -> tuple[Areas, list[CodedSegment]]:
        rows, decoded = strips[number], []
        with weights.borrowed_model() as model:
            strip = strip_state(weights, rows.stop - rows.start, columns, model, values[rows])
            if layer:
                np.asarray(strip.splits)[layer.mask[rows]] = RASTER
            for index in range(SLICES):
                data, length = segments[index * len(strips) + number]
                if index and not length:  # the slice was not sent
                    decoded.append(coded_segment(index, number, 0, 0, CONTEXT))
                    continue
                coder = RangeCoder(data, length)
                code_slice(coder, strip, index)
                decoded.append(coded_segment(index, number, length, coder.macs, strip.tier, len(data) == length))
                if len(data) < length:
                    break
            return areas_of(strip), decoded

    work = [sum(len(data) for data, _ in segments[number :: len(strips)]) for number in range(len(strips))]
    longest_first = sorted(range(len(strips)), key=lambda number: -work[number])
    parts = dict(zip(longest_first, side_by_side(run, longest_first, workers), strict=True))
    in_order = sorted((s for _, decoded in parts.values() for s in decoded), key=lambda s: (s.segment.index, s.segment.strip))
    areas = Areas.joined([parts[number][0] for number in range(len(strips))], values)
    return replace(areas, layer=layer.pixels) if layer else areas, tuple(in_order)
