"""Collects what the expected magnitudes of coefficients are fitted to; see `rlcodec.training.photo.raster`."""

from libc.stdint cimport int16_t, int64_t
from libc.string cimport memset

from rlcodec.presets.photo._coefficient_coder cimport (
    INPUTS, MARGIN, SPAN, Block, StripState, around_band, close_block, expected_around, expected_inside, find_block,
    magnitude_input, open_block, survey_block
)
from rlcodec.presets.photo._transform cimport AREA, MOST_BLOCKS, PLANES, SLICES, TRANSFORMS, BlockPlace, places_of


def collect(StripState coded, StripState strip, int64_t every, float[:, ::1] inputs, float[::1] magnitudes, int[::1] classes):
    """Collects inputs of the expected magnitude, and the magnitudes, of coefficients of a coded strip.

    Args:
        coded: the strip.
        strip: of the same size, of which nothing is coded; it is filled.
        every: one coefficient of so many is collected.
        inputs: float32 (n, INPUTS), written, in whole steps.
        magnitudes: float32 (n,), written, in steps.
        classes: int32 (n,), written: index of plane, transform and slice.

    Returns:
        Number of coefficients collected.
    """
    cdef int16_t[INPUTS] one
    cdef int16_t[4][AREA + 2 * MARGIN] rows
    cdef BlockPlace[MOST_BLOCKS] places
    cdef Block block
    cdef int64_t y, x, count = 0, seen = 0
    cdef int i, k, d, u, v, plane, slice, blocks, band, value
    cdef int16_t* z
    cdef const int16_t* values
    strip.splits[:], strip.offsets[:] = coded.splits, coded.offsets
    for slice in range(1, SLICES):
        for y in range(strip.values.shape[0]):
            for x in range(strip.values.shape[1]):
                blocks = places_of(coded.splits[y, x], places)
                for i in range(blocks):
                    for plane in range(PLANES):
                        find_block(strip, &block, &places[i], y, x, plane, slice)
                        values = &coded.values[y, x, plane, places[i].at]
                        survey_block(&block)
                        open_block(&block)
                        memset(rows, 0, sizeof(rows))
                        for d in range(max(block.low - 2, 1), block.high + 1):
                            memset(rows[d & 3], 0, sizeof(rows[0]))
                            for u in range(max(0, d - block.side + 1), min(d, block.side - 1) + 1):
                                v = d - u
                                z = block.grid + u * SPAN + v
                                value = values[block.side * u + v]
                                block.values[block.side * u + v] = <int16_t>value
                                value = -value if value < 0 else value
                                if d >= block.low:
                                    seen += 1
                                    if seen % every == 0 and count < magnitudes.shape[0]:
                                        band = ((u >> block.transform) << 3) + (v >> block.transform)
                                        for k in range(INPUTS):
                                            memset(one, 0, sizeof(one))
                                            one[k] = 1
                                            inputs[count, k] = <float>(
                                                expected_around(&block, one, around_band(&block, one, band), z)
                                                + expected_inside(
                                                    one, &rows[d & 3][u + MARGIN], &rows[(d - 1) & 3][u + MARGIN],
                                                    &rows[(d - 2) & 3][u + MARGIN],
                                                )
                                            ) / 64
                                        magnitudes[count] = <float>value / 2
                                        classes[count] = (plane * TRANSFORMS + block.transform) * SLICES + slice
                                        count += 1
                                z[0] = rows[d & 3][u + MARGIN] = magnitude_input(value)
                        close_block(&block)
    return count
