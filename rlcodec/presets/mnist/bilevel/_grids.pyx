"""How sources of all sides are resampled; `rlcodec.presets.mnist.bilevel.geometry` says why in this way."""

import numpy as np

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t, uint64_t

from rlcodec.presets.mnist.bilevel._geometry cimport (
    AREA_BITS, BOX, COVERED_UNITS, MAX_SIDE, MIN_SIDE, PIXEL_UNITS, SIDES, WEIGHT_SCALE, WORDS, box_area, first_fresh,
)

cdef enum:
    LEAK = 1  # area that a source pixel leaves before its left edge, if rounding moved that edge across a boundary


cdef class Grids:
    """The resampling grids of all sides from MIN_SIDE on, padded to one size; the same along both axes.

    Attributes:
        weights: int64 (SIDES, BOX, MAX_SIDE), exact areas along one axis, by pixel of the box and of the source.
        single: int64 (SIDES, BOX, MAX_SIDE), the same areas as they were in single precision, in units of 2**-AREA_BITS.
        start: int64 (SIDES, BOX), the first source row or column that each pixel of the box covers.
        stop: int64 (SIDES, BOX), the one behind the last.
        fresh: int64 (SIDES, BOX), the first that no pixel of the box before covers.
        unit: int64 (SIDES,), sum of `weights` over a pixel of the box.
        peaks: int64 (SIDES, BOX * BOX), areas that the brightest pixel can have in single precision, in falling order; 0 behind
            the last.
        exact_peaks: int64 (SIDES, EXACT_PEAKS), products of exact areas that the brightest pixel can have.
    """

    def __init__(self):
        self.weights, self.single = np.zeros((2, SIDES, BOX, MAX_SIDE), np.int64)
        self.start, self.stop, self.fresh, self.first_sums = np.zeros((4, SIDES, BOX), np.int64)
        self.unit = np.zeros(SIDES, np.int64)
        self.peaks = np.zeros((SIDES, BOX * BOX), np.int64)
        self.exact_peaks = np.zeros((SIDES, EXACT_PEAKS), np.int64)
        self.offsets = np.zeros((SIDES, BOX + 1, BOX), np.uint8)
        cdef int64_t s
        with nogil:
            for s in range(SIDES):
                fill_axis(self, s)
                fill_peaks(self, s)
                fill_offsets(self, s)
        counts = np.left_shift(1, np.subtract(self.stop, self.start))
        stops = np.cumsum(counts.ravel()).reshape(counts.shape)
        self.first_sums, self.sums = stops - counts, np.zeros(stops[-1, -1], np.int32)
        with nogil:
            for s in range(SIDES):
                fill_sums(self, s)


cdef int64_t fixed(double value) noexcept nogil:
    return <int64_t>rint(value * (1 << AREA_BITS))


cdef void fill_axis(Grids grids, int64_t s) noexcept nogil:
    """Fills in what source pixels cover along one axis."""
    # The original program computed edges in single precision; so which side of a boundary an edge falls on depends on it.
    cdef int64_t side = MIN_SIDE + s, cell = PIXEL_UNITS * side // BOX, pixel, first, last, before, r
    cdef double ratio = <double>BOX / <double>side
    cdef float scale = <float>ratio, centre = <float>(<double>side / 2), share = <float>(<double>COVERED_UNITS / PIXEL_UNITS)
    cdef float left, right
    for pixel in range(side):
        left = <float>(BOX >> 1) + scale * (<float>pixel - centre)
        right = left + share * scale
        first, last = <int64_t>left, <int64_t>right
        if first == last:
            grids.weights[s, first, pixel] = PIXEL_UNITS * WEIGHT_SCALE
            grids.single[s, first, pixel] = fixed(ratio)
        else:
            before = max(cell * last - PIXEL_UNITS * pixel, 0)
            grids.weights[s, first, pixel] = before * WEIGHT_SCALE if before else LEAK
            grids.weights[s, last, pixel] = (COVERED_UNITS - before) * WEIGHT_SCALE
            grids.single[s, first, pixel] = max(fixed(<float>last - left), 1)
            grids.single[s, last, pixel] = fixed(right - <float>last)
    for r in range(BOX):
        grids.start[s, r], grids.stop[s, r] = side, 0
        for pixel in range(side):
            if grids.weights[s, r, pixel] > 0:
                grids.start[s, r], grids.stop[s, r] = min(grids.start[s, r], pixel), pixel + 1
        grids.fresh[s, r] = first_fresh(grids.start[s], grids.stop[s], r)
    grids.unit[s] = cell * WEIGHT_SCALE


cdef void fill_peaks(Grids grids, int64_t s) noexcept nogil:
    """Fills in the areas of pixels that are wholly ink."""
    cdef const int64_t[:, ::1] single = grids.single[s]
    cdef const int64_t[::1] start = grids.start[s], stop = grids.stop[s]
    cdef uint64_t[MAX_SIDE * WORDS] ink
    cdef int64_t unit = grids.unit[s], split = unit - (PIXEL_UNITS - COVERED_UNITS) * WEIGHT_SCALE
    cdef int64_t* peaks = &grids.peaks[s, 0]
    cdef int64_t count = 0, r, c, area, place, i
    grids.exact_peaks[s, 0], grids.exact_peaks[s, 1], grids.exact_peaks[s, 2] = unit * unit, unit * split, split * split
    for i in range(MAX_SIDE * WORDS):
        ink[i] = ~<uint64_t>0
    for r in range(BOX):
        for c in range(BOX):
            area, place = box_area(ink, 0, single, start, stop, r, c), count
            while place > 0 and peaks[place - 1] < area:
                place -= 1
            if place > 0 and peaks[place - 1] == area:
                continue
            for i in range(count, place, -1):
                peaks[i] = peaks[i - 1]
            peaks[place] = area
            count += 1


cdef void fill_offsets(Grids grids, int64_t s) noexcept nogil:
    """Fills in where ink can begin: the smallest rectangle around it was centred in the source."""
    cdef int64_t side = MIN_SIDE + s, width, odd, left, first, last
    for width in range(1, side + 1):
        for odd in range(2):
            left = (side - width + odd) >> 1
            first, last = 0, BOX - 1
            while not grids.start[s, first] <= left < grids.stop[s, first]:
                first += 1
            while not grids.start[s, last] <= left + width - 1 < grids.stop[s, last]:
                last -= 1
            grids.offsets[s, last - first + 1, first] = True


cdef void fill_sums(Grids grids, int64_t s) noexcept nogil:
    """Fills in sums over subsets of columns, each from one without its highest column."""
    cdef int64_t c, column, subset, half
    cdef int32_t* sums
    for c in range(BOX):
        sums = &grids.sums[grids.first_sums[s, c]]
        half = 1
        for column in range(grids.start[s, c], grids.stop[s, c]):
            for subset in range(half):
                sums[half + subset] = sums[subset] + <int32_t>grids.weights[s, c, column]
            half *= 2
