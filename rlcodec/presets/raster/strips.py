"""Codes pictures: strips of rows, each by the method and with the colour transform that its encoder chose.

No strip depends on another, so they are coded in parallel. The payload of a picture of more than SINGLE_STRIP pixels begins
with the number of rows of a strip and the lengths of all strips; smaller pictures are one strip. A strip begins with its
method, the states that its model begins with, and the order of its planes.

A stream that is cut ends with the last pixel that its bytes determine, and decoders repeat the row above for those that follow.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from rlcodec.core.leb128 import read_leb128, write_leb128
from rlcodec.core.range_coder import COST_UNIT, PROBABILITY_ONE, RangeCoder
from rlcodec.core.segments import CodedSegment, Segment
from rlcodec.errors import DamagedStreamError
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.raster.decode_cost import strip_macs
from rlcodec.presets.raster.model import METHODS, PIXELS, PIXELS_OR_SAMPLES, SAMPLES, SMALL_PIXELS, TABLE, code_strip
from rlcodec.presets.raster.planes import ORDERS, TRIED_ORDERS, PlaneOrder
from rlcodec.presets.raster.settings import RasterSettings
from rlcodec.presets.raster.weights import BEGINNINGS, RasterWeights, StripModel

SINGLE_STRIP = 1 << 15
"""Pictures of no more pixels are one strip."""
STRIP_PIXELS = {SAMPLES: 1 << 17, PIXELS: 1 << 21, PIXELS_OR_SAMPLES: 1 << 19}
"""Pixels of a strip, about. Drawings repeat what lies far above, so that their strips are larger."""
MOST_STRIPS = 16
"""The most strips; those of large pictures are larger. Every strip starts with the initial model, without the rows above it."""
TRIED_PIXELS = 1 << 17
"""Pixels of a strip by which encoders compare methods."""
BANDS, BAND_PIXELS = 4, 1 << 13
"""Bands of a strip, and the pixels of each, by which encoders compare orders of planes."""
REPEATING = 0.4
"""Share of pixels that equal a neighbour, from which on encoders try methods for drawings."""
MAX_NUMBER_BYTES = 5
LEAST_STRIP_PIXELS = 1 << 14
"""Strips of a picture that has several have no fewer pixels."""
FIRST_SHADE = 128
"""Sample of rows above which no row is known."""


@dataclass(frozen=True)
class StripChoice:
    """What an encoder chose for a strip.

    Attributes:
        method: one of METHODS.
        beginning: index of the states that the model begins with, in BEGINNINGS.
        order: index of the order of planes, in `ORDERS` of the number of channels.
    """

    method: int
    beginning: int
    order: int


@dataclass(frozen=True)
class CodedStrip:
    """A strip as it lies in the payload.

    Attributes:
        data: its bytes.
        choice: what its encoder chose.
    """

    data: bytes
    choice: StripChoice


@dataclass(frozen=True)
class CodedRaster:
    """A coded picture.

    Attributes:
        strips: from the top.
        strip_rows: rows of each strip but the last, which may have fewer.
        single: whether the payload holds nothing but the strip.
    """

    strips: tuple[CodedStrip, ...]
    strip_rows: int
    single: bool

    def payload(self) -> bytes:
        """The payload of the stream."""
        if self.single:
            return self.strips[0].data
        numbers = [self.strip_rows - 1, *(len(strip.data) for strip in self.strips)]
        return b"".join(map(write_leb128, numbers)) + b"".join(strip.data for strip in self.strips)


@dataclass(frozen=True, eq=False)
class DecodedStrip:
    """A strip that was decoded as far as its bytes go.

    Attributes:
        pixels: uint8 (rows, columns, channels), zeros from the first unknown pixel on.
        known: number of pixels, in raster order, that are known.
        choice: what its encoder chose; None if that is unknown.
    """

    pixels: np.ndarray
    known: int
    choice: StripChoice | None

    @property
    def complete(self) -> bool:
        """Whether all pixels are known."""
        return self.known == self.pixels.shape[0] * self.pixels.shape[1]


def coded_segment(index: int, size_bytes: int, tier: int, macs: int, complete: bool = True) -> CodedSegment:
    """A strip with its size, tier, compute, and whether all of its bytes are there."""
    return CodedSegment(Segment("strip", index, 0, index), tier, 8 * size_bytes * COST_UNIT, macs, complete)


def code_choice(coder: RangeCoder, channels: int, choice: StripChoice | None) -> StripChoice:
    """Codes what was chosen for a strip.

    Args:
        coder: codes in its direction.
        channels: of a pixel.
        choice: when encoding.

    Returns:
        The choice; any, if the coder is now exhausted.

    Raises:
        DamagedStreamError: there is no such choice.
    """
    given = choice or StripChoice(0, 0, 0)
    method = code_uniform(coder, len(METHODS), given.method)
    beginning = code_uniform(coder, len(BEGINNINGS), given.beginning)
    order = code_uniform(coder, len(ORDERS[channels]), given.order)
    if coder.exhausted:
        return given
    if method >= len(METHODS) or beginning >= len(BEGINNINGS) or order >= len(ORDERS[channels]):
        raise DamagedStreamError(f"a strip names method {method}, states {beginning} and order {order}; there are none")
    return StripChoice(method, beginning, order)


def code_uniform(coder: RangeCoder, count: int, value: int) -> int:
    """Codes a number below `count`, or up to the next power of two, with equal probabilities."""
    out = 0
    for bit in reversed(range((count - 1).bit_length())):
        out = 2 * out + coder.code(PROBABILITY_ONE // 2, value >> bit & 1)
    return out


def code_with(
    model: StripModel,
    coder: RangeCoder,
    pixels: np.ndarray,
    order: PlaneOrder,
    method: int,
    tier: int,
    max_error: int = 0,
    mask: np.ndarray | None = None,
    costs: np.ndarray | None = None,
) -> int:
    """Codes the pixels of a strip with a model, which follows them; decoding overwrites the pixels.

    Args:
        model: with which the strip begins.
        coder: codes in its direction.
        pixels: uint8 (rows, columns, channels).
        order: of the planes.
        method: one of METHODS.
        tier: index of the predictor.
        max_error: largest difference of a sample from what is coded.
        mask: uint8 (rows, columns), 0 where pixels are left out; all are coded if None.
        costs: int64 (rows, columns / PRICED_COLUMNS, rounded up), to which code lengths are added, in 1/COST_UNIT bit.

    Returns:
        Number of pixels, in raster order, that are known.
    """
    parts = model.counters, model.mixers, model.hashed
    if not pixels.flags.writeable and coder.encoding:
        pixels = pixels.copy()
    return code_strip(coder, pixels, order.channels, order.references, method, tier, max_error, *parts, mask, costs)


def code_pixels(
    weights: RasterWeights,
    coder: RangeCoder,
    pixels: np.ndarray,
    settings: RasterSettings,
    choice: StripChoice,
    tier: int,
    mask: np.ndarray | None = None,
    costs: np.ndarray | None = None,
) -> int:
    """Codes the pixels of a strip with a model that begins as its choice says; other arguments and result as `code_with`."""
    order = ORDERS[pixels.shape[2]][choice.order]
    with weights.borrowed_model(choice.beginning, pixels.size <= SMALL_PIXELS) as model:
        return code_with(model, coder, pixels, order, choice.method, tier, settings.max_error, mask, costs)


def encode_strip(
    weights: RasterWeights, pixels: np.ndarray, settings: RasterSettings, choice: StripChoice, mask: np.ndarray | None = None
) -> CodedStrip:
    """Codes a strip.

    Args:
        weights: of the preset.
        pixels: uint8 (rows, columns, channels).
        settings: of the stream.
        choice: for the strip.
        mask: as `code_with`.
    """
    coder = RangeCoder()
    code_choice(coder, settings.channels, choice)
    code_pixels(weights, coder, pixels, settings, choice, settings.tier, mask)
    return CodedStrip(coder.finish(), choice)


def repeating_share(pixels: np.ndarray) -> float:
    """Share of the pixels that equal the pixel to the left or above.

    Args:
        pixels: uint8 (rows, columns, channels).
    """
    if pixels.shape[0] < 2 or pixels.shape[1] < 2:
        return 1.0
    here = pixels[1:, 1:]
    equal = (here == pixels[1:, :-1]).all(2) | (here == pixels[:-1, 1:]).all(2)
    return float(equal.mean())


def tried_cost(
    weights: RasterWeights,
    pixels: np.ndarray,
    settings: RasterSettings,
    choice: StripChoice,
    tier: int = TABLE,
    mask: np.ndarray | None = None,
) -> int:
    """Code length of pixels under a choice, in 1/COST_UNIT bit; other arguments as `encode_strip`."""
    coder = RangeCoder()
    code_pixels(weights, coder, pixels, settings, choice, tier, mask)
    return coder.cost


def bands_of(pixels: np.ndarray) -> np.ndarray:
    """A part of a strip by which orders of planes are compared: a few bands of rows, one below the other."""
    rows = max(1, BAND_PIXELS // pixels.shape[1])
    height = len(pixels)
    if BANDS * rows >= height:
        return np.ascontiguousarray(pixels)
    return np.concatenate([pixels[(first := (2 * i + 1) * height // (2 * BANDS)) : first + rows] for i in range(BANDS)])


def choose(weights: RasterWeights, pixels: np.ndarray, settings: RasterSettings) -> StripChoice:
    """The choice that codes a part of a strip in the fewest bits; arguments as `encode_strip`."""
    height, width = pixels.shape[:2]
    small = height * width <= SMALL_PIXELS
    beginnings = range(len(BEGINNINGS)) if small else (0,)
    methods = METHODS if repeating_share(pixels) >= REPEATING else (SAMPLES,)
    orders = TRIED_ORDERS[settings.channels]
    if len(orders) > 1:
        bands = bands_of(pixels)
        orders = (min(orders, key=lambda order: tried_cost(weights, bands, settings, StripChoice(SAMPLES, 0, order))),)
    choices = [StripChoice(method, beginning, orders[0]) for method in methods for beginning in beginnings]
    if len(choices) == 1:
        return choices[0]
    rows = max(1, TRIED_PIXELS // width)
    first = max(0, (height - rows) // 2)
    part = np.ascontiguousarray(pixels[first : first + rows])
    tier = settings.tier if small else TABLE
    return min(choices, key=lambda choice: tried_cost(weights, part, settings, choice, tier))


def main_method(weights: RasterWeights, picture: np.ndarray, settings: RasterSettings) -> int:
    """The method by which the middle of a picture takes the fewest bits; arguments as `encode_raster`."""
    if repeating_share(picture) < REPEATING:
        return SAMPLES
    return choose(weights, picture, settings).method


def strip_rows_for(height: int, width: int, method: int) -> int:
    """Rows of a strip of a picture that is mostly coded by a method: strips have nearly as many rows as each other."""
    count = min(max(1, round(height * width / STRIP_PIXELS[method])), MOST_STRIPS, height)
    return -(-height // count)


def encode_raster(
    weights: RasterWeights, picture: np.ndarray, settings: RasterSettings, workers: int | None = None
) -> CodedRaster:
    """Codes a picture.

    Args:
        weights: of the preset.
        picture: uint8 (height, width, channels).
        settings: of the stream.
        workers: threads; as many as there are cores if None.
    """
    height, width = picture.shape[:2]
    if height * width <= SINGLE_STRIP:
        strip = encode_strip(weights, picture, settings, choose(weights, picture, settings))
        return CodedRaster((strip,), height, True)
    rows = strip_rows_for(height, width, main_method(weights, picture, settings))

    def run(part: slice) -> CodedStrip:
        pixels = np.ascontiguousarray(picture[part])
        return encode_strip(weights, pixels, settings, choose(weights, pixels, settings))

    return CodedRaster(tuple(side_by_side(run, parts_of(height, rows), workers)), rows, False)


def decode_strip(
    weights: RasterWeights,
    data: np.ndarray,
    length: int,
    shape: tuple[int, int],
    settings: RasterSettings,
    mask: np.ndarray | None = None,
) -> DecodedStrip:
    """Decodes a strip as far as its bytes go.

    Args:
        weights: of the preset.
        data: uint8, the bytes that are there.
        length: of the whole strip in bytes.
        shape: rows and columns.
        settings: of the stream.
        mask: as `code_with`.

    Raises:
        DamagedStreamError: a value is impossible.
    """
    coder = RangeCoder(data, length)
    pixels = np.zeros((*shape, settings.channels), np.uint8)
    choice = code_choice(coder, settings.channels, None)
    if coder.exhausted:
        return DecodedStrip(pixels, 0, None)
    strip = DecodedStrip(pixels, code_pixels(weights, coder, pixels, settings, choice, settings.tier, mask), choice)
    if not strip.complete and not coder.exhausted:
        raise DamagedStreamError(f"a strip of {shape[1]}x{shape[0]} pixels ends after {strip.known} of them")
    return strip


def fill_in(picture: np.ndarray, first: int, last: int, known: int) -> None:
    """Fills the unknown pixels of a strip with those above them.

    Args:
        picture: uint8 (height, width, channels), complete above the strip.
        first: row of the strip.
        last: the row behind it.
        known: number of pixels of the strip, in raster order, that are known.
    """
    width = picture.shape[1]
    row, column = first + known // width, known % width
    if row == last:
        return
    if row == 0:
        picture[0, column:] = picture[0, column - 1] if column else FIRST_SHADE
    else:
        picture[row, column:] = picture[row - 1, column:]
    picture[row + 1 : last] = picture[row]


def split_payload(payload: np.ndarray, height: int, width: int) -> tuple[list[tuple[np.ndarray, int]], int]:
    """The bytes that are there of every strip with how many there should be, and the rows of a strip.

    Args:
        payload: uint8, the bytes that are there.
        height: of the picture.
        width: of the picture.

    Raises:
        DamagedStreamError: a length is impossible.
    """
    number = read_leb128(payload, 0, MAX_NUMBER_BYTES)
    rows = number.value + 1
    if not number.complete:
        return [], height
    if rows > height or (rows < height and rows * width < LEAST_STRIP_PIXELS):
        raise DamagedStreamError(f"strips of {rows} rows of a picture of {width}x{height} pixels")
    lengths, at = [], number.stop
    for _ in range(-(-height // rows)):
        number = read_leb128(payload, at, MAX_NUMBER_BYTES)
        if not number.complete:
            return [], rows
        at = number.stop
        lengths.append(number.value)
    starts = itertools.accumulate(lengths, initial=at)
    return [(payload[start : start + length], length) for start, length in zip(starts, lengths, strict=False)], rows


def decode_raster(
    weights: RasterWeights,
    payload: np.ndarray,
    payload_bytes: int,
    size: tuple[int, int],
    settings: RasterSettings,
    workers: int | None = None,
) -> tuple[np.ndarray, tuple[CodedSegment, ...], tuple[DecodedStrip, ...]]:
    """Decodes a payload as far as its bytes go.

    Args:
        weights: of the preset.
        payload: uint8, the bytes that are there.
        payload_bytes: length of the whole payload.
        size: height and width of the picture in pixels.
        settings: of the stream.
        workers: threads; as many as there are cores if None.

    Returns:
        The picture, uint8 (height, width, channels), its segments, and what was decoded of each strip.

    Raises:
        DamagedStreamError: a value is impossible.
    """
    height, width = size
    if height * width <= SINGLE_STRIP:
        parts, rows = [(payload, payload_bytes)], height
    else:
        parts, rows = split_payload(payload, height, width)
    picture = np.empty((height, width, settings.channels), np.uint8)
    places = parts_of(height, rows)

    def run(index: int) -> DecodedStrip:
        data, length = parts[index]
        part = places[index]
        strip = decode_strip(weights, data, length, (part.stop - part.start, width), settings)
        picture[part] = strip.pixels
        return strip

    strips = side_by_side(run, range(len(parts)), workers)
    for strip, part in itertools.zip_longest(strips, places):
        fill_in(picture, part.start, part.stop, strip.known if strip else 0)

    def macs_of(strip: DecodedStrip) -> int:
        return strip_macs(strip.known, settings.channels, strip.choice.method, settings.tier) if strip.choice else 0

    segments = tuple(
        coded_segment(index, length, settings.tier, macs_of(strips[index]), len(data) == length)
        for index, (data, length) in enumerate(parts)
    )
    return picture, segments, tuple(strips)
