"""Which gray levels a digit from a bilevel source of some side can have, to rule out most sides after a look at a few pixels.

The area of a box pixel is a sum of products of what its source rows and columns cover. Small sides have few such sums, and so
few gray levels. Sides are tried from the smallest on, and the levels of a digit contradict nearly all sides before its own. The
tables never rule out a possible side, so they save time and change no result.
"""

import functools
import threading
from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import kernel
from rlcodec.presets.mnist.bilevel.geometry import BOX, MIN_SIDE, PIXEL_UNITS, WEIGHT_SCALE, WHITE
from rlcodec.presets.mnist.bilevel.search import all_grids, level_bounds

LARGEST_SIDE = 72
"""Sides above this have nearly all gray levels; one digit in a hundred has such a source."""
LEVEL_SIDES = LARGEST_SIDE - MIN_SIDE + 1
PEAKS = 3
LEVEL_WORDS = (WHITE + 1) // 64
MOST_AREA = (PIXEL_UNITS * LARGEST_SIDE // BOX) ** 2
AREA_WORDS = MOST_AREA // 64 + 2


class LevelTables(NamedTuple):
    """Gray levels that are possible, by side.

    Attributes:
        kinds: int64 (LEVEL_SIDES, BOX), the kind of each row or column of the box; those of one kind are covered alike.
        levels: uint64 (LEVEL_SIDES, PEAKS, BOX, BOX, LEVEL_WORDS), the possible levels by brightest area and by the kinds of a
            pixel's row and column; level n in bit n.
    """

    kinds: np.ndarray
    levels: np.ndarray


@kernel
def _add_area(sums, area):
    """Adds to a set of sums, one bit of uint64 words each, all of them increased by `area`."""
    words, shift = area >> 6, np.uint64(area & 63)
    for w in range(sums.shape[0] - 1, words - 1, -1):
        value = sums[w - words] << shift
        if shift and w - words > 0:
            value |= sums[w - words - 1] >> (np.uint64(64) - shift)
        sums[w] |= value


@kernel
def _any_between(sums, low, high):
    """Whether a set of sums contains one from `low` to `high`."""
    low, high = max(low, 0), min(high, 64 * sums.shape[0] - 1)
    for w in range(low >> 6, (high >> 6) + 1 if high >= low else 0):
        value = sums[w]
        if w == low >> 6:
            value &= ~np.uint64(0) << np.uint64(low & 63)
        if w == high >> 6 and (high & 63) < 63:
            value &= (np.uint64(1) << np.uint64((high & 63) + 1)) - np.uint64(1)
        if value:
            return True
    return False


@kernel
def _fill(weights, starts, stops, peaks, kinds, examples, sums, levels):
    """Writes `levels` for all sides; `examples`, int64 (LEVEL_SIDES, BOX), holds one row of each kind, and -1 behind the
    last."""
    for s in range(kinds.shape[0]):
        for k in range(BOX):
            for n in range(BOX):
                r, c = examples[s, k], examples[s, n]
                if r < 0 or c < 0:
                    continue
                sums[:] = 0
                sums[0] = 1
                for i in range(starts[s, r], stops[s, r]):
                    for j in range(starts[s, c], stops[s, c]):
                        # Areas of LEAK are dropped; together they are less than one unit.
                        _add_area(sums, (weights[s, r, i] // WEIGHT_SCALE) * (weights[s, c, j] // WEIGHT_SCALE))
                for p in range(peaks.shape[1]):
                    for level in range(WHITE + 1):
                        low, high = level_bounds(level, peaks[s, p])
                        scale = WHITE * WEIGHT_SCALE * WEIGHT_SCALE
                        if _any_between(sums, low // scale - 1, high // scale + 1):
                            levels[s, p, k, n, level >> 6] |= np.uint64(1) << np.uint64(level & 63)


def level_tables() -> LevelTables:
    """The tables, computed once per process."""
    with _computing:
        return _computed()


_computing = threading.Lock()


@functools.cache
def _computed() -> LevelTables:
    weights, starts, stops, peaks, _ = all_grids()
    kinds, examples = np.zeros((LEVEL_SIDES, BOX), np.int64), np.full((LEVEL_SIDES, BOX), -1, np.int64)
    for s in range(LEVEL_SIDES):
        known: dict[tuple[int, ...], int] = {}
        for r in range(BOX):
            covered = tuple(sorted(weights[s, r, starts[s, r] : stops[s, r]].tolist()))
            kinds[s, r] = known.setdefault(covered, len(known))
            examples[s, kinds[s, r]] = r
    levels = np.zeros((LEVEL_SIDES, PEAKS, BOX, BOX, LEVEL_WORDS), np.uint64)
    _fill(weights, starts, stops, peaks, kinds, examples, np.zeros(AREA_WORDS, np.uint64), levels)
    return LevelTables(kinds, levels)


@kernel
def is_possible(tables, s, p, levels):
    """Whether a source of side MIN_SIDE + s can render to gray levels, int64 (BOX, BOX), with `Grid.peaks[p]` as brightest
    area."""
    for r in range(BOX):
        k = tables.kinds[s, r]
        for c in range(BOX):
            level = levels[r, c]
            if 0 < level < WHITE:
                word = tables.levels[s, p, k, tables.kinds[s, c], level >> 6]
                if not (word >> np.uint64(level & 63)) & np.uint64(1):
                    return False
    return True
