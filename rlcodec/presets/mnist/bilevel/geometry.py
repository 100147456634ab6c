"""Bilevel sources: the black-and-white images that MNIST's digits were resampled from, and how they render to gray levels.

MNIST's digits were scanned in black and white, cropped to a square and resampled to 20x20 pixels by the area that each scanned
pixel covers. Yadav and Bottou reconstructed the resampling ("Cold Case: The Lost MNIST Digits", 2019, section 2): a source
pixel covers 99% of its width, from its left edge on, unless it lies within one pixel of the result. This module adds the
remaining
arithmetic: areas are scaled so that the largest becomes 255, and rounded towards 128. The source is the shortest known exact
description of a digit; `rlcodec.presets.mnist.bilevel.coder` codes it as a sequence of one-bit symbols.

The original program summed areas in single precision. Where a sum lies on the boundary between two gray levels, the rounding
of these sums decides. It is reproduced here in integers, so that a source renders to the same pixels on every machine. If the
other level occurs nevertheless, that is a rounding exception: the renderer gives both levels, and the raster-encoder codes
which.

Images that no source renders to are not such digits; their pixels are coded directly.
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import inlined, kernel

BOX = 20
"""Side in pixels of the square, the box, that a source is resampled to."""
MIN_SIDE, MAX_SIDE = BOX, 110
SIDES = MAX_SIDE - MIN_SIDE + 1
PIXEL_UNITS, COVERED_UNITS = 100, 99
"""Width of a source pixel, and the part of it that is covered if the pixel is split between two pixels of the box."""
WEIGHT_SCALE = 1 << 14
LEAK = 1
"""Area that a source pixel leaves before its left edge, if rounding moved that edge across a boundary: almost none."""
TIE_SHIFT = 10
"""Areas within 2**-TIE_SHIFT of the brightest area of a boundary between gray levels are ties."""
AREA_BITS = 30
"""Single-precision areas are in units of 2**-AREA_BITS along each axis."""
MANTISSA_BITS = 24
USUAL_BITS = 2 * AREA_BITS
"""Bits of the areas of most pixels of the box."""
MIDDLE, WHITE = 128, 255

WORDS = 2
PAD = 8
"""Bits before the first column of a source in the words that hold a row."""
PRIOR_CONTEXTS = 2048


class Grid(NamedTuple):
    """How sources of one side are resampled; the same along both axes.

    Attributes:
        weights: int64 (BOX, side), exact areas along one axis, by pixel of the box and of the source.
        single: int64 (BOX, side), the same areas as they were in single precision, in units of 2**-AREA_BITS.
        start: int64 (BOX,), the first source row or column that each pixel of the box covers.
        stop: int64 (BOX,), the one behind the last.
        unit: sum of `weights` over a pixel of the box.
        peaks: int64 (p,), areas that the brightest pixel can have, in falling order.
    """

    weights: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    unit: int
    peaks: np.ndarray


class BilevelSource(NamedTuple):
    """A bilevel image and where its rendering lies in a digit.

    Attributes:
        rows: uint64 (side, WORDS), column x in bit x + PAD; 1 is ink.
        peak: index into `Grid.peaks` of the area of the brightest pixel.
        top: row of the box in the image; the box may lie partly outside, where it is empty.
        left: column of the box in the image.
    """

    rows: np.ndarray
    peak: int
    top: int
    left: int

    @property
    def side(self) -> int:
        """Height and width in pixels."""
        return len(self.rows)


@kernel
def _round_to_single(value, shift):
    """Rounds to MANTISSA_BITS significant bits, halves to even.

    Args:
        value: not negative.
        shift: a first guess of how many bits are cut off, for instance those of the previous value.

    Returns:
        The rounded value, and how many bits were cut off.
    """
    while value >> (shift + MANTISSA_BITS):
        shift += 1
    while shift > 0 and not value >> (shift + MANTISSA_BITS - 1):
        shift -= 1
    if shift > 0:
        odd = (value >> shift) & 1
        value = (value + (np.int64(1) << (shift - 1)) - 1 + odd) >> shift << shift
    return value, shift


@kernel
def get_bit(row, column):
    """A pixel of a row of a source, uint64 (WORDS,)."""
    bit = column + PAD
    return np.int64((row[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1))


@kernel
def get_bits(row, first, count):
    """`count` bits of a row, uint64 (WORDS,), from bit `first` on."""
    return bits_of(row[0], row[1], first, count)


@kernel
def bits_of(low, high, first, count):
    """As `get_bits`, of the two words of a row."""
    if first >= 64:
        value = high >> np.uint64(first - 64)
    elif first:
        value = low >> np.uint64(first) | high << np.uint64(64 - first)
    else:
        value = low
    return np.int64(value & ((np.uint64(1) << np.uint64(count)) - np.uint64(1)))


@kernel
def ink_in(rows, start, stop):
    """The ink of rows `start` to `stop` combined by OR, as two words."""
    low, high = np.uint64(0), np.uint64(0)
    for i in range(start, stop):
        low |= rows[i, 0]
        high |= rows[i, 1]
    return low, high


@inlined
def from_bit(row, first):
    """A row shifted down by `first` bits, 1 to 63, as two words with the lowest bits first."""
    shift, rest = np.uint64(first), np.uint64(64 - first)
    return row[0] >> shift | row[1] << rest, row[1] >> shift


@inlined
def without_first(words):
    """Two words shifted down by one bit."""
    return words[0] >> np.uint64(1) | words[1] << np.uint64(63), words[1] >> np.uint64(1)


@kernel
def set_bit(row, column):
    """Sets a pixel of a row of a source, uint64 (WORDS,), to ink."""
    bit = column + PAD
    row[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@kernel
def first_fresh(start, stop, r):
    """The first source row, or column, that pixel `r` of the box covers and no pixel before it."""
    return start[r] if r == 0 else max(start[r], stop[r - 1])


@kernel
def box_area(rows, first, single, start, stop, r, c):
    """Area of ink in pixel (r, c) of the box, rounded as the original program did; `rows` holds the source from row `first`
    on."""
    total, shift = np.int64(0), np.int64(USUAL_BITS - MANTISSA_BITS)
    for i in range(start[r], stop[r]):
        bits = get_bits(rows[i - first], start[c] + PAD, stop[c] - start[c])
        j = start[c]
        while bits:
            if bits & 1:
                total, shift = _round_to_single(total + single[r, i] * single[c, j], shift)
            bits >>= 1
            j += 1
    return total


@kernel
def gray_level(area, peak):
    """Gray level of an area if `peak` is the brightest, and the level of a rounding exception; the same unless there is a
    tie."""
    area >>= AREA_BITS - 6
    peak >>= AREA_BITS - 6
    scaled = WHITE * area
    level = scaled // peak
    rest = scaled - level * peak
    near = peak >> TIE_SHIFT
    up, down = peak - rest <= near, rest <= near and level > 0
    if level < MIDDLE:
        if rest:
            return level + 1, level if down else (level + 2 if up else level + 1)
        return level, level + 1 if down else level
    return level, level - 1 if down else (level + 1 if up else level)


@functools.cache
def grid(side: int) -> Grid:
    """The resampling grid of sources of a side in pixels."""
    weights, single = np.zeros((BOX, side), np.int64), np.zeros((BOX, side), np.int64)
    cell = PIXEL_UNITS * side // BOX

    def fixed(value: np.floating | float) -> int:
        return int(np.rint(float(value) * 2**AREA_BITS))

    # The original program computed edges in single precision; so which side of a boundary an edge falls on depends on it.
    scale, centre = np.float32(BOX / side), np.float32(side / 2)
    for pixel in range(side):
        left = np.float32(BOX / 2) + scale * (np.float32(pixel) - centre)
        right = left + np.float32(COVERED_UNITS / PIXEL_UNITS) * scale
        first, last = int(left), int(right)
        if first == last:
            weights[first, pixel] = PIXEL_UNITS * WEIGHT_SCALE
            single[first, pixel] = fixed(BOX / side)
        else:
            before = max(cell * last - PIXEL_UNITS * pixel, 0)
            weights[first, pixel] = before * WEIGHT_SCALE or LEAK
            weights[last, pixel] = (COVERED_UNITS - before) * WEIGHT_SCALE
            single[first, pixel] = max(fixed(last - left), 1)
            single[last, pixel] = fixed(right - last)
    start = (weights > 0).argmax(1).astype(np.int64)
    stop = side - (weights > 0)[:, ::-1].argmax(1)
    full = np.full((side, WORDS), ~np.uint64(0))
    sums = {box_area(full, 0, single, start, stop, r, c) for r in range(BOX) for c in range(BOX)}
    return Grid(weights, single, start, stop, cell * WEIGHT_SCALE, np.array(sorted(sums, reverse=True), np.int64))


@kernel
def near_context(rows, y, x):
    """The eleven nearest of the source pixels that are coded before (y, x), as 11 bits; `rows` starts two rows above the
    source."""
    bit = x + PAD
    return get_bits(rows[y + 2], bit - 3, 3) | get_bits(rows[y + 1], bit - 2, 5) << 3 | get_bits(rows[y], bit - 1, 3) << 8
