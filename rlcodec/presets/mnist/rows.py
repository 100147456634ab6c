"""Codes whole runs of segments, latent slices or rows of pixels, and shows the picture that they make."""

from typing import NamedTuple

import numpy as np

from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.kernel import assign, inlined, kernel
from rlcodec.core.range_coder import COST, EXHAUSTED, MACS, PREVIOUS_TIER
from rlcodec.core.segment_choice import (
    CHANGE_PROBABILITY,
    FIRST_ROW_CHANGE_PROBABILITY,
    STOP,
    STOP_BEFORE_PIXELS_PROBABILITY,
    STOP_PROBABILITY,
    TABLE,
    code_choice,
    tiers_at,
)
from rlcodec.presets.mnist.bilevel.coder import ScanWork, code_head, code_scan_row, scan_work
from rlcodec.presets.mnist.bilevel.context import PRESENT, STATUS, ScanState, ScanTables
from rlcodec.presets.mnist.bilevel.transformer import WAITING, LmNet, Memory, go_back, keep_place, memory_of
from rlcodec.presets.mnist.pixel_coder import PixelWork, code_pixel_row, pixel_buffer, pixel_offsets, pixel_totals, pixel_work
from rlcodec.presets.mnist.segments import slices_touched
from rlcodec.presets.mnist.static_tables import StaticTables
from rlcodec.presets.mnist.weights import MnistWeights


class RowCoder(NamedTuple):
    """What codes rows of pixels: networks, tables, and what they know of the image so far.

    The first six code pixels as they are, see `rlcodec.presets.mnist.pixel_coder.code_pixel_row`; the others by way of a scan,
    see `rlcodec.presets.mnist.bilevel.coder.code_scan_row`.
    """

    net: ContextNet
    tables: StaticTables
    buffer: np.ndarray
    totals: np.ndarray
    offsets: np.ndarray
    work: PixelWork
    scan_net: ContextNet
    scan_lm: LmNet
    memory: Memory
    scan_tables: ScanTables
    scan: ScanState
    scan_work: ScanWork


def row_coder(weights: MnistWeights, context: np.ndarray, scan: ScanState, memory: Memory | None = None) -> RowCoder:
    """A coder of rows before the first.

    Args:
        model: the preset's weights.
        context: the reconstruction, uint8 (height, width), zeros when there is none.
        scan: of the image, or to be decoded.
        memory: of tier `lm`; a cache, with which the kernel runs the network, when None.
    """
    return RowCoder(
        weights.pixel_net, weights.tables, pixel_buffer(context), pixel_totals(context.shape[1]), pixel_offsets(*context.shape),
        pixel_work(weights.pixel_net), weights.scan_net, weights.scan_lm, memory or memory_of(weights.scan_lm), weights.scan_tables,
        scan, scan_work(weights.scan_net),
    )  # fmt: skip


@inlined
def code_row(state, data, costs, rows, image, y, budget, tier):
    """Codes row `y` by way of the scan where there is one, else pixel by pixel; the first row says which.

    Args:
        state: coder state; its MACS and COST grow by what the row takes.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        rows: `RowCoder`.
        image: uint8 (height, width); read when encoding, written when decoding.
        y: the row.
        budget: index of the reconstruction's bit budget, 0 when there is none.
        tier: TABLE, CONTEXT or LM; without a scan, `lm` is `context`.

    Returns:
        Pixels coded: the width, or fewer when the data is exhausted.
    """
    r = rows
    if y == 0:
        code_head(state, data, costs, r.scan_tables, r.scan)
        if state[EXHAUSTED]:
            return 0
    if r.scan.head[STATUS] == PRESENT:
        return code_scan_row(
            state, data, costs, r.scan_net, r.scan_lm, r.memory, r.scan_tables, r.scan, r.scan_work, image, y, tier
        )
    return code_pixel_row(
        state, data, costs, r.net, r.tables, r.buffer, r.totals, r.offsets, r.work, image, y, budget, tier != TABLE
    )


@kernel
def code_pixel_rows(state, data, costs, rows, image, start, budget, choices, spent, macs):
    """Codes rows of pixels from `start` on, each with its choice, in the direction of the coder's state.

    Args:
        state: coder state, and so on to `image` as `code_row` takes them.
        start: the first row.
        budget: index of the reconstruction's bit budget, 0 when there is none.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        spent: int64, receives each segment's cost.
        macs: int64, receives each segment's multiply-accumulates.

    Returns:
        Segments coded, the stop mark included; rows complete in all; pixels of the row after them. A decoder that waits
        for what it asked of tier `lm` returns before the row in which it waits.
    """
    memory, up = rows.memory, rows.scan.up
    for i in range(choices.shape[0]):
        y = start + i
        cost_before, macs_before = state[COST], state[MACS]
        if memory.asked.shape[0]:
            keep_place(state, memory, up)
        stop = STOP_BEFORE_PIXELS_PROBABILITY if y == 0 and budget > 0 else STOP_PROBABILITY
        change = FIRST_ROW_CHANGE_PROBABILITY if y == 0 else CHANGE_PROBABILITY
        choice = code_choice(state, data, costs, tiers_at(y, state[PREVIOUS_TIER]), change, stop, choices[i])
        choices[i] = choice
        pixels = 0
        if not state[EXHAUSTED] and choice != STOP:
            pixels = code_row(state, data, costs, rows, image, y, budget, choice)
        if state[EXHAUSTED] == WAITING:
            go_back(state, memory, up)
            return i, y, 0
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before
        if state[EXHAUSTED] or choice == STOP:
            return i + 1, y, pixels
    return choices.shape[0], start + choices.shape[0], 0


@kernel
def fill_rows(reconstruction, image, rows, weights, out):
    """The picture when the first `rows` rows are known: those, then the reconstruction with the last row's correction.

    Args:
        reconstruction: uint8 (height, width).
        image: uint8 (height, width), known in its first `rows` rows.
        rows: how many are known.
        weights: int32, in 1/256: how much of the last known row's error carries to each of the rows below it.
        out: uint8 (height, width), written.
    """
    height, width = image.shape
    for y in range(height):
        if y < rows:
            assign(out[y], image[y])
            continue
        distance = y - rows
        for x in range(width):
            value = np.int32(reconstruction[y, x])
            if rows and distance < weights.shape[0]:
                error = np.int32(image[rows - 1, x]) - np.int32(reconstruction[rows - 1, x])
                value += (weights[distance] * error + 128) >> 8
            out[y, x] = min(max(value, 0), 255)


def picture_at(
    weights: MnistWeights, reconstruction: np.ndarray, image: np.ndarray, rows: int, pixels: int, bit_budget: int
) -> np.ndarray:
    """The decoder's image after `rows` whole rows and `pixels` of the next, uint8 (height, width)."""
    out = np.empty_like(image)
    fill_rows(reconstruction, image, rows, weights.fill[slices_touched(bit_budget, *image.shape)], out)
    if pixels:
        out[rows, :pixels] = image[rows, :pixels]
    return out
