"""What a digit of MNIST was made from: the bilevel scan behind its gray levels, found again and rendered exactly.

MNIST's digits are bilevel scans, cropped to a square and resampled to 20x20 by the area that each scan pixel covers.
Yadav and Bottou found the resampling out ("Cold Case: The Lost MNIST Digits", 2019, section 2): a scan pixel covers 99%
of its width, from its left edge on, unless it lies within one pixel of the result. This module adds the rest of the
arithmetic: values are scaled so that the largest is 255 and rounded towards 128. The scan is the shortest exact
description of the digit that is known, and a raster-encoder of one-bit symbols codes it (`rlcodec.presets.mnist.bilevel.coder`).

The original summed areas in single precision, and where a sum should meet a boundary between two gray levels, the
rounding of those sums decides. It is reproduced here in integers, so that a scan renders to the same pixels on any
machine. Where even so the other level occurs, the renderer names the *slip*, and the raster-encoder codes it.

Images that no scan explains (they are no such digits) have none, and their pixels are coded as they are.
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import inlined, kernel

BOX = 20
"""Side of the square that a scan is resampled to."""
MIN_SIDE, MAX_SIDE = BOX, 110
SIDES = MAX_SIDE - MIN_SIDE + 1
PIXEL_UNITS, COVERED_UNITS = 100, 99
"""A scan pixel's width, and what it covers of it when it is split between two pixels of the box."""
WEIGHT_SCALE = 1 << 14
LEAK = 1
"""What a scan pixel leaves before its left edge, when rounding moved that edge across a boundary: next to nothing."""
TIE_SHIFT = 10
"""Gray levels within 2**-TIE_SHIFT of a boundary are ties."""
AREA_BITS = 30
"""Single-precision areas are in units of 2**-AREA_BITS along each axis."""
MANTISSA_BITS = 24
USUAL_BITS = 2 * AREA_BITS
"""Areas of pixels of the box have about so many."""
MIDDLE, WHITE = 128, 255

WORDS = 2
PAD = 8
"""Bits left of a scan's first column in the words that hold a row."""
PRIOR_CONTEXTS = 2048


class Grid(NamedTuple):
    """How a scan of one side is resampled.

    Shapes: `weights` (BOX, side) int64, exact areas along one axis, of which `unit` make a pixel of the box; `single`
    (BOX, side) int64, the same as they were in single precision; `start`, `stop` (BOX,) int64, the scan rows or columns
    that a pixel of the box covers; `peaks` (p,) int64, sums of whole pixels that can be the brightest, falling.
    """

    weights: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    unit: int
    peaks: np.ndarray


class Scan(NamedTuple):
    """A bilevel scan and its place in the image.

    Shapes: `rows` (side, WORDS) uint64, column x in bit x + PAD; `peak` indexes `Grid.peaks`; `top`, `left` are the
    place of the box, which may lie in part outside the image, where it is empty.
    """

    rows: np.ndarray
    peak: int
    top: int
    left: int

    @property
    def side(self) -> int:
        return len(self.rows)


@kernel
def _round_to_single(value, shift):
    """Rounds to MANTISSA_BITS significant bits, halves to even; tries first how many bits were cut off the value before.

    Returns the value and how many bits were cut off.
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
    """Pixel of a scan's row, uint64 (WORDS,)."""
    bit = column + PAD
    return np.int64((row[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1))


@kernel
def get_bits(row, first, count):
    """`count` bits of a row of words from bit `first` on."""
    return bits_of(row[0], row[1], first, count)


@kernel
def bits_of(low, high, first, count):
    """As `get_bits` of a row's two words."""
    if first >= 64:
        value = high >> np.uint64(first - 64)
    elif first:
        value = low >> np.uint64(first) | high << np.uint64(64 - first)
    else:
        value = low
    return np.int64(value & ((np.uint64(1) << np.uint64(count)) - np.uint64(1)))


@kernel
def ink_in(rows, start, stop):
    """The ink of several rows together: two words."""
    low, high = np.uint64(0), np.uint64(0)
    for i in range(start, stop):
        low |= rows[i, 0]
        high |= rows[i, 1]
    return low, high


@inlined
def from_bit(row, first):
    """A row's words from bit `first` on, from 1 to 63: two words, the lowest bits first."""
    shift, rest = np.uint64(first), np.uint64(64 - first)
    return row[0] >> shift | row[1] << rest, row[1] >> shift


@inlined
def without_first(words):
    """Two words without their lowest bit."""
    return words[0] >> np.uint64(1) | words[1] << np.uint64(63), words[1] >> np.uint64(1)


@kernel
def set_bit(row, column):
    """Sets a pixel of a scan's row, uint64 (WORDS,)."""
    bit = column + PAD
    row[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@kernel
def first_fresh(start, stop, r):
    """The first scan row, or column, that box pixel `r` covers and none before it does."""
    return start[r] if r == 0 else max(start[r], stop[r - 1])


@kernel
def box_area(rows, first, single, start, stop, r, c):
    """Area of pixel (r, c) of the box, summed as the original did; `rows` holds the scan from row `first` on."""
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
    """Gray level of an area where `peak` is the brightest, and the level that a slip gives (the same without a tie)."""
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
    """The resampling grid of a square scan."""
    weights, single = np.zeros((BOX, side), np.int64), np.zeros((BOX, side), np.int64)
    cell = PIXEL_UNITS * side // BOX

    def fixed(value: np.floating | float) -> int:
        return int(np.rint(float(value) * 2**AREA_BITS))

    # Single-precision arithmetic, step by step, decided on which side of a boundary an edge fell.
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
    """The eleven scan pixels around (y, x) that are coded before it; `rows` starts two rows above the scan."""
    bit = x + PAD
    return get_bits(rows[y + 2], bit - 3, 3) | get_bits(rows[y + 1], bit - 2, 5) << 3 | get_bits(rows[y], bit - 1, 3) << 8
