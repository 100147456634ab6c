"""Codes runs of rows of pixels, in either direction, and shows the picture that they make."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from rlcodec.core._range_coder cimport RangeCoder
from rlcodec.core._segment_choice cimport (
    CHANGE_PROBABILITY, FIRST_ROW_CHANGE_PROBABILITY, STOP, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TABLE, TIER_COUNT,
    code_choice, tier_count_at,
)
from rlcodec.presets.mnist._pixel_coder cimport PixelCoder, PixelContext, code_pixel_row
from rlcodec.presets.mnist.bilevel._coder cimport SourceNet, SourceScratch, code_source_head, code_source_row
from rlcodec.presets.mnist.bilevel._context cimport PRESENT, STATUS, SourceState, SourceTables
from rlcodec.presets.mnist.bilevel._transformer cimport WAITING, KvCache, LmNet, check_cache, restore_place, save_place


cdef class RowCoder:
    """Networks, tables and state of coding rows of pixels, before the first row.

    `pixels` serves to code pixels directly, the others to code rows by way of a bilevel source
    (`rlcodec.presets.mnist.bilevel.coder`).

    Args:
        pixels: the coder of pixels.
        source_net: tier `context` of the source.
        source_lm: tier `lm` of the source.
        cache: KV cache of tier `lm`.
        source_tables: tier `table` of the source, and what renders it.
        source: state of the source.

    Raises:
        ValueError: the cache is of another network.
    """

    def __init__(
        self, PixelCoder pixels not None, SourceNet source_net not None, LmNet source_lm not None, KvCache cache not None,
        SourceTables source_tables not None, SourceState source not None,
    ):
        check_cache(source_lm, cache)
        self.pixels, self.source_net, self.source_lm, self.cache = pixels, source_net, source_lm, cache
        self.source_tables, self.source, self.scratch = source_tables, source, SourceScratch(source_net)


cdef int64_t code_row(
    RangeCoder coder, RowCoder rows, uint8_t[:, ::1] image, int64_t y, int64_t budget, int64_t tier
) noexcept nogil:
    """Codes row `y` by way of the bilevel source if there is one, else pixel by pixel; the first row says which.

    Args:
        coder: its cost and multiply-accumulates grow by what the row takes.
        rows: holds the rows above.
        image: (height, width); read when encoding, written when decoding.
        y: the row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        tier: TABLE, CONTEXT or LM; without a source, `lm` is `context`.

    Returns:
        Pixels coded: the width, or fewer when the data are exhausted.
    """
    if y == 0:
        code_source_head(coder, rows.source_tables, rows.source)
        if coder.state.exhausted:
            return 0
    if rows.source.head[STATUS] == PRESENT:
        return code_source_row(
            coder, rows.source_net, rows.source_lm, rows.cache, rows.source_tables, rows.source, rows.scratch, &image[y, 0],
            image.shape[1], y, tier,
        )
    return code_pixel_row(coder, rows.pixels, image, y, budget, tier != TABLE)


cdef CodedRows code_pixel_rows(
    RangeCoder coder, RowCoder rows, uint8_t[:, ::1] image, int64_t start, int64_t budget, int64_t[::1] choices,
    int64_t[::1] spent, int64_t[::1] macs,
) noexcept nogil:
    """Codes rows of pixels from `start` on, each with its choice, in the coder's direction; arguments as `code_rows`.

    Returns:
        What was coded. A decoder that waits for a logit of tier `lm` returns before the row in which it waits.
    """
    cdef CodedRows coded
    cdef int64_t i, y, cost_before, macs_before, stop, change, choice, pixels
    for i in range(choices.shape[0]):
        y = start + i
        cost_before, macs_before = coder.state.cost, coder.state.macs
        if rows.cache.asked.shape[0]:
            save_place(coder, rows.cache, rows.source.up)
        stop = STOP_BEFORE_PIXELS_PROBABILITY if y == 0 and budget > 0 else STOP_PROBABILITY
        change = FIRST_ROW_CHANGE_PROBABILITY if y == 0 else CHANGE_PROBABILITY
        choice = code_choice(coder, tier_count_at(y, coder.state.previous_tier), change, stop, choices[i])
        choices[i] = choice
        pixels = 0
        if not coder.state.exhausted and choice != STOP:
            pixels = code_row(coder, rows, image, y, budget, choice)
        if coder.state.exhausted == WAITING:
            restore_place(coder, rows.cache, rows.source.up)
            coded.segments, coded.rows, coded.pixels = i, y, 0
            return coded
        spent[i], macs[i] = coder.state.cost - cost_before, coder.state.macs - macs_before
        if coder.state.exhausted or choice == STOP:
            coded.segments, coded.rows, coded.pixels = i + 1, y, pixels
            return coded
    coded.segments, coded.rows, coded.pixels = choices.shape[0], start + choices.shape[0], 0
    return coded


cdef void fill_rows(
    const uint8_t[:, ::1] reconstruction, const uint8_t[:, ::1] image, int64_t rows, const int32_t[::1] weights,
    uint8_t[:, ::1] out,
) noexcept nogil:
    """Writes the picture of which the first rows are known; arguments as `filled`."""
    cdef int64_t height = image.shape[0], width = image.shape[1], y, x
    cdef int32_t weight, value, error
    memcpy(&out[0, 0], &image[0, 0], <size_t>(rows * width))
    for y in range(rows, height):
        weight = weights[y - rows] if rows and y - rows < weights.shape[0] else 0
        for x in range(width):
            value = reconstruction[y, x]
            if weight:
                error = <int32_t>image[rows - 1, x] - reconstruction[rows - 1, x]
                value += (weight * error + 128) >> 8
            out[y, x] = <uint8_t>(0 if value < 0 else 255 if value > 255 else value)


cdef int check(RowCoder rows, uint8_t[:, ::1] image) except -1:
    cdef PixelContext context = rows.pixels.context
    if context.height != image.shape[0] or context.width != image.shape[1]:
        raise ValueError(f"an image of {image.shape[0]}x{image.shape[1]} pixels, and a coder of another size")
    return 0


def code_rows(
    RangeCoder coder not None, RowCoder rows not None, uint8_t[:, ::1] image, int64_t start, int64_t budget,
    int64_t[::1] choices, int64_t[::1] spent, int64_t[::1] macs,
):
    """Codes rows of pixels from `start` on, each with its choice, in the coder's direction.

    Args:
        coder: its cost and multiply-accumulates grow by what the rows take.
        rows: holds the rows above.
        image: uint8 (height, width); read when encoding, written when decoding.
        start: the first row.
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        spent: int64, receives the cost of each segment.
        macs: int64, receives the multiply-accumulates of each segment.

    Returns:
        Segments coded, the stop mark included; complete rows in all; pixels of the row after them. A decoder that waits for a
        logit of tier `lm` returns before the row in which it waits.

    Raises:
        ValueError: the arrays are of other sizes.
    """
    cdef CodedRows coded
    check(rows, image)
    count = choices.shape[0]
    if not 0 <= start <= image.shape[0] - count or spent.shape[0] < count or macs.shape[0] < count:
        raise ValueError(f"{count} choices from row {start} on, for an image of {image.shape[0]} rows")
    with nogil:
        coded = code_pixel_rows(coder, rows, image, start, budget, choices, spent, macs)
    return coded.segments, coded.rows, coded.pixels


def measure_rows(
    RowCoder rows not None, uint8_t[:, ::1] image, int64_t budget, int64_t tier, int64_t[::1] spent, int64_t[::1] macs
):
    """Codes all rows of an image in one tier, without their choices, and discards the payload.

    Args:
        rows: before the first row.
        image: uint8 (height, width).
        budget: latent slices that the bit budget touches, 0 if there is no reconstruction.
        tier: index into `rlcodec.core.segment_choice.TIERS`.
        spent: int64 (height,), receives the cost of each row.
        macs: int64 (height,), receives the multiply-accumulates of each row.

    Raises:
        ValueError: the arrays are of other sizes.
    """
    cdef RangeCoder coder = RangeCoder()
    cdef int64_t y, cost_before, macs_before
    check(rows, image)
    if spent.shape[0] < image.shape[0] or macs.shape[0] < image.shape[0] or not 0 <= tier < TIER_COUNT:
        raise ValueError(f"an image of {image.shape[0]} rows, and arrays of {spent.shape[0]} and {macs.shape[0]}")
    with nogil:
        for y in range(image.shape[0]):
            cost_before, macs_before = coder.state.cost, coder.state.macs
            code_row(coder, rows, image, y, budget, tier)
            spent[y], macs[y] = coder.state.cost - cost_before, coder.state.macs - macs_before


def filled(
    const uint8_t[:, ::1] reconstruction, const uint8_t[:, ::1] image, int64_t rows, const int32_t[::1] weights,
    uint8_t[:, ::1] out,
):
    """Writes the picture of which the first rows are known; below them stands the reconstruction, corrected by the last row's
    error.

    Args:
        reconstruction: uint8 (height, width).
        image: uint8 (height, width), known in its first `rows` rows.
        rows: how many are known.
        weights: int32, how much of the error of the last known row carries on to each row below it, in 1/256.
        out: uint8 (height, width), written.

    Raises:
        ValueError: the pictures are of other sizes.
    """
    cdef bint high = reconstruction.shape[0] == out.shape[0] == image.shape[0]
    cdef bint wide = reconstruction.shape[1] == out.shape[1] == image.shape[1]
    if not high or not wide or not 0 <= rows <= image.shape[0]:
        raise ValueError(f"{rows} rows of an image of {image.shape[0]}x{image.shape[1]} pixels, and pictures of other sizes")
    with nogil:
        fill_rows(reconstruction, image, rows, weights, out)


def stop_pictures(const uint8_t[:, ::1] reconstruction, const uint8_t[:, ::1] image, const int32_t[::1] weights):
    """The pictures after 0, 1, ... all rows, uint8 (height + 1, height, width); arguments as `filled`."""
    cdef int64_t height = image.shape[0], rows
    if reconstruction.shape[0] != height or reconstruction.shape[1] != image.shape[1]:
        raise ValueError("the reconstruction and the image differ in size")
    pictures = np.empty((height + 1, height, image.shape[1]), np.uint8)
    cdef uint8_t[:, :, ::1] out = pictures
    with nogil:
        for rows in range(height + 1):
            fill_rows(reconstruction, image, rows, weights, out[rows])
    return pictures
