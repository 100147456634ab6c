"""Finds a bilevel source that renders to exactly the gray levels of a digit: the cheapest that a beam search finds."""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import array_kernel, assign, kernel
from rlcodec.presets.mnist.bilevel.geometry import (
    BOX,
    COVERED_UNITS,
    MAX_SIDE,
    MIDDLE,
    MIN_SIDE,
    PIXEL_UNITS,
    SIDES,
    TIE_SHIFT,
    WEIGHT_SCALE,
    WHITE,
    WORDS,
    BilevelSource,
    box_area,
    first_fresh,
    get_bit,
    gray_level,
    grid,
    near_context,
    set_bit,
)

WINDOW = 10
"""Source rows that a state of the search holds: two of context, and those that a row of the box covers."""
BEAMS = (96, 1024)
"""Widths of the beam; the second is tried if the first finds nothing."""
NOT_FOUND = 1 << 40


@kernel
def level_bounds(level, peak):
    """Smallest and largest WHITE * area that can give a gray level if `peak` is the brightest area, ties included."""
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
def propagate(levels, weights, start, stop, peak, known):
    """Finds the source pixels that the gray levels determine, by constraint propagation.

    Args:
        levels: int64 (BOX, BOX).
        weights: int64 (BOX, side), of the grid, as `start` and `stop`.
        start: int64 (BOX,).
        stop: int64 (BOX,).
        peak: the brightest area.
        known: int8 (side, side), written: 0 or 1 where a pixel is determined, else -1.

    Returns:
        False if the levels contradict each other.
    """
    known[:] = -1
    changed = True
    while changed:
        changed = False
        for r in range(BOX):
            for c in range(BOX):
                if levels[r, c] == 0:  # all source pixels are background, without any sums
                    for i in range(start[r], stop[r]):
                        for j in range(start[c], stop[c]):
                            if known[i, j] > 0:
                                return False
                            if known[i, j] < 0:
                                known[i, j] = 0
                                changed = True
                    continue
                low, high = level_bounds(levels[r, c], peak)
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
def _copy_state(windows, costs, parents, sums, source, k, target, to):
    """Copies state `k` of half `source` of the beam to place `to` of half `target`."""
    if source == target and k == to:
        return
    for a in range(WINDOW):
        for w in range(WORDS):
            windows[target, to, a, w] = windows[source, k, a, w]
    costs[target, to] = costs[source, k]
    parents[target, to] = parents[source, k]
    sums[target, to] = sums[source, k]


@kernel
def _merge(windows, costs, parents, sums, hashes, now, count, step):
    """Keeps the cheapest of all states whose windows agree from row `step` on, since all that follows is the same for them."""
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


class Beam(NamedTuple):
    """Workspace of a beam search of width w: two halves of up to 8 w states, which take turns.

    Attributes:
        windows: uint64 (2, 8 w, WINDOW, WORDS), the current source rows of each state.
        costs: int64 (2, 8 w), of the pixels chosen so far.
        parents: int64 (2, 8 w), place of the state's ancestor after the previous row of the box.
        sums: int64 (2, 8 w), area of the current box pixel so far.
        kept: uint64 (BOX, w, WINDOW, WORDS), the source rows that each row of the box completed.
        origins: int64 (BOX, w), `parents` after each row of the box.
        hashes: uint64 (8 w,), scratch buffer for merging states.
        order: int64 (8 w,), scratch buffer for sorting.
        spare: int64 (8 w,), the same.
    """

    windows: np.ndarray
    costs: np.ndarray
    parents: np.ndarray
    sums: np.ndarray
    kept: np.ndarray
    origins: np.ndarray
    hashes: np.ndarray
    order: np.ndarray
    spare: np.ndarray


def empty_beam(width: int) -> Beam:
    """A workspace for a beam search of a width."""
    states = 8 * width
    costs, parents, sums = np.zeros((3, 2, states), np.int64)
    return Beam(
        np.zeros((2, states, WINDOW, WORDS), np.uint64),
        costs,
        parents,
        sums,
        np.zeros((BOX, width, WINDOW, WORDS), np.uint64),
        np.zeros((BOX, width), np.int64),
        np.empty(states, np.uint64),
        np.empty(states, np.int64),
        np.empty(states, np.int64),
    )


@kernel
def _sort(costs, order, spare):
    """Writes the order of costs, ties by place, into the front of `order`: a bottom-up merge sort with a scratch buffer
    `spare`."""
    count = costs.shape[0]
    for k in range(count):
        order[k] = k
    length = 1
    while length < count:
        for start in range(0, count, 2 * length):
            middle, stop = min(start + length, count), min(start + 2 * length, count)
            i, j = start, middle
            for k in range(start, stop):
                if j >= stop or (i < middle and costs[order[i]] <= costs[order[j]]):
                    spare[k] = order[i]
                    i += 1
                else:
                    spare[k] = order[j]
                    j += 1
        assign(order, spare[:count])
        length *= 2


@kernel
def search(beam, levels, known, weights, start, stop, peak, prior, width, rows):
    """Searches for the cheapest source that renders to given gray levels, in raster order of the box.

    Args:
        beam: from `empty_beam`, not used before, or after `clear_beam`.
        levels: int64 (BOX, BOX).
        known: from `propagate`.
        weights: int64 (BOX, side), of the grid, as `start` and `stop`.
        start: int64 (BOX,).
        stop: int64 (BOX,).
        peak: the brightest area.
        prior: int32 (PRIOR_CONTEXTS, 2), cost of a 0 and of a 1 by `near_context`.
        width: of the beam.
        rows: uint64 (side, WORDS), written: rows of the source.

    Returns:
        Its cost, or NOT_FOUND.
    """
    windows, costs, parents, sums, kept, origins = beam.windows, beam.costs, beam.parents, beam.sums, beam.kept, beam.origins
    order = beam.order
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
            low, high = level_bounds(levels[r, c], peak)
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
                        _sort(costs[other, :grown], order, beam.spare)
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
                _sort(costs[now, :count], order, beam.spare)
                for a in range(width):
                    _copy_state(windows, costs, parents, sums, now, order[a], other, a)
                now, other, count = other, now, width
        for k in range(count):
            origins[r, k] = parents[now, k]
            for i in range(fresh, stop[r]):
                assign(kept[r, k, i - fresh], windows[now, k, i - base])
            parents[now, k] = k
        if r < BOX - 1:
            count = _merge(windows, costs, parents, sums, beam.hashes, now, count, start[r + 1] - start[r])
    k = np.argmin(costs[now, :count])
    cost = costs[now, k]
    for r in range(BOX - 1, -1, -1):
        fresh = first_fresh(start, stop, r)
        for i in range(fresh, stop[r]):
            assign(rows[i], kept[r, k, i - fresh])
        k = origins[r, k]
    return cost


@kernel
def clear_beam(beam):
    """Prepares a workspace for another search."""
    beam.windows[0, 0] = 0
    beam.costs[0, 0] = beam.parents[0, 0] = beam.sums[0, 0] = 0


@kernel
def explains(rows, levels, single, start, stop, peaks, areas):
    """Whether a source renders to gray levels, rounding exceptions included.

    Args:
        rows: uint64 (side, WORDS), the source.
        levels: int64 (BOX, BOX).
        single: int64 (BOX, side), of the grid, as `start` and `stop`.
        start: int64 (BOX,).
        stop: int64 (BOX,).
        peaks: int64, areas that the brightest pixel can have.
        areas: int64 (BOX, BOX), overwritten.

    Returns:
        The index into `peaks` of the brightest area; -1 if the source renders to other levels.
    """
    brightest = np.int64(0)
    for r in range(BOX):
        for c in range(BOX):
            areas[r, c] = box_area(rows, 0, single, start, stop, r, c)
            brightest = max(brightest, areas[r, c])
    for p in range(peaks.shape[0]):
        if peaks[p] == brightest:
            for r in range(BOX):
                for c in range(BOX):
                    level, exception = gray_level(areas[r, c], brightest)
                    if levels[r, c] != level and levels[r, c] != exception:
                        return -1
            return p
    return -1


def find_source(pixels: np.ndarray, prior: np.ndarray) -> BilevelSource | None:
    """The cheapest source that renders exactly to an image.

    Args:
        pixels: uint8 (height, width).
        prior: int32 (PRIOR_CONTEXTS, 2), cost of a source pixel by `near_context`.

    Returns:
        The source with its place in the image; None if none was found.
    """
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows):
        return None
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.int64)
    if max(ink.shape) != BOX:
        return None
    candidates = np.empty((3 * BOX * SIDES, 3), np.int64)
    count = _candidates(ink, *all_grids(), candidates)
    for width in BEAMS:
        best, cheapest = None, NOT_FOUND
        for side, offset, peak in candidates[:count].tolist():
            if best and side != best.side:
                break
            source, cost = _find_at(ink, side, offset, peak, prior, width)
            if source and cost < cheapest:
                top, left = (offset, 0) if ink.shape[0] < BOX else (0, offset)
                best, cheapest = source._replace(top=int(rows[0]) - top, left=int(columns[0]) - left), cost
        if best:
            return best
    return None


@array_kernel
def _place(ink, offset, levels):
    """Writes the ink into an empty box: at column `offset`, or at row `offset` if it is lower than the box."""
    levels[:] = 0
    if ink.shape[0] < BOX:
        levels[offset : offset + ink.shape[0], : ink.shape[1]] = ink
    else:
        levels[:, offset : offset + ink.shape[1]] = ink


@array_kernel
def _candidates(ink, weights, starts, stops, peaks, offsets, out):
    """Writes all (side, offset, peak) that constraint propagation does not rule out, and returns how many there are."""
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
                    if propagate(levels, weights[s, :, :side], starts[s], stops[s], peaks[s, p], known):
                        out[count, 0], out[count, 1], out[count, 2] = side, offset, peaks[s, p]
                        count += 1
    return count


class Grids(NamedTuple):
    """The grids of all sides, padded to one size.

    Attributes:
        weights: int64 (SIDES, BOX, MAX_SIDE), as in `Grid`.
        starts: int64 (SIDES, BOX), the same.
        stops: int64 (SIDES, BOX), the same.
        peaks: int64 (SIDES, 3), areas that the brightest pixel can have.
        offsets: bool (SIDES, BOX + 1, BOX), whether ink of some extent can begin at some place of the box.
    """

    weights: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    peaks: np.ndarray
    offsets: np.ndarray


@functools.cache
def all_grids() -> Grids:
    """The grids of all sides."""
    weights = np.zeros((SIDES, BOX, MAX_SIDE), np.int64)
    starts, stops = np.zeros((SIDES, BOX), np.int64), np.zeros((SIDES, BOX), np.int64)
    peaks, offsets = np.zeros((SIDES, 3), np.int64), np.zeros((SIDES, BOX + 1, BOX), np.bool_)
    for s in range(SIDES):
        side = MIN_SIDE + s
        of_side = grid(side)
        weights[s, :, :side], starts[s], stops[s] = of_side.weights, of_side.start, of_side.stop
        split = of_side.unit - (PIXEL_UNITS - COVERED_UNITS) * WEIGHT_SCALE
        peaks[s] = of_side.unit**2, of_side.unit * split, split**2
        for width in range(1, side + 1):
            for left in ((side - width) // 2, (side - width + 1) // 2):
                first = int((of_side.weights[:, left] > 0).argmax())
                last = BOX - 1 - int((of_side.weights[::-1, left + width - 1] > 0).argmax())
                offsets[s, last - first + 1, first] = True
    return Grids(weights, starts, stops, peaks, offsets)


def _find_at(ink, side, offset, peak, prior, width):
    """The cheapest source of a candidate, placed at (0, 0), and its cost; None and NOT_FOUND if there is none."""
    weights, single, start, stop, _, peaks = grid(side)
    levels, known = np.empty((BOX, BOX), np.int64), np.empty((side, side), np.int8)
    _place(ink, offset, levels)
    propagate(levels, weights, start, stop, peak, known)
    rows = np.zeros((side, WORDS), np.uint64)
    cost = search(empty_beam(width), levels, known, weights, start, stop, peak, prior, width, rows)
    index = explains(rows, levels, single, start, stop, peaks, np.empty_like(levels)) if cost < NOT_FOUND else -1
    return (BilevelSource(rows, int(index), 0, 0), cost) if index >= 0 else (None, NOT_FOUND)
