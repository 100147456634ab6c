"""Gray levels that sources can have; `rlcodec.presets.mnist.bilevel.gray_levels` says what for."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from rlcodec.core.compiler cimport cloned
from rlcodec.presets.mnist.bilevel._geometry cimport BOX, WEIGHT_SCALE, WHITE
from rlcodec.presets.mnist.bilevel._grids cimport EXACT_PEAKS, Grids

cdef enum:
    AREA_WORDS = 2028  # of a set of all areas up to that of a whole pixel of the box, in units of PIXEL_UNITS**2


cdef struct AreaSet:
    # A set of areas, area n in bit n; the words above those in use are 0.
    int64_t largest
    uint64_t[AREA_WORDS] words


cdef class LevelTables:
    """Gray levels that are possible, by side from MIN_SIDE to LARGEST_SIDE.

    Args:
        grids: of all sides.

    Attributes:
        kinds: uint8 (LEVEL_SIDES, BOX), the kind of each row or column of the box; those of one kind are covered alike.
        levels: uint64 (LEVEL_SIDES, EXACT_PEAKS, BOX, BOX, LEVEL_WORDS), the possible levels by brightest area and by the kinds
            of a pixel's row and column; level n in bit n.
    """

    def __init__(self, Grids grids not None):
        self.kinds = np.zeros((LEVEL_SIDES, BOX), np.uint8)
        self.levels = np.zeros((LEVEL_SIDES, EXACT_PEAKS, BOX, BOX, LEVEL_WORDS), np.uint64)
        cdef int64_t s
        with nogil:
            for s in range(LEVEL_SIDES):
                fill_levels(self, grids, s)


cdef bint are_alike(Grids grids, int64_t s, int64_t r, int64_t c) noexcept nogil:
    """Whether two pixels of the box cover the same parts of source pixels along one axis, in any order."""
    cdef int64_t i, j, balance
    if grids.stop[s, r] - grids.start[s, r] != grids.stop[s, c] - grids.start[s, c]:
        return False
    for i in range(grids.start[s, r], grids.stop[s, r]):
        balance = 0
        for j in range(grids.start[s, r], grids.stop[s, r]):
            balance += grids.weights[s, r, j] == grids.weights[s, r, i]
        for j in range(grids.start[s, c], grids.stop[s, c]):
            balance -= grids.weights[s, c, j] == grids.weights[s, r, i]
        if balance:
            return False
    return True


cdef cloned add_to_all(const uint64_t* areas, int64_t area, int64_t words, uint64_t* out) noexcept nogil:
    """Writes the union of a set of areas and the same areas increased by `area`; `words` of either are in use."""
    cdef int64_t whole = area >> 6, shift = area & 63, w
    for w in range(min(whole, words)):
        out[w] = areas[w]
    if whole >= words:
        return
    out[whole] = areas[whole] | areas[0] << shift
    if shift:
        for w in range(whole + 1, words):
            out[w] = areas[w] | areas[w - whole] << shift | areas[w - whole - 1] >> (64 - shift)
    else:
        for w in range(whole + 1, words):
            out[w] = areas[w] | areas[w - whole]


cdef bint any_between(const AreaSet* areas, int64_t low, int64_t high) noexcept nogil:
    """Whether a set of areas contains one from `low` to `high`."""
    cdef int64_t first, last, w
    cdef uint64_t value
    low, high = max(low, 0), min(high, areas.largest)
    if low > high:
        return False
    first, last = low >> 6, high >> 6
    for w in range(first, last + 1):
        value = areas.words[w]
        if w == first:
            value &= ~<uint64_t>0 << (low & 63)
        if w == last:
            value &= ~<uint64_t>0 >> (63 - (high & 63))
        if value:
            return True
    return False


cdef void add_areas(AreaSet* areas, Grids grids, int64_t s, int64_t r, int64_t c) noexcept nogil:
    """Writes the set of all areas of ink that pixel (r, c) of the box can have."""
    cdef AreaSet spare
    cdef AreaSet* now = areas
    cdef AreaSet* other = &spare
    cdef AreaSet* swap
    cdef int64_t i, j, area
    memset(now, 0, sizeof(AreaSet))
    memset(other, 0, sizeof(AreaSet))
    now.words[0] = 1
    for i in range(grids.start[s, r], grids.stop[s, r]):
        for j in range(grids.start[s, c], grids.stop[s, c]):
            # Areas of LEAK are dropped; together they are less than one unit.
            area = (grids.weights[s, r, i] // WEIGHT_SCALE) * (grids.weights[s, c, j] // WEIGHT_SCALE)
            if area:
                other.largest = now.largest + area
                add_to_all(now.words, area, (other.largest >> 6) + 1, other.words)
                swap = now
                now = other
                other = swap
    if now != areas:
        areas[0] = spare


cdef void fill_levels(LevelTables tables, Grids grids, int64_t s) noexcept nogil:
    """Fills in the kinds and the possible levels of a side."""
    cdef int64_t[BOX] examples
    cdef Bounds[EXACT_PEAKS][WHITE + 1] bounds  # in the units of sets of areas
    cdef AreaSet areas
    cdef int64_t kinds = 0, r, k, n, p, w, level, scale = <int64_t>WHITE * WEIGHT_SCALE * WEIGHT_SCALE
    for p in range(EXACT_PEAKS):
        for level in range(WHITE + 1):
            bounds[p][level] = level_bounds(level, grids.exact_peaks[s, p])
            bounds[p][level].low = bounds[p][level].low // scale - 1
            bounds[p][level].high = bounds[p][level].high // scale + 1
    for r in range(BOX):
        k = 0
        while k < kinds and not are_alike(grids, s, r, examples[k]):
            k += 1
        if k == kinds:
            examples[k] = r
            kinds += 1
        tables.kinds[s, r] = <uint8_t>k
    for k in range(kinds):
        for n in range(k, kinds):
            add_areas(&areas, grids, s, examples[k], examples[n])
            for p in range(EXACT_PEAKS):
                for level in range(WHITE + 1):
                    if any_between(&areas, bounds[p][level].low, bounds[p][level].high):
                        tables.levels[s, p, k, n, level >> 6] |= <uint64_t>1 << (level & 63)
                for w in range(LEVEL_WORDS):
                    tables.levels[s, p, n, k, w] = tables.levels[s, p, k, n, w]


def is_possible(LevelTables tables not None, int64_t s, int64_t p, const int64_t[:, ::1] levels):
    """Whether a source of side MIN_SIDE + s can render to gray levels, int64 (BOX, BOX), with brightest area p."""
    cdef int64_t r, c
    if levels.shape[0] != BOX or levels.shape[1] != BOX or not 0 <= s < LEVEL_SIDES or not 0 <= p < EXACT_PEAKS:
        raise ValueError(f"{levels.shape[0]}x{levels.shape[1]} gray levels, side {s} and area {p}")
    for r in range(BOX):
        for c in range(BOX):
            if 0 < levels[r, c] < WHITE and not is_level_possible(tables, s, p, r, c, levels[r, c]):
                return False
    return True
