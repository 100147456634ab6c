"""Input and output of the networks that `rlcodec.presets.photo.repair` runs."""

from libc.stdint cimport int8_t, int64_t, uint8_t

from rlcodec.core.compiler cimport cloned
from rlcodec.presets.photo._transform cimport AREA, OFFSET_LIMIT, PLANES, WHOLE

cpdef enum:
    FACTOR = 4  # side in pixels of the squares that become channels
    INPUT_CHANNELS = 64
    OUTPUT_CHANNELS = PLANES * FACTOR * FACTOR
    ZERO = 128  # zero point of the quantised inputs and outputs

cdef enum:
    SQUARE = 16  # pixels of a square
    STEPS = 48  # input channels: the pixels of the three planes; then differences of means, and places in blocks
    DOWN = 51
    PLACES = 54
    AREA_SQUARES = 8  # along the side of an area


cdef cloned mean_row(const float* pixels, int64_t line, int64_t columns, float* means) noexcept nogil:
    """Means of a row of squares; rows of pixels are `line` apart."""
    cdef int64_t x
    cdef int i, j
    cdef float sum
    for x in range(columns):
        sum = 0
        for i in range(FACTOR):
            for j in range(FACTOR):
                sum += pixels[i * line + FACTOR * x + j]
        means[x] = sum * <float>0.0625


cdef inline uint8_t to_input(float value) noexcept nogil:
    """A value in 1/16, rounded, with 0 at ZERO."""
    value += <float>(ZERO + 0.5)
    value = value if value > 0 else 0
    return <uint8_t><int>(value if value < 255 else 255)


cdef cloned square_input(const float* pixels, int64_t line, float mean, float scale, uint8_t* out) noexcept nogil:
    """Writes the pixels of a square less their mean."""
    cdef int i, j
    cdef float value
    for i in range(FACTOR):
        for j in range(FACTOR):
            value = (pixels[i * line + j] - mean) * scale + <float>(ZERO + 0.5)
            value = value if value > 0 else 0
            out[FACTOR * i + j] = <uint8_t><int>(value if value < 255 else 255)


def fill_input(
    const float[:, :, ::1] planes, float[:, :, ::1] means, const uint8_t[:, ::1] splits, const int8_t[:, ::1] offsets,
    const float[:, ::1] scales, const float[::1] steps, const float[::1] constants, int64_t first, int64_t last,
    uint8_t[:, :, ::1] out,
):
    """Writes some rows of squares of the input; see `rlcodec.presets.photo.repair.network_input`.

    Args:
        planes: float32 (PLANES, rows * FACTOR, columns * FACTOR).
        means: float32 (PLANES, rows, columns), of the squares, from `fill_means`.
        splits: uint8 (area rows, area columns), how areas are split.
        offsets: int8 (area rows, area columns), of the step.
        scales: float32 (2 * OFFSET_LIMIT + 1, PLANES), of pixels to inputs, by offset.
        steps: float32 (2 * OFFSET_LIMIT + 1,), the input that tells the step, by offset.
        constants: float32 (3,), the last inputs.
        first: first row of squares.
        last: the one after the last.
        out: uint8 (rows, columns, INPUT_CHANNELS), written.
    """
    cdef int64_t row, column, rows = out.shape[0], columns = out.shape[1], line = planes.shape[2]
    cdef int plane, split, side, offset, i
    cdef float scale, mean
    cdef uint8_t* square
    check_sizes(planes, splits, offsets, rows, columns, out.shape[2], INPUT_CHANNELS, first, last)
    if (means.shape[0], means.shape[1], means.shape[2]) != (PLANES, rows, columns) or constants.shape[0] != 3:
        raise ValueError("the means do not fit the squares")
    if scales.shape[0] != 2 * OFFSET_LIMIT + 1 or scales.shape[1] != PLANES or steps.shape[0] != 2 * OFFSET_LIMIT + 1:
        raise ValueError("the scales have another shape")
    with nogil:
        for row in range(first, last):
            for column in range(columns):
                square = &out[row, column, 0]
                split = splits[row // AREA_SQUARES, column // AREA_SQUARES]
                offset = offsets[row // AREA_SQUARES, column // AREA_SQUARES] + OFFSET_LIMIT
                for plane in range(PLANES):
                    scale, mean = scales[offset, plane], means[plane, row, column]
                    square_input(
                        &planes[plane, row * FACTOR, column * FACTOR], line, mean, scale, square + SQUARE * plane
                    )
                    square[STEPS + plane] = ZERO
                    if column + 1 < columns:
                        square[STEPS + plane] = to_input((means[plane, row, column + 1] - mean) * scale)
                    square[DOWN + plane] = ZERO
                    if row + 1 < rows:
                        square[DOWN + plane] = to_input((means[plane, row + 1, column] - mean) * scale)
                side = 8
                if split != WHOLE:
                    side = 2 if (split >> (2 * ((row >> 2) & 1) + ((column >> 2) & 1))) & 1 else 4
                square[PLACES] = ZERO + 16 * (column & (side - 1) == 0)
                square[PLACES + 1] = ZERO + 16 * (column & (side - 1) == side - 1)
                square[PLACES + 2] = ZERO + 16 * (row & (side - 1) == 0)
                square[PLACES + 3] = ZERO + 16 * (row & (side - 1) == side - 1)
                square[PLACES + 4] = ZERO + 16 * (side == 2)
                square[PLACES + 5] = ZERO + 16 * (side == 8)
                square[PLACES + 6] = to_input(steps[offset])
                for i in range(3):
                    square[PLACES + 7 + i] = to_input(constants[i])


def fill_means(const float[:, :, ::1] planes, float[:, :, ::1] means):
    """Writes the means of squares, float32 (PLANES, rows, columns), of planes, FACTOR times as high and wide."""
    cdef int64_t row
    cdef int plane
    if planes.shape[0] != means.shape[0] or (planes.shape[1], planes.shape[2]) != (
        means.shape[1] * FACTOR, means.shape[2] * FACTOR,
    ):
        raise ValueError("the sizes of planes and squares do not fit")
    with nogil:
        for plane in range(planes.shape[0]):
            for row in range(means.shape[1]):
                mean_row(&planes[plane, row * FACTOR, 0], planes.shape[2], means.shape[2], &means[plane, row, 0])


cdef int check_sizes(
    const float[:, :, ::1] planes, const uint8_t[:, ::1] splits, const int8_t[:, ::1] offsets, int64_t rows, int64_t columns,
    int64_t channels, int64_t wanted, int64_t first, int64_t last,
) except -1:
    if (planes.shape[0], planes.shape[1], planes.shape[2]) != (PLANES, rows * FACTOR, columns * FACTOR):
        raise ValueError("the sizes of planes and squares do not fit")
    if (splits.shape[0], splits.shape[1]) != (offsets.shape[0], offsets.shape[1]):
        raise ValueError("the numbers of areas do not fit")
    if splits.shape[0] * AREA != planes.shape[1] or splits.shape[1] * AREA != planes.shape[2]:
        raise ValueError("the sizes of planes and areas do not fit")
    if channels != wanted or not 0 <= first <= last <= rows:
        raise ValueError(f"there are {channels} channels and {rows}x{columns} squares")
    return 0


cdef cloned add_square(float* pixels, int64_t line, const uint8_t* added, float scale) noexcept nogil:
    cdef int i, j
    for i in range(FACTOR):
        for j in range(FACTOR):
            pixels[i * line + j] += (<float>added[FACTOR * i + j] - <float>ZERO) * scale


def add_output(
    float[:, :, ::1] planes, const uint8_t[:, :, ::1] added, const uint8_t[:, ::1] splits, const int8_t[:, ::1] offsets,
    const uint8_t[:, ::1] chosen, const float[:, ::1] scales, int64_t first, int64_t last,
):
    """Adds the output of a network to some rows of squares of the planes, in some areas.

    Args:
        planes: float32 (PLANES, rows * FACTOR, columns * FACTOR), changed.
        added: uint8 (rows, columns, OUTPUT_CHANNELS).
        splits: uint8 (area rows, area columns).
        offsets: int8 (area rows, area columns), of the step.
        chosen: uint8 (area rows, area columns), 0 where nothing is added.
        scales: float32 (2 * OFFSET_LIMIT + 1, PLANES), of outputs to pixels, by offset.
        first: first row of squares.
        last: the one after the last.
    """
    cdef int64_t row, column
    cdef int plane, offset
    check_sizes(planes, splits, offsets, added.shape[0], added.shape[1], added.shape[2], OUTPUT_CHANNELS, first, last)
    if chosen.shape[0] != splits.shape[0] or chosen.shape[1] != splits.shape[1]:
        raise ValueError("the numbers of areas do not fit")
    if scales.shape[0] != 2 * OFFSET_LIMIT + 1 or scales.shape[1] != PLANES:
        raise ValueError("the scales have another shape")
    with nogil:
        for row in range(first, last):
            for column in range(added.shape[1]):
                if not chosen[row // AREA_SQUARES, column // AREA_SQUARES]:
                    continue
                offset = offsets[row // AREA_SQUARES, column // AREA_SQUARES] + OFFSET_LIMIT
                for plane in range(PLANES):
                    add_square(
                        &planes[plane, row * FACTOR, column * FACTOR], planes.shape[2], &added[row, column, SQUARE * plane],
                        scales[offset, plane],
                    )


cdef cloned round_row(const float* samples, int64_t size, uint8_t* out) noexcept nogil:
    cdef int64_t i
    cdef float value
    for i in range(size):
        value = samples[i] + <float>0.5
        value = value if value > 0 else 0
        out[i] = <uint8_t><int>(value if value < 255 else 255)


def round_samples(const float[:, :, ::1] picture, uint8_t[:, :, ::1] out):
    """Rounds samples, float32, to uint8 of the same shape."""
    cdef int64_t y
    if (picture.shape[0], picture.shape[1], picture.shape[2]) != (out.shape[0], out.shape[1], out.shape[2]):
        raise ValueError("the sizes of pictures do not fit")
    with nogil:
        for y in range(picture.shape[0]):
            round_row(&picture[y, 0, 0], picture.shape[1] * picture.shape[2], &out[y, 0, 0])
