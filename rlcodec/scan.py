"""What a digit of MNIST was made from: the bilevel scan behind its gray levels, found again and rendered exactly.

MNIST's digits are bilevel scans, cropped to a square and resampled to 20x20 by the area that each scan pixel covers.
Yadav and Bottou found the resampling out ("Cold Case: The Lost MNIST Digits", 2019, section 2): a scan pixel covers 99%
of its width, from its left edge on, unless it lies within one pixel of the result. This module adds the rest of the
arithmetic: values are scaled so that the largest is 255 and rounded towards 128. The scan is the shortest exact
description of the digit that is known, and a raster-encoder of one-bit symbols codes it (`rlcodec.raster_scan`).

The original summed areas in single precision, and where a sum should meet a boundary between two gray levels, the
rounding of those sums decides. It is reproduced here in integers, so that a scan renders to the same pixels on any
machine. Where even so the other level occurs, the renderer names the *slip*, and the raster-encoder codes it.

Images that no scan explains (they are no such digits) have none, and their pixels are coded as they are.
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.kernel import kernel

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
MIDDLE, WHITE = 128, 255

WORDS = 2
PAD = 8
"""Bits left of a scan's first column in the words that hold a row."""
WINDOW = 10
"""Scan rows that a search keeps at hand: two of context and those that a row of the box covers."""
PRIOR_CONTEXTS = 2048
BEAMS = (96, 1024)
"""Widths of the beam: a patient attempt follows a failed one."""
NOT_FOUND = 1 << 40


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
def _round_to_single(value):
    """Rounds to MANTISSA_BITS significant bits, halves to even."""
    shift, high = 1 - MANTISSA_BITS, value
    for step in (32, 16, 8, 4, 2, 1):
        if high >> step:
            high >>= step
            shift += step
    if shift <= 0:
        return value
    rest = value & ((np.int64(1) << shift) - 1)
    value -= rest
    half = np.int64(1) << (shift - 1)
    if rest > half or (rest == half and (value >> shift) & 1):
        value += np.int64(1) << shift
    return value


@kernel
def get_bit(row, column):
    """Pixel of a scan's row, uint64 (WORDS,)."""
    bit = column + PAD
    return np.int64((row[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1))


@kernel
def get_bits(row, first, count):
    """`count` bits of a row of words from bit `first` on."""
    word, shift = first >> 6, np.uint64(first & 63)
    value = row[word] >> shift
    if shift and word + 1 < WORDS:
        value |= row[word + 1] << (np.uint64(64) - shift)
    return np.int64(value & ((np.uint64(1) << np.uint64(count)) - np.uint64(1)))


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
    total = np.int64(0)
    for i in range(start[r], stop[r]):
        bits = get_bits(rows[i - first], start[c] + PAD, stop[c] - start[c])
        j = start[c]
        while bits:
            if bits & 1:
                total = _round_to_single(total + single[r, i] * single[c, j])
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
def _level_bounds(level, peak):
    """Least and largest WHITE * area that can give a gray level where `peak` is the brightest, ties on either side included."""
    slack = peak >> TIE_SHIFT
    if level == 0:
        return np.int64(0), np.int64(0)
    if level < MIDDLE:
        return (level - 1) * peak - slack, level * peak + slack
    if level == MIDDLE:
        return (level - 1) * peak - slack, (level + 1) * peak + slack
    if level < WHITE:
        return level * peak - slack, (level + 1) * peak + slack
    return WHITE * peak - slack, WHITE * peak + slack


@kernel
def _propagate(levels, weights, start, stop, peak, known):
    """Finds the scan pixels that the gray levels force; False when they contradict one another.

    `known` (side, side) int8 becomes 0 or 1 where a pixel is forced, else -1.
    """
    known[:] = -1
    changed = True
    while changed:
        changed = False
        for r in range(BOX):
            for c in range(BOX):
                low, high = _level_bounds(levels[r, c], peak)
                certain, free = np.int64(0), np.int64(0)
                for i in range(start[r], stop[r]):
                    for j in range(start[c], stop[c]):
                        if known[i, j] > 0:
                            certain += weights[r, i] * weights[c, j]
                        elif known[i, j] < 0:
                            free += weights[r, i] * weights[c, j]
                if WHITE * certain > high or WHITE * (certain + free) < low:
                    return False
                if free == 0:
                    continue
                for i in range(start[r], stop[r]):
                    for j in range(start[c], stop[c]):
                        if known[i, j] < 0:
                            area = weights[r, i] * weights[c, j]
                            if WHITE * (certain + area) > high:
                                known[i, j] = 0
                                changed = True
                            elif WHITE * (certain + free - area) < low:
                                known[i, j] = 1
                                changed = True
    return True


@kernel
def near_context(rows, y, x):
    """The eleven scan pixels around (y, x) that are coded before it; `rows` starts two rows above the scan."""
    bit = x + PAD
    return get_bits(rows[y + 2], bit - 3, 3) | get_bits(rows[y + 1], bit - 2, 5) << 3 | get_bits(rows[y], bit - 1, 3) << 8


@kernel
def _copy_state(windows, costs, parents, sums, source, k, target, to):
    """Copies entry `k` of one half of the search's arrays to entry `to` of a half."""
    if source == target and k == to:
        return
    for a in range(WINDOW):
        for w in range(WORDS):
            windows[target, to, a, w] = windows[source, k, a, w]
    costs[target, to] = costs[source, k]
    parents[target, to] = parents[source, k]
    sums[target, to] = sums[source, k]


@kernel
def _merge(windows, costs, parents, sums, now, count, step):
    """Keeps the cheapest of the states whose windows agree from row `step` on: the rest of a scan cannot tell them apart."""
    hashes = np.empty(count, np.uint64)
    alive = 0
    for k in range(count):
        value = np.uint64(14695981039346656037)
        for a in range(step, WINDOW):
            for w in range(WORDS):
                value = (value ^ windows[now, k, a, w]) * np.uint64(1099511628211)
                value ^= value >> np.uint64(29)
        twin = 0
        while twin < alive and hashes[twin] != value:
            twin += 1
        if twin == alive:
            hashes[twin] = value
            _copy_state(windows, costs, parents, sums, now, k, now, twin)
            alive += 1
        elif costs[now, k] < costs[now, twin]:
            _copy_state(windows, costs, parents, sums, now, k, now, twin)
    return alive


@kernel
def _search(levels, known, weights, start, stop, peak, prior, width, found):
    """Beam search for the cheapest scan with given gray levels, in raster order of the box.

    Args:
        levels: int64 (BOX, BOX).
        known: from `_propagate`.
        weights, start, stop: of the grid.
        peak: the brightest area.
        prior: int32 (PRIOR_CONTEXTS, 2), cost of a 0 and of a 1 in `near_context`.
        width: of the beam.
        found: uint64 (side, WORDS), receives the scan.

    Returns:
        Its cost, or NOT_FOUND.
    """
    room = 8 * width
    windows = np.zeros((2, room, WINDOW, WORDS), np.uint64)
    costs = np.zeros((2, room), np.int64)
    parents = np.zeros((2, room), np.int64)
    sums = np.zeros((2, room), np.int64)
    kept = np.zeros((BOX, width, WINDOW, WORDS), np.uint64)
    origins = np.zeros((BOX, width), np.int64)
    count, now, other = 1, 0, 1
    for r in range(BOX):
        fresh = first_fresh(start, stop, r)
        base = start[r] - 2
        if r:
            step = start[r] - start[r - 1]
            for k in range(count):
                for a in range(WINDOW):
                    for w in range(WORDS):
                        windows[now, k, a, w] = windows[now, k, a + step, w] if a + step < WINDOW else np.uint64(0)
        for c in range(BOX):
            new = first_fresh(start, stop, c)
            low, high = _level_bounds(levels[r, c], peak)
            free = np.int64(0)
            for i in range(fresh, stop[r]):
                for j in range(new, stop[c]):
                    free += weights[r, i] * weights[c, j]
            alive = 0
            for k in range(count):
                total = np.int64(0)
                for i in range(start[r], stop[r]):
                    for j in range(start[c], stop[c] if i < fresh else new):
                        if get_bit(windows[now, k, i - base], j):
                            total += weights[r, i] * weights[c, j]
                if WHITE * total <= high and WHITE * (total + free) >= low:
                    sums[now, k] = total
                    _copy_state(windows, costs, parents, sums, now, k, now, alive)
                    alive += 1
            count = alive
            if count == 0:
                return NOT_FOUND
            if levels[r, c] == 0:
                continue
            for i in range(fresh, stop[r]):
                for j in range(new, stop[c]):
                    area = weights[r, i] * weights[c, j]
                    free -= area
                    if known[i, j] >= 0:
                        bit = np.int64(known[i, j])
                        for k in range(count):
                            context = near_context(windows[now, k], i - base - 2, j)
                            costs[now, k] += prior[context, bit]
                            sums[now, k] += bit * area
                            if bit:
                                set_bit(windows[now, k, i - base], j)
                        continue
                    grown = 0
                    for k in range(count):
                        context = near_context(windows[now, k], i - base - 2, j)
                        for bit in range(2):
                            total = sums[now, k] + bit * area
                            if WHITE * total > high or WHITE * (total + free) < low:
                                continue
                            _copy_state(windows, costs, parents, sums, now, k, other, grown)
                            if bit:
                                set_bit(windows[other, grown, i - base], j)
                            costs[other, grown] += prior[context, bit]
                            sums[other, grown] = total
                            grown += 1
                    if grown == 0:
                        return NOT_FOUND
                    limit = 4 * width
                    if grown > limit:
                        order = np.argsort(costs[other, :grown])[:limit]
                        for a in range(limit):
                            _copy_state(windows, costs, parents, sums, other, order[a], now, a)
                        count = limit
                    else:
                        now, other, count = other, now, grown
            alive = 0
            for k in range(count):
                if low <= WHITE * sums[now, k] <= high:
                    _copy_state(windows, costs, parents, sums, now, k, now, alive)
                    alive += 1
            count = alive
            if count == 0:
                return NOT_FOUND
            if count > width:
                order = np.argsort(costs[now, :count])[:width]
                for a in range(width):
                    _copy_state(windows, costs, parents, sums, now, order[a], other, a)
                now, other, count = other, now, width
        for k in range(count):
            origins[r, k] = parents[now, k]
            for i in range(fresh, stop[r]):
                kept[r, k, i - fresh] = windows[now, k, i - base]
            parents[now, k] = k
        if r < BOX - 1:
            count = _merge(windows, costs, parents, sums, now, count, start[r + 1] - start[r])
    k = np.argmin(costs[now, :count])
    cost = costs[now, k]
    for r in range(BOX - 1, -1, -1):
        fresh = first_fresh(start, stop, r)
        for i in range(fresh, stop[r]):
            found[i] = kept[r, k, i - fresh]
        k = origins[r, k]
    return cost


@kernel
def _explains(rows, levels, single, start, stop, peaks):
    """Index of the peak under which a scan renders to `levels`, slips included; -1 when it does not."""
    brightest = np.int64(0)
    areas = np.empty((BOX, BOX), np.int64)
    for r in range(BOX):
        for c in range(BOX):
            areas[r, c] = box_area(rows, 0, single, start, stop, r, c)
            brightest = max(brightest, areas[r, c])
    for p in range(peaks.shape[0]):
        if peaks[p] == brightest:
            for r in range(BOX):
                for c in range(BOX):
                    level, slipped = gray_level(areas[r, c], brightest)
                    if levels[r, c] != level and levels[r, c] != slipped:
                        return -1
            return p
    return -1


def find_scan(pixels: np.ndarray, prior: np.ndarray) -> Scan | None:
    """The cheapest scan that renders exactly to an image, or None.

    Args:
        pixels: uint8 (height, width).
        prior: int32 (PRIOR_CONTEXTS, 2), what a scan pixel costs in its `near_context`.
    """
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows):
        return None
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.int64)
    if max(ink.shape) != BOX:
        return None
    candidates = np.empty((3 * BOX * SIDES, 3), np.int64)
    count = _candidates(ink, *_all_grids(), candidates)
    for width in BEAMS:
        best, cheapest = None, NOT_FOUND
        for side, offset, peak in candidates[:count].tolist():
            if best and side != best.side:
                break
            scan, cost = _find_at(ink, side, offset, peak, prior, width)
            if scan and cost < cheapest:
                top, left = (offset, 0) if ink.shape[0] < BOX else (0, offset)
                best, cheapest = scan._replace(top=int(rows[0]) - top, left=int(columns[0]) - left), cost
        if best:
            return best
    return None


@kernel
def _place(ink, offset, levels):
    """Writes the ink into an empty box: at column `offset`, or at row `offset` when it is less high than the box."""
    levels[:] = 0
    if ink.shape[0] < BOX:
        levels[offset : offset + ink.shape[0], : ink.shape[1]] = ink
    else:
        levels[:, offset : offset + ink.shape[1]] = ink


@kernel
def _candidates(ink, weights, starts, stops, peaks, offsets, out):
    """Lists the (side, offset, peak) that the gray levels of the ink do not contradict at once; returns how many."""
    count = 0
    levels = np.empty((BOX, BOX), np.int64)
    extent = min(ink.shape[0], ink.shape[1])
    for s in range(weights.shape[0]):
        side = MIN_SIDE + s
        known = np.empty((side, side), np.int8)
        for offset in range(BOX - extent + 1):
            if offsets[s, extent, offset]:
                _place(ink, offset, levels)
                for p in range(peaks.shape[1]):
                    if _propagate(levels, weights[s, :, :side], starts[s], stops[s], peaks[s, p], known):
                        out[count, 0], out[count, 1], out[count, 2] = side, offset, peaks[s, p]
                        count += 1
    return count


@functools.cache
def _all_grids():
    """The grids of all sides in arrays for `_candidates`; `offsets` (SIDES, BOX + 1, BOX) says where ink can begin."""
    weights = np.zeros((SIDES, BOX, MAX_SIDE), np.int64)
    starts, stops = np.zeros((SIDES, BOX), np.int64), np.zeros((SIDES, BOX), np.int64)
    peaks, offsets = np.zeros((SIDES, 3), np.int64), np.zeros((SIDES, BOX + 1, BOX), np.bool_)
    for s in range(SIDES):
        side = MIN_SIDE + s
        one = grid(side)
        weights[s, :, :side], starts[s], stops[s] = one.weights, one.start, one.stop
        split = one.unit - (PIXEL_UNITS - COVERED_UNITS) * WEIGHT_SCALE
        peaks[s] = one.unit**2, one.unit * split, split**2
        for width in range(1, side + 1):
            for left in ((side - width) // 2, (side - width + 1) // 2):
                first = int((one.weights[:, left] > 0).argmax())
                last = BOX - 1 - int((one.weights[::-1, left + width - 1] > 0).argmax())
                offsets[s, last - first + 1, first] = True
    return weights, starts, stops, peaks, offsets


def _find_at(ink, side, offset, peak, prior, width):
    """The cheapest scan of a candidate and its cost; None when there is none. Its place is left to the caller."""
    weights, single, start, stop, _, peaks = grid(side)
    levels, known = np.empty((BOX, BOX), np.int64), np.empty((side, side), np.int8)
    _place(ink, offset, levels)
    _propagate(levels, weights, start, stop, peak, known)
    found = np.zeros((side, WORDS), np.uint64)
    cost = _search(levels, known, weights, start, stop, peak, prior, width, found)
    index = _explains(found, levels, single, start, stop, peaks) if cost < NOT_FOUND else -1
    return (Scan(found, int(index), 0, 0), cost) if index >= 0 else (None, NOT_FOUND)
