"""Input and output of the networks that `rlcodec.presets.photo.repair` runs."""

from libc.stdint cimport int8_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

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
    TOLD = 4  # last channels: the step, and what the whole picture shares
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


cdef cloned row_inputs(
    const float* pixels, int64_t line, const float* means, const float* scales, int64_t columns, uint8_t* out
) noexcept nogil:
    """Writes the pixels of a row of squares of a plane less the means of their squares.

    Args:
        pixels: of the first square, in rows that are `line` apart.
        line: from one row of pixels to the next.
        means: (columns,), of the squares.
        scales: (columns,), of pixels to inputs.
        columns: number of squares.
        out: of the first square, INPUT_CHANNELS apart.
    """
    cdef int64_t x
    cdef int i, j
    cdef float value, mean, scale
    for x in range(columns):
        mean, scale = means[x], scales[x]
        for i in range(FACTOR):
            for j in range(FACTOR):
                value = (pixels[i * line + FACTOR * x + j] - mean) * scale + <float>(ZERO + 0.5)
                value = value if value > 0 else 0
                out[INPUT_CHANNELS * x + FACTOR * i + j] = <uint8_t><int>(value if value < 255 else 255)


cdef void row_places(
    int64_t row, int64_t column, int split, const uint8_t* told, uint8_t* square
) noexcept nogil:
    """Writes the inputs about the place of a square in its block, and those that it shares with its area."""
    cdef int side = 8
    if split < WHOLE:
        side = 2 if (split >> (2 * ((row >> 2) & 1) + ((column >> 2) & 1))) & 1 else 4
    square[0] = ZERO + 16 * (column & (side - 1) == 0)
    square[1] = ZERO + 16 * (column & (side - 1) == side - 1)
    square[2] = ZERO + 16 * (row & (side - 1) == 0)
    square[3] = ZERO + 16 * (row & (side - 1) == side - 1)
    square[4] = ZERO + 16 * (side == 2)
    square[5] = ZERO + 16 * (side == 8)
    memcpy(square + 6, told, TOLD)


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
    cdef int plane, offset, i
    cdef float scale, mean
    cdef float* row_scales
    cdef uint8_t* square
    cdef uint8_t[TOLD] told
    check_sizes(planes, splits, offsets, rows, columns, out.shape[2], INPUT_CHANNELS, first, last)
    if (means.shape[0], means.shape[1], means.shape[2]) != (PLANES, rows, columns) or constants.shape[0] != TOLD - 1:
        raise ValueError("the means do not fit the squares")
    if scales.shape[0] != 2 * OFFSET_LIMIT + 1 or scales.shape[1] != PLANES or steps.shape[0] != 2 * OFFSET_LIMIT + 1:
        raise ValueError("the scales have another shape")
    row_scales = <float*>malloc(<size_t>columns * sizeof(float))
    if row_scales == NULL:
        raise MemoryError("no memory is left for the input of a network")
    for i in range(1, TOLD):
        told[i] = to_input(constants[i - 1])
    with nogil:
        for row in range(first, last):
            for plane in range(PLANES):
                for column in range(columns):
                    offset = offsets[row // AREA_SQUARES, column // AREA_SQUARES] + OFFSET_LIMIT
                    row_scales[column] = scales[offset, plane]
                row_inputs(
                    &planes[plane, row * FACTOR, 0], line, &means[plane, row, 0], row_scales, columns,
                    &out[row, 0, SQUARE * plane],
                )
                for column in range(columns):
                    square, scale, mean = &out[row, column, 0], row_scales[column], means[plane, row, column]
                    square[STEPS + plane] = square[DOWN + plane] = ZERO
                    if column + 1 < columns:
                        square[STEPS + plane] = to_input((means[plane, row, column + 1] - mean) * scale)
                    if row + 1 < rows:
                        square[DOWN + plane] = to_input((means[plane, row + 1, column] - mean) * scale)
            for column in range(columns):
                told[0] = to_input(steps[offsets[row // AREA_SQUARES, column // AREA_SQUARES] + OFFSET_LIMIT])
                row_places(
                    row, column, splits[row // AREA_SQUARES, column // AREA_SQUARES], told, &out[row, column, PLACES]
                )
        free(row_scales)


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


cdef cloned add_row(float* pixels, int64_t line, const uint8_t* added, float scale, int count) noexcept nogil:
    """Adds outputs to a row of squares of one plane in one area; squares of `added` are OUTPUT_CHANNELS apart."""
    cdef int x, i, j
    for x in range(count):
        for i in range(FACTOR):
            for j in range(FACTOR):
                pixels[i * line + FACTOR * x + j] += (
                    <float>added[OUTPUT_CHANNELS * x + FACTOR * i + j] - <float>ZERO
                ) * scale


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
    cdef int64_t row, area
    cdef int plane, offset
    check_sizes(planes, splits, offsets, added.shape[0], added.shape[1], added.shape[2], OUTPUT_CHANNELS, first, last)
    if chosen.shape[0] != splits.shape[0] or chosen.shape[1] != splits.shape[1]:
        raise ValueError("the numbers of areas do not fit")
    if scales.shape[0] != 2 * OFFSET_LIMIT + 1 or scales.shape[1] != PLANES:
        raise ValueError("the scales have another shape")
    with nogil:
        for row in range(first, last):
            for area in range(chosen.shape[1]):
                if not chosen[row // AREA_SQUARES, area]:
                    continue
                offset = offsets[row // AREA_SQUARES, area] + OFFSET_LIMIT
                for plane in range(PLANES):
                    add_row(
                        &planes[plane, row * FACTOR, area * AREA], planes.shape[2],
                        &added[row, area * AREA_SQUARES, SQUARE * plane], scales[offset, plane], AREA_SQUARES,
                    )
