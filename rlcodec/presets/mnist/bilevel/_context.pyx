"""Tables and state of coding bilevel sources; `rlcodec.presets.mnist.bilevel.context` describes the contexts."""

import numpy as np

from libc.stdint cimport int64_t, uint64_t

from rlcodec.core._range_coder cimport PROBABILITY_ONE
from rlcodec.core.compiler cimport cloned
from rlcodec.presets.mnist.bilevel._geometry cimport BOX

from rlcodec.errors import ModelError


cdef class SourceTables:
    """Tables that render sources and code them without a network; a weights file stores them under the names of the fields.

    Probabilities are int32 in 1/65536.

    Attributes:
        cells: int16 (sides, MAX_SIDE), the box pixel in which each source pixel begins, along one axis.
        areas: int32 (sides, MAX_SIDE, 2), how much of that box pixel and of the next one it covers.
        peaks: int64 (sides, 2**PEAK_BITS), areas that the brightest pixel can have; 0 where there are no more.
        near: (PRIOR_CONTEXTS,), probability of ink by `near_context`.
        absent: (1,), probability of an image without a source.
        side: probabilities of the binary digits of the side above MIN_SIDE, by the digits before, as a tree.
        peak: the same of the index of the brightest area.
        top: the same of the row of the box.
        left: the same of the column of the box.
        slip: (2,), probability of a rounding exception, of gray levels and of white.
        quiet: int32 (PRIOR_CONTEXTS,), logits of skipped pixels by `near_context`.
        quiet_rows: int32 (SELECTED_ROWS,), what learned rows add to them.
        stored: names of these arrays.

    Raises:
        ModelError: the shapes of the arrays do not fit, or a probability or a place in the box is impossible.
    """

    stored = (
        "cells", "areas", "peaks", "near", "absent", "side", "peak", "top", "left", "slip", "quiet", "quiet_rows",
    )

    def __init__(self, *, cells, areas, peaks, near, absent, side, peak, top, left, slip, quiet, quiet_rows):
        probabilities = {"near": near, "absent": absent, "side": side, "peak": peak, "top": top, "left": left, "slip": slip}
        shapes = [a.shape for a in (cells, areas, peaks, *probabilities.values(), quiet, quiet_rows)]
        sizes = (PRIOR_CONTEXTS, 1, 1 << SIDE_BITS, 1 << PEAK_BITS, 1 << PLACE_BITS, 1 << PLACE_BITS, 2)
        expected = [(SIDES, MAX_SIDE), (SIDES, MAX_SIDE, 2), (SIDES, 1 << PEAK_BITS), *((n,) for n in sizes)]
        if shapes != [*expected, (PRIOR_CONTEXTS,), (SELECTED_ROWS,)]:
            raise ModelError(f"the tables of bilevel sources have shapes {shapes}")
        for name, values in probabilities.items():
            if not ((0 < values) & (values < PROBABILITY_ONE)).all():
                raise ModelError(f"a probability of {name!r} of bilevel sources is not between 0 and 1")
        last = np.where(areas[:, :, 1] > 0, cells + 1, cells)
        if not ((0 <= cells) & (last < BOX)).all() or not (peaks[:, 0] > 0).all() or not (peaks >= 0).all():
            raise ModelError("an area or a place of bilevel sources is impossible")
        self.cells, self.areas, self.peaks = cells, areas, peaks
        self.near, self.absent, self.side, self.peak = near, absent, side, peak
        self.top, self.left, self.slip, self.quiet, self.quiet_rows = top, left, slip, quiet, quiet_rows


cdef class SourceState:
    """State of coding a source, before the first row of a source that is unknown.

    Attributes:
        head: int64 (5,), whether there is a source (UNKNOWN, ABSENT or PRESENT), its side, the index of the brightest area, and
            row and column of the box.
        lines: uint64 (MARGIN + MAX_SIDE, WORDS), the source below MARGIN empty rows.
        up: int64 (MAX_SIDE,), the run of equal pixels of each column that ends above the current row; positive for ink.
        single: int64 (BOX, MAX_SIDE), as in `rlcodec.presets.mnist.bilevel.geometry.Grid`.
        start: int64 (BOX,), the same.
        stop: int64 (BOX,), the same.
    """

    def __init__(self):
        self.head = np.zeros(HEAD_FIELDS, np.int64)
        self.lines = np.zeros((MARGIN + MAX_SIDE, WORDS), np.uint64)
        self.up = np.full(MAX_SIDE, BORDER, np.int64)
        self.single = np.zeros((BOX, MAX_SIDE), np.int64)
        self.start, self.stop = np.zeros((2, BOX), np.int64)


cdef cloned extend_all(int64_t* runs, uint64_t low, uint64_t high, int64_t side) noexcept nogil:
    cdef int64_t j
    for j in range(min(side, 64)):
        runs[j] = extend_run(runs[j], low >> j & 1)
    for j in range(64, side):
        runs[j] = extend_run(runs[j], high >> (j - 64) & 1)


cdef void extend_runs(int64_t* runs, const uint64_t* line, int64_t side) noexcept nogil:
    """As `extend_run`, of all columns by a row of the source."""
    cdef Words words = from_bit(line, PAD)
    extend_all(runs, words.low, words.high, side)
