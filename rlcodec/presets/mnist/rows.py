"""Codes runs of rows of pixels, in either direction, and shows the picture that they make."""

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
from rlcodec.presets.mnist.bilevel.coder import SourceScratch, code_source_head, code_source_row, source_scratch
from rlcodec.presets.mnist.bilevel.context import PRESENT, STATUS, SourceState, SourceTables
from rlcodec.presets.mnist.bilevel.transformer import WAITING, KvCache, LmNet, empty_cache, restore_place, save_place
from rlcodec.presets.mnist.pixel_coder import (
    PixelScratch,
    code_pixel_row,
    pixel_buffer,
    pixel_offsets,
    pixel_scratch,
    pixel_totals,
)
from rlcodec.presets.mnist.static_tables import StaticTables
from rlcodec.presets.mnist.weights import MnistWeights


class RowCoder(NamedTuple):
    """Networks, tables and state of coding rows of pixels.

    The first six serve to code pixels directly (`rlcodec.presets.mnist.pixel_coder.code_pixel_row`), the others to code rows by
    way of a bilevel source (`rlcodec.presets.mnist.bilevel.coder.code_source_row`).

    Attributes:
        net: tier `context` of pixels.
        tables: tier `table` of pixels.
        buffer: context buffer of pixels.
        totals: running totals of pixels.
        offsets: of the context window in the buffer.
        scratch: scratch buffers for pixels.
        source_net: tier `context` of the source.
        source_lm: tier `lm` of the source.
        cache: KV cache of tier `lm`.
        source_tables: tier `table` of the source, and what renders it.
        source: state of the source.
        source_scratch: scratch buffers for the source.
    """

    net: ContextNet
    tables: StaticTables
    buffer: np.ndarray
    totals: np.ndarray
    offsets: np.ndarray
    scratch: PixelScratch
    source_net: ContextNet
    source_lm: LmNet
    cache: KvCache
    source_tables: SourceTables
    source: SourceState
    source_scratch: SourceScratch


def row_coder(weights: MnistWeights, context: np.ndarray, source: SourceState, cache: KvCache | None = None) -> RowCoder:
    """A coder of rows before the first.

    Args:
        weights: of the preset.
        context: uint8 (height, width), the reconstruction, or zeros if there is none.
        source: of the image, or to be decoded.
        cache: of tier `lm`; a new one, with which the kernel runs the network, if None.
    """
    return RowCoder(
        net=weights.pixel_net,
        tables=weights.tables,
        buffer=pixel_buffer(context),
        totals=pixel_totals(context.shape[1]),
        offsets=pixel_offsets(*context.shape),
        scratch=pixel_scratch(weights.pixel_net),
        source_net=weights.source_net,
        source_lm=weights.source_lm,
        cache=cache or empty_cache(weights.source_lm),
        source_tables=weights.source_tables,
        source=source,
        source_scratch=source_scratch(weights.source_net),
    )


@inlined
def code_row(state, data, costs, rows, image, y, budget, tier):
    """Codes row `y` by way of the bilevel source if there is one, else pixel by pixel; the first row says which.

    Args:
        state: coder state; its MACS and COST grow by what the row takes.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        rows: `RowCoder`.
        image: uint8 (height, width); read when encoding, written when decoding.
        y: the row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        tier: TABLE, CONTEXT or LM; without a source, `lm` is `context`.

    Returns:
        Pixels coded: the width, or fewer when the data is exhausted.
    """
    r = rows
    if y == 0:
        code_source_head(state, data, costs, r.source_tables, r.source)
        if state[EXHAUSTED]:
            return 0
    if r.source.head[STATUS] == PRESENT:
        return code_source_row(
            state, data, costs, r.source_net, r.source_lm, r.cache, r.source_tables, r.source, r.source_scratch, image, y, tier
        )
    return code_pixel_row(
        state, data, costs, r.net, r.tables, r.buffer, r.totals, r.offsets, r.scratch, image, y, budget, tier != TABLE
    )


@kernel
def code_pixel_rows(state, data, costs, rows, image, start, budget, choices, spent, macs):
    """Codes rows of pixels from `start` on, each with its choice, in the direction of the coder's state.

    Args:
        state: coder state, and so on to `image` as `code_row` takes them.
        start: the first row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        spent: int64, written: cost of each segment.
        macs: int64, written: multiply-accumulates of each segment.

    Returns:
        Segments coded, the stop mark included; complete rows in all; pixels of the row after them. A decoder that waits for a
        logit of tier `lm` returns before the row in which it waits.
    """
    cache, up = rows.cache, rows.source.up
    for i in range(choices.shape[0]):
        y = start + i
        cost_before, macs_before = state[COST], state[MACS]
        if cache.asked.shape[0]:
            save_place(state, cache, up)
        stop = STOP_BEFORE_PIXELS_PROBABILITY if y == 0 and budget > 0 else STOP_PROBABILITY
        change = FIRST_ROW_CHANGE_PROBABILITY if y == 0 else CHANGE_PROBABILITY
        choice = code_choice(state, data, costs, tiers_at(y, state[PREVIOUS_TIER]), change, stop, choices[i])
        choices[i] = choice
        pixels = 0
        if not state[EXHAUSTED] and choice != STOP:
            pixels = code_row(state, data, costs, rows, image, y, budget, choice)
        if state[EXHAUSTED] == WAITING:
            restore_place(state, cache, up)
            return i, y, 0
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before
        if state[EXHAUSTED] or choice == STOP:
            return i + 1, y, pixels
    return choices.shape[0], start + choices.shape[0], 0


@kernel
def fill_rows(reconstruction, image, rows, weights, out):
    """Writes the picture of which the first rows are known; below them stands the reconstruction, corrected by the last row's
    error.

    Args:
        reconstruction: uint8 (height, width).
        image: uint8 (height, width), known in its first `rows` rows.
        rows: how many are known.
        weights: int32, how much of the error of the last known row carries on to each row below it, in 1/256.
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
