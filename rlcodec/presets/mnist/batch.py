"""Many digits of one size in one compiled loop: payloads of preset `mnist`, exact and without latents, in both directions.

When to use it: for sets of digits. Decoding gives what `rlcodec.decode` gives, and makes nothing anew for an image. Encoding
looks for a digit's scan with a narrow beam, rules most sides out by a look, and codes a digit that resists pixel by pixel: a
fraction of the work of `rlcodec.encode`, for streams that are as exact and on average a little longer.
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
from rlcodec.presets.mnist.bilevel.context import ABSENT, BORDER, LEFT, MARGIN, PEAK, PRESENT, SIDE, STATUS, TOP, scan_state
from rlcodec.presets.mnist.bilevel.geometry import BOX, MAX_SIDE, MIN_SIDE, WORDS
from rlcodec.presets.mnist.bilevel.gray_levels import LEVEL_SIDES, LevelTables, can_be, level_tables
from rlcodec.presets.mnist.bilevel.search import NOT_FOUND, Beam, all_grids, beam_of, clear_beam, explains, propagate, search
from rlcodec.presets.mnist.encoder import MOST_BITS_PER_SYMBOL, SPARE_PAYLOAD_BYTES
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.pixel_coder import clear_totals
from rlcodec.presets.mnist.rows import RowCoder, code_pixel_rows, row_coder
from rlcodec.presets.mnist.weights import MnistWeights

SIZES_KEPT = 8
"""Coders that stay in memory; a collection has images of few sizes."""
NARROW, WIDER = 2, 12
"""Widths of the beam: the second follows where the first fails."""
UNTRIED, FAILED = NOT_FOUND + 1, NOT_FOUND
"""Costs of a side that the gray levels contradict, and of one that they do not and for which no scan was found."""


class Finder(NamedTuple):
    """What looks for scans: grids as of `rlcodec.presets.mnist.bilevel.search.all_grids`, levels, prices, and working space.

    Shapes: `prior` (PRIOR_CONTEXTS, 2) int32; `levels`, `areas` (BOX, BOX) int64; `known` (MAX_SIDE, MAX_SIDE) int8; `found`
    (MAX_SIDE, WORDS) uint64.
    """

    weights: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    peaks: np.ndarray
    offsets: np.ndarray
    possible: LevelTables
    prior: np.ndarray
    narrow: Beam
    wider: Beam
    levels: np.ndarray
    areas: np.ndarray
    known: np.ndarray
    found: np.ndarray


class Room(NamedTuple):
    """Working space of a thread for images of one size: a coder's state and payload; rows, their choices, costs, compute."""

    state: np.ndarray
    rows: RowCoder
    payload: np.ndarray
    choices: np.ndarray
    spent: np.ndarray
    macs: np.ndarray


def finder_of(weights: MnistWeights) -> Finder:
    """What looks for scans of a model's digits; for one thread."""
    ink = weights.scan_tables.near
    prior = np.stack([COSTS[PROBABILITY_ONE - ink], COSTS[ink]], 1)
    levels, areas = np.zeros((2, BOX, BOX), np.int64)
    narrow, wider = beam_of(NARROW), beam_of(WIDER)
    known, found = np.zeros((MAX_SIDE, MAX_SIDE), np.int8), np.zeros((MAX_SIDE, WORDS), np.uint64)
    areas_of, starts, stops, peaks, offsets = all_grids()
    return Finder(areas_of, starts, stops, peaks, offsets, level_tables(), prior, narrow, wider, levels, areas, known, found)


def room_for(weights: MnistWeights, height: int, width: int) -> Room:
    """Working space for images of a size; for one thread."""
    rows = row_coder(weights, np.zeros((height, width), np.uint8), scan_state())
    most = height * width * MOST_BITS_PER_SYMBOL // 8 + SPARE_PAYLOAD_BYTES
    choices, spent, macs = np.zeros((3, height), np.int64)
    return Room(np.zeros(STATE_FIELDS, np.int64), rows, np.zeros(most, np.uint8), choices, spent, macs)


@kernel
def _clear(rows):
    """Makes a coder of rows that was used one before the first row."""
    clear_totals(rows.totals)
    rows.buffer[:] = 0
    rows.memory.tokens[0] = 0
    rows.scan.head[:] = 0
    rows.scan.lines[:] = 0
    rows.scan.up[:] = BORDER


@kernel
def _bounds(pixels, out):
    """Writes top, bottom, left and right of the ink, `out` int64 (4,), the second and fourth exclusive; False without any."""
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
    """As `search` with a beam that was used, on what `propagate` left of side MIN_SIDE + s and peak p."""
    clear_beam(beam)
    return search(
        beam, finder.levels, finder.known, finder.weights[s], finder.starts[s], finder.stops[s], finder.peaks[s, p],
        finder.prior, beam.origins.shape[1], finder.found,
    )  # fmt: skip


@kernel
def _place(finder, pixels, top, bottom, left, right, offset):
    """Writes the ink into the empty box, as much off its edge as `offset`; returns its row and column there."""
    finder.levels[:] = 0
    row, column = (offset, np.int64(0)) if bottom - top < BOX else (np.int64(0), offset)
    for y in range(bottom - top):
        for x in range(right - left):
            finder.levels[row + y, column + x] = pixels[top + y, left + x]
    return row, column


@kernel
def _try(finder, tables, scan, s, p, cheapest):
    """Looks for a scan of side MIN_SIDE + s under peak p; writes one that costs less than `cheapest`, and returns its cost."""
    if not can_be(finder.possible, s, p, finder.levels):
        return cheapest
    peak = finder.peaks[s, p]
    if not propagate(finder.levels, finder.weights[s], finder.starts[s], finder.stops[s], peak, finder.known):
        return cheapest
    cost = _search_with(finder.narrow, finder, s, p)
    if cost >= NOT_FOUND:
        cost = _search_with(finder.wider, finder, s, p)
    if cost >= min(cheapest, FAILED):
        return min(cheapest, FAILED)
    unfold(tables, MIN_SIDE + s, scan.single, scan.start, scan.stop)
    index = explains(finder.found, finder.levels, scan.single, scan.start, scan.stop, tables.peaks[s], finder.areas)
    if index < 0 or index >= 1 << PEAK_BITS:
        return min(cheapest, FAILED)
    scan.head[STATUS], scan.head[SIDE], scan.head[PEAK] = PRESENT, MIN_SIDE + s, index
    for i in range(MIN_SIDE + s):
        assign(scan.lines[MARGIN + i], finder.found[i])
    return cost


@kernel
def _find(finder, tables, scan, pixels, bounds):
    """Looks for the scan of an image, of the smallest side that gives one, and writes it into `scan`, or that there is none."""
    scan.head[STATUS] = ABSENT
    if not _bounds(pixels, bounds):
        return
    top, bottom, left, right = bounds[0], bounds[1], bounds[2], bounds[3]
    extent = min(bottom - top, right - left)
    if max(bottom - top, right - left) != BOX:
        return
    for s in range(LEVEL_SIDES):
        cheapest = np.int64(UNTRIED)
        for offset in range(BOX - extent + 1):
            if finder.offsets[s, extent, offset]:
                row, column = _place(finder, pixels, top, bottom, left, right, offset)
                for p in range(finder.peaks.shape[1]):
                    cost = _try(finder, tables, scan, s, p, cheapest)
                    if cost < min(cheapest, FAILED):
                        scan.head[TOP], scan.head[LEFT] = top - row, left - column
                    cheapest = cost
        if cheapest < UNTRIED:  # the levels contradict nearly all sides but the right one: no larger one is
            return


@array_kernel
def _encode(rooms, images, tier, finder, costs, bounds, out, lengths):
    """Encodes images until `out` is full; writes payloads one behind the other, and their lengths. Returns how many.

    The `Room` is the one of a typed list: handing its many arrays over takes as long as decoding a digit.
    """
    room = rooms[0]
    rows, state = room.rows, room.state
    first, budget = np.int64(0), np.int64(0)  # literals would have all that codes rows compiled anew
    at = 0
    for n in range(images.shape[0]):
        _clear(rows)
        _find(finder, rows.scan_tables, rows.scan, images[n], bounds)
        start_encoding(state)
        room.choices[:] = tier
        code_pixel_rows(state, room.payload, costs, rows, images[n], first, budget, room.choices, room.spent, room.macs)
        length = end_payload(state, room.payload)
        if at + length > out.shape[0]:
            return n
        for i in range(length):
            out[at + i] = room.payload[i]
        lengths[n] = length
        at += length
    return images.shape[0]


@array_kernel
def _decode(rooms, data, lengths, costs, images):
    """Decodes payloads, one behind the other, into `images`, in a room as above; makes lengths 0 where rows are missing."""
    room = rooms[0]
    rows, state = room.rows, room.state
    first, budget = np.int64(0), np.int64(0)  # literals would have all that codes rows compiled anew
    at = 0
    for n in range(images.shape[0]):
        _clear(rows)
        payload = data[at : at + lengths[n]]
        at += lengths[n]
        start_decoding(state, payload, lengths[n])
        room.choices[:] = 0
        _, done, _ = code_pixel_rows(state, payload, costs, rows, images[n], first, budget, room.choices, room.spent, room.macs)
        if done < images.shape[1] or state[EXHAUSTED]:
            lengths[n] = 0


@functools.lru_cache(maxsize=SIZES_KEPT)
def digit_coder(height: int, width: int) -> "DigitCoder":
    """The coder of images of a size, pixels, that all share."""
    return DigitCoder(installed_weights(), height, width)


class DigitCoder:
    """Codes digits of one size, many at a time; threads may share one."""

    def __init__(self, weights: MnistWeights, height: int, width: int) -> None:
        """For a model's images of a size, pixels."""
        self.weights, self.shape = weights, (height, width)
        self._mine = threading.local()

    def encode(self, images: np.ndarray, tier: int) -> list[bytes]:
        """Payloads of exact images, all rows in one tier.

        Args:
            images: uint8 (n, height, width).
            tier: index into `rlcodec.core.segment_choice.TIERS`.
        """
        if not hasattr(self._mine, "finder"):
            self._mine.finder = finder_of(self.weights)
        images = np.array(images, np.uint8, order="C")
        most = images[:1].size * MOST_BITS_PER_SYMBOL // 8 + SPARE_PAYLOAD_BYTES
        out, payloads = np.empty(images.size + most, np.uint8), list[bytes]()
        while len(payloads) < len(images):
            lengths = np.zeros(len(images) - len(payloads), np.int64)
            count = _encode(
                self._rooms(), images[len(payloads) :], tier, self._mine.finder, COSTS, np.empty(4, np.int64), out, lengths
            )
            stops = np.cumsum(lengths[:count]).tolist()
            payloads += [out[start:stop].tobytes() for start, stop in zip([0, *stops], stops, strict=False)]
        return payloads

    def decode(self, payloads: Sequence[bytes]) -> list[np.ndarray | None]:
        """Images, uint8 (height, width), of payloads without latents; None where not all rows were sent."""
        lengths = np.array([len(payload) for payload in payloads], np.int64)
        images = np.empty((len(payloads), *self.shape), np.uint8)
        data = np.frombuffer(bytearray().join(payloads), np.uint8)
        _decode(self._rooms(), data, lengths, COSTS, images)
        # Copies, lest one image keep the memory of all.
        return [image.copy() if length else None for image, length in zip(images, lengths.tolist(), strict=True)]

    def _rooms(self) -> Any:
        """This thread's room, in a typed list."""
        try:
            return self._mine.rooms
        except AttributeError:
            self._mine.rooms = List([room_for(self.weights, *self.shape)])
            return self._mine.rooms
