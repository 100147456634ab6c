"""Payloads of many digits of one size in one compiled loop, lossless and without latents, in both directions.

When to use it: for collections of digits. Decoding gives the same pixels as `rlcodec.decode`, and allocates nothing for an
image. Encoding searches for the bilevel source of a digit with a narrow beam, rules out most sides by their gray levels, and
codes a digit for which no source is found pixel by pixel. That takes a fraction of the time of `rlcodec.encode`; streams are as
exact, and on average a little longer.
"""

import functools
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba.typed import List

from rlcodec.core.kernel import array_kernel, assign, kernel
from rlcodec.core.range_coder import (
    COSTS,
    EXHAUSTED,
    PROBABILITY_ONE,
    STATE_FIELDS,
    end_payload,
    start_decoding,
    start_encoding,
)
from rlcodec.presets.mnist.bilevel.coder import PEAK_BITS, unfold
from rlcodec.presets.mnist.bilevel.context import ABSENT, BORDER, LEFT, MARGIN, PEAK, PRESENT, SIDE, STATUS, TOP, source_state
from rlcodec.presets.mnist.bilevel.geometry import BOX, MAX_SIDE, MIN_SIDE, WORDS
from rlcodec.presets.mnist.bilevel.gray_levels import LEVEL_SIDES, LevelTables, is_possible, level_tables
from rlcodec.presets.mnist.bilevel.search import (
    NOT_FOUND,
    Beam,
    Grids,
    all_grids,
    clear_beam,
    empty_beam,
    explains,
    propagate,
    search,
)
from rlcodec.presets.mnist.encoder import MOST_BITS_PER_SYMBOL, SPARE_PAYLOAD_BYTES
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.pixel_coder import clear_totals
from rlcodec.presets.mnist.rows import RowCoder, code_pixel_rows, row_coder
from rlcodec.presets.mnist.weights import MnistWeights

SIZES_KEPT = 8
"""Coders that are kept, one for each size; a collection has images of few sizes."""
NARROW, WIDER = 2, 12
"""Widths of the beam; the second is tried if the first finds nothing."""
UNTRIED, FAILED = NOT_FOUND + 1, NOT_FOUND
"""Costs of a side that the gray levels rule out, and of a side that they allow but for which no source was found."""


class SourceFinder(NamedTuple):
    """Tables and scratch buffers of the search for bilevel sources, of one thread.

    Attributes:
        grids: of all sides.
        possible: possible gray levels by side.
        prior: int32 (PRIOR_CONTEXTS, 2), cost of source pixels.
        narrow: of the first search.
        wider: of the second.
        levels: int64 (BOX, BOX), gray levels of the digit.
        areas: int64 (BOX, BOX).
        known: int8 (MAX_SIDE, MAX_SIDE), source pixels that the levels determine.
        source_rows: uint64 (MAX_SIDE, WORDS), rows of a source.
    """

    grids: Grids
    possible: LevelTables
    prior: np.ndarray
    narrow: Beam
    wider: Beam
    levels: np.ndarray
    areas: np.ndarray
    known: np.ndarray
    source_rows: np.ndarray


class Workspace(NamedTuple):
    """What a thread needs to code images of one size.

    Attributes:
        state: coder state.
        rows: coder of rows.
        payload: uint8, buffer for the payload of an image.
        choices: int64 (height,), tiers of the rows.
        spent: int64 (height,), their costs.
        macs: int64 (height,), their multiply-accumulates.
    """

    state: np.ndarray
    rows: RowCoder
    payload: np.ndarray
    choices: np.ndarray
    spent: np.ndarray
    macs: np.ndarray


def source_finder(weights: MnistWeights) -> SourceFinder:
    """Tables and scratch buffers for searches under some weights, for one thread."""
    ink = weights.source_tables.near
    prior = np.stack([COSTS[PROBABILITY_ONE - ink], COSTS[ink]], 1)
    levels, areas = np.zeros((2, BOX, BOX), np.int64)
    narrow, wider = empty_beam(NARROW), empty_beam(WIDER)
    known, source_rows = np.zeros((MAX_SIDE, MAX_SIDE), np.int8), np.zeros((MAX_SIDE, WORDS), np.uint64)
    return SourceFinder(all_grids(), level_tables(), prior, narrow, wider, levels, areas, known, source_rows)


def new_workspace(weights: MnistWeights, height: int, width: int) -> Workspace:
    """A workspace for images in pixels, for one thread."""
    rows = row_coder(weights, np.zeros((height, width), np.uint8), source_state())
    most = height * width * MOST_BITS_PER_SYMBOL // 8 + SPARE_PAYLOAD_BYTES
    choices, spent, macs = np.zeros((3, height), np.int64)
    return Workspace(np.zeros(STATE_FIELDS, np.int64), rows, np.zeros(most, np.uint8), choices, spent, macs)


@kernel
def _clear(rows):
    """Resets a coder of rows to before the first row."""
    clear_totals(rows.totals)
    rows.buffer[:] = 0
    rows.cache.tokens[0] = 0
    rows.source.head[:] = 0
    rows.source.lines[:] = 0
    rows.source.up[:] = BORDER


@kernel
def _bounds(pixels, out):
    """Writes top, bottom, left and right of the ink, int64 (4,), bottom and right exclusive; returns False if there is none."""
    height, width = pixels.shape
    out[0], out[1], out[2], out[3] = height, 0, width, 0
    for y in range(height):
        for x in range(width):
            if pixels[y, x]:
                out[0], out[1] = min(out[0], y), y + 1
                out[2], out[3] = min(out[2], x), max(out[3], x + 1)
    return out[1] > 0


@kernel
def _search_with(beam, finder, s, p):
    """Searches on what `propagate` left of side MIN_SIDE + s and brightest area p, with a beam that was used before."""
    clear_beam(beam)
    grids = finder.grids
    return search(
        beam, finder.levels, finder.known, grids.weights[s], grids.starts[s], grids.stops[s], grids.peaks[s, p],
        finder.prior, beam.origins.shape[1], finder.source_rows,
    )  # fmt: skip


@kernel
def _place(finder, pixels, top, bottom, left, right, offset):
    """Writes the ink into the box, at `offset` from its edge; returns its row and column there."""
    finder.levels[:] = 0
    row, column = (offset, np.int64(0)) if bottom - top < BOX else (np.int64(0), offset)
    for y in range(bottom - top):
        for x in range(right - left):
            finder.levels[row + y, column + x] = pixels[top + y, left + x]
    return row, column


@kernel
def _try(finder, tables, source, s, p, cheapest):
    """Searches for a source of side MIN_SIDE + s with brightest area p, and writes it if it is cheaper than all before.

    Args:
        finder: `SourceFinder`, with the gray levels of the digit.
        tables: `SourceTables`.
        source: `SourceState`, written.
        s: index of the side.
        p: index of the brightest area.
        cheapest: the least cost so far.

    Returns:
        The least cost now; FAILED or UNTRIED if there is no source yet.
    """
    if not is_possible(finder.possible, s, p, finder.levels):
        return cheapest
    grids = finder.grids
    if not propagate(finder.levels, grids.weights[s], grids.starts[s], grids.stops[s], grids.peaks[s, p], finder.known):
        return cheapest
    cost = _search_with(finder.narrow, finder, s, p)
    if cost >= NOT_FOUND:
        cost = _search_with(finder.wider, finder, s, p)
    if cost >= min(cheapest, FAILED):
        return min(cheapest, FAILED)
    unfold(tables, MIN_SIDE + s, source.single, source.start, source.stop)
    index = explains(finder.source_rows, finder.levels, source.single, source.start, source.stop, tables.peaks[s], finder.areas)
    if index < 0 or index >= 1 << PEAK_BITS:
        return min(cheapest, FAILED)
    source.head[STATUS], source.head[SIDE], source.head[PEAK] = PRESENT, MIN_SIDE + s, index
    for i in range(MIN_SIDE + s):
        assign(source.lines[MARGIN + i], finder.source_rows[i])
    return cost


@kernel
def _find(finder, tables, source, pixels, bounds):
    """Searches for the source of an image, of the smallest side that has one, and writes it, or that there is none, into
    `source`."""
    source.head[STATUS] = ABSENT
    if not _bounds(pixels, bounds):
        return
    top, bottom, left, right = bounds[0], bounds[1], bounds[2], bounds[3]
    extent = min(bottom - top, right - left)
    if max(bottom - top, right - left) != BOX:
        return
    for s in range(LEVEL_SIDES):
        cheapest = np.int64(UNTRIED)
        for offset in range(BOX - extent + 1):
            if finder.grids.offsets[s, extent, offset]:
                row, column = _place(finder, pixels, top, bottom, left, right, offset)
                for p in range(finder.grids.peaks.shape[1]):
                    cost = _try(finder, tables, source, s, p, cheapest)
                    if cost < min(cheapest, FAILED):
                        source.head[TOP], source.head[LEFT] = top - row, left - column
                    cheapest = cost
        if cheapest < UNTRIED:  # the levels rule out nearly all sides but the right one, so larger ones are not tried
            return


@array_kernel
def _encode(workspaces, images, tier, finder, costs, bounds, out, lengths):
    """Encodes images until `out` is full; writes payloads one behind the other, and their lengths.

    Args:
        workspaces: typed list of one `Workspace`, since passing its many arrays one by one takes as long as decoding a digit.
        images: uint8 (n, height, width).
        tier: of all rows.
        finder: `SourceFinder`.
        costs: `rlcodec.core.range_coder.COSTS`.
        bounds: int64 (4,), overwritten.
        out: uint8, written.
        lengths: int64 (n,), written.

    Returns:
        How many images were encoded.
    """
    workspace = workspaces[0]
    rows, state = workspace.rows, workspace.state
    first, budget = np.int64(0), np.int64(0)  # literals would have `code_pixel_rows` compiled again
    at = 0
    for n in range(images.shape[0]):
        _clear(rows)
        _find(finder, rows.source_tables, rows.source, images[n], bounds)
        start_encoding(state)
        workspace.choices[:] = tier
        code_pixel_rows(
            state, workspace.payload, costs, rows, images[n], first, budget, workspace.choices, workspace.spent, workspace.macs
        )
        length = end_payload(state, workspace.payload)
        if at + length > out.shape[0]:
            return n
        for i in range(length):
            out[at + i] = workspace.payload[i]
        lengths[n] = length
        at += length
    return images.shape[0]


@array_kernel
def _decode(workspaces, data, lengths, costs, images):
    """Decodes payloads, one behind the other, into `images`; sets a length to 0 if rows are missing. Arguments as `_encode`."""
    workspace = workspaces[0]
    rows, state = workspace.rows, workspace.state
    first, budget = np.int64(0), np.int64(0)  # literals would have `code_pixel_rows` compiled again
    at = 0
    for n in range(images.shape[0]):
        _clear(rows)
        payload = data[at : at + lengths[n]]
        at += lengths[n]
        start_decoding(state, payload, lengths[n])
        workspace.choices[:] = 0
        _, done, _ = code_pixel_rows(
            state, payload, costs, rows, images[n], first, budget, workspace.choices, workspace.spent, workspace.macs
        )
        if done < images.shape[1] or state[EXHAUSTED]:
            lengths[n] = 0


@functools.lru_cache(maxsize=SIZES_KEPT)
def digit_coder(height: int, width: int) -> "DigitCoder":
    """The shared coder of images of a size in pixels, for the installed weights."""
    return DigitCoder(installed_weights(), height, width)


class DigitCoder:
    """Codes digits of one size, many at a time; threads may share one.

    Args:
        weights: of the preset.
        height: pixels.
        width: pixels.
    """

    def __init__(self, weights: MnistWeights, height: int, width: int) -> None:
        self.weights, self.shape = weights, (height, width)
        self._of_thread = threading.local()

    def encode(self, images: np.ndarray, tier: int) -> list[bytes]:
        """Payloads of lossless streams with all rows in one tier.

        Args:
            images: uint8 (n, height, width).
            tier: index into `rlcodec.core.segment_choice.TIERS`.
        """
        if not hasattr(self._of_thread, "finder"):
            self._of_thread.finder = source_finder(self.weights)
        images = np.array(images, np.uint8, order="C")
        most = images[:1].size * MOST_BITS_PER_SYMBOL // 8 + SPARE_PAYLOAD_BYTES
        out, payloads = np.empty(images.size + most, np.uint8), list[bytes]()
        while len(payloads) < len(images):
            rest, bounds = images[len(payloads) :], np.empty(4, np.int64)
            lengths = np.zeros(len(rest), np.int64)
            count = _encode(self._workspaces(), rest, tier, self._of_thread.finder, COSTS, bounds, out, lengths)
            stops = np.cumsum(lengths[:count]).tolist()
            payloads += [out[start:stop].tobytes() for start, stop in zip([0, *stops], stops, strict=False)]
        return payloads

    def decode(self, payloads: Sequence[bytes]) -> list[np.ndarray | None]:
        """Images, uint8 (height, width), of payloads of streams without latents; None if not all rows were sent."""
        lengths = np.array([len(payload) for payload in payloads], np.int64)
        images = np.empty((len(payloads), *self.shape), np.uint8)
        data = np.frombuffer(bytearray().join(payloads), np.uint8)
        _decode(self._workspaces(), data, lengths, COSTS, images)
        # Copies, so that one image does not keep all of them in memory.
        return [image.copy() if length else None for image, length in zip(images, lengths.tolist(), strict=True)]

    def _workspaces(self) -> Any:
        """The workspace of this thread, in a typed list."""
        try:
            return self._of_thread.workspaces
        except AttributeError:
            self._of_thread.workspaces = List([new_workspace(self.weights, *self.shape)])
            return self._of_thread.workspaces
