"""Input and output of the networks that `rlcodec.presets.photo.repair` runs, in float32."""

from libc.stdint cimport int64_t, uint8_t

from rlcodec.core.compiler cimport cloned
from rlcodec.presets.photo._transform cimport PLANES

cpdef enum:
    FACTOR = 4  # side in pixels of the squares that become channels

cdef enum:
    SQUARE = FACTOR * FACTOR
    SOME = 16  # squares whose corrections are put in the order of pixels at a time

cdef float LARGEST = 8  # differences from the mean of a square are clipped to so many quantiser steps


cdef cloned fill_row(
    const float* pixels, int64_t line, int64_t columns, float scale, float middle, float largest, float* out, float* mean,
    int64_t channel,
) noexcept nogil:
    """Writes one colour of a row of squares, and their means.

    Args:
        pixels: of the colour, PLANES apart, in rows that are `line` apart.
        line: from one row of pixels to the next.
        columns: of squares.
        scale: of pixels.
        middle: that is subtracted from scaled means.
        largest: to which differences are clipped.
        out: row of the first of SQUARE channels, which are `channel` apart.
        mean: row of the means.
        channel: from one channel to the next.
    """
    cdef int64_t i, x
    cdef const float* source
    cdef float* target
    cdef float value
    for x in range(columns):
        mean[x] = 0
    for i in range(SQUARE):
        source, target = pixels + (i >> 2) * line + (i & 3) * PLANES, out + i * channel
        for x in range(columns):
            value = source[x * (FACTOR * PLANES)] * scale
            target[x] = value
            mean[x] += value
    for x in range(columns):
        mean[x] *= <float>0.0625
    for i in range(SQUARE):
        target = out + i * channel
        for x in range(columns):
            value = target[x] - mean[x]
            value = value if value > -largest else -largest
            target[x] = value if value < largest else largest
    for x in range(columns):
        mean[x] = (mean[x] - middle) * <float>0.25


def fill_input(const float[:, :, ::1] planes, float scale, float middle, int64_t first, int64_t last, float[:, :, ::1] out):
    """Writes rows `first` to `last` of squares and their means; see `rlcodec.presets.photo.repair.network_input`.

    Args:
        planes: float32 (height, width, PLANES).
        scale: of pixels.
        middle: scaled middle gray.
        first: first row of squares.
        last: the one after the last.
        out: float32 (PLANES * FACTOR**2 + PLANES or more, height / FACTOR, width / FACTOR).
    """
    cdef int64_t row, plane, line = planes.shape[1] * PLANES, channel = out.shape[1] * out.shape[2]
    check_sizes(planes, out.shape[0] - PLANES, out.shape[1], out.shape[2], first, last)
    with nogil:
        for row in range(first, last):
            for plane in range(PLANES):
                fill_row(
                    &planes[row * FACTOR, 0, plane], line, out.shape[2], scale, middle, LARGEST, &out[plane * SQUARE, row, 0],
                    &out[PLANES * SQUARE + plane, row, 0], channel,
                )


cdef int check_sizes(
    const float[:, :, ::1] planes, int64_t channels, int64_t rows, int64_t columns, int64_t first, int64_t last
) except -1:
    if planes.shape[0] != rows * FACTOR or planes.shape[1] != columns * FACTOR or planes.shape[2] != PLANES:
        raise ValueError("the sizes of planes and squares do not fit")
    if channels < PLANES * SQUARE or not 0 <= first <= last <= rows or not columns:
        raise ValueError(f"there are {channels} channels and {rows}x{columns} squares")
    return 0


cdef cloned add_row(
    const float* planes, const float* correction, int64_t channel, int64_t columns, float scale, float half, uint8_t* out
) noexcept nogil:
    """Writes a row of pixels: the planes plus `scale` times the correction, rounded.

    Args:
        planes: (columns, FACTOR, PLANES).
        correction: row of the channel of the first pixel of squares; that of the next pixel is `channel` further, that of the
            next colour SQUARE channels.
        channel: from one channel to the next.
        columns: of squares.
        scale: of the correction.
        half: 1/2.
        out: as `planes`.
    """
    cdef float[SOME * FACTOR * PLANES] added
    cdef const float* source
    cdef int64_t start, count, i, c, x
    cdef float value
    for start in range(0, columns, 16):  # SOME
        count = min(columns - start, SOME)
        for i in range(FACTOR):
            for c in range(PLANES):
                source = correction + (c * SQUARE + i) * channel + start
                for x in range(count):
                    added[(x * FACTOR + i) * PLANES + c] = source[x]
        for i in range(start * FACTOR * PLANES, (start + count) * FACTOR * PLANES):
            value = planes[i] + added[i - start * FACTOR * PLANES] * scale + half
            value = value if value > 0 else 0
            out[i] = <uint8_t><int>(value if value < 255 else 255)


cdef cloned round_row(const float* planes, int64_t size, float half, uint8_t* out) noexcept nogil:
    """Rounds a row of samples."""
    cdef int64_t i
    cdef float value
    for i in range(size):
        value = planes[i] + half
        value = value if value > 0 else 0
        out[i] = <uint8_t><int>(value if value < 255 else 255)


def add_output(
    const float[:, :, ::1] planes, const float[:, :, ::1] correction, float scale, int64_t first, int64_t last,
    uint8_t[:, :, ::1] out,
):
    """Writes some rows of squares of the picture: the planes plus `scale` times the network's output.

    Args:
        planes: float32 (height, width, PLANES).
        correction: float32 (PLANES * FACTOR**2, height / FACTOR, width / FACTOR); None for no correction.
        scale: of the correction.
        first: first row of squares.
        last: the one after the last.
        out: uint8 (height, width, PLANES), written.
    """
    cdef int64_t y, channel, columns = planes.shape[1] // FACTOR, rows = planes.shape[0] // FACTOR
    if out.shape[0] != planes.shape[0] or out.shape[1] != planes.shape[1] or out.shape[2] != planes.shape[2]:
        raise ValueError("the sizes of planes and picture do not fit")
    if correction is None:
        check_sizes(planes, PLANES * SQUARE, rows, columns, first, last)
        with nogil:
            for y in range(first * FACTOR, last * FACTOR):
                round_row(&planes[y, 0, 0], planes.shape[1] * PLANES, 0.5, &out[y, 0, 0])
        return
    check_sizes(planes, correction.shape[0], correction.shape[1], correction.shape[2], first, last)
    channel = correction.shape[1] * correction.shape[2]
    with nogil:
        for y in range(first * FACTOR, last * FACTOR):
            add_row(
                &planes[y, 0, 0], &correction[(y & 3) * FACTOR, y >> 2, 0], channel, columns, scale, 0.5, &out[y, 0, 0]
            )
