"""The transforms that `rlcodec.presets.photo.transform` describes. All sums are in a fixed order, in float32."""

from libc.math cimport fabsf
from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t
from libc.string cimport memset

from rlcodec.core.compiler cimport cloned


cdef extern from "weighted_sums.h":
    void rl_weigh_rows(const float*, Py_ssize_t, const float*, Py_ssize_t, float*, const int) noexcept nogil


cdef cloned run_transform(const float* pixels, int64_t line, const float* basis, int side, float* coefficients) noexcept nogil:
    """Transforms a block; see `transform_block`."""
    cdef float[AREA * AREA] half, across
    cdef int i, k
    for k in range(side):
        for i in range(side):
            across[side * i + k] = basis[side * k + i]
    if side == 8:
        for i in range(8):
            rl_weigh_rows(pixels + line * i, 1, across, 8, &half[8 * i], 8)
        for i in range(8):
            rl_weigh_rows(basis + 8 * i, 1, half, 8, coefficients + 8 * i, 8)
    elif side == 16:
        for i in range(16):
            rl_weigh_rows(pixels + line * i, 1, across, 16, &half[16 * i], 16)
        for i in range(16):
            rl_weigh_rows(basis + 16 * i, 1, half, 16, coefficients + 16 * i, 16)
    else:
        for i in range(32):
            rl_weigh_rows(pixels + line * i, 1, across, 32, &half[32 * i], 32)
        for i in range(32):
            rl_weigh_rows(basis + 32 * i, 1, half, 32, coefficients + 32 * i, 32)


cdef void transform_block(const float* pixels, int64_t line, const float* basis, int side, float* coefficients) noexcept nogil:
    """Transforms a block of one plane.

    Args:
        pixels: rows of `side` pixels, `line` apart.
        line: from one row of pixels to the next.
        basis: (side, side), rows are basis functions.
        side: of the block: 8, 16 or 32.
        coefficients: (side, side), written.
    """
    run_transform(pixels, line, basis, side, coefficients)


cdef cloned restore_block(
    const float* block, const float* basis, int side, int lowest, int furthest, float* pixels, int64_t line
) noexcept nogil:
    """Inverse of `transform_block`.

    Args:
        block: (side, side); frequencies are zero beyond row `lowest` and column `furthest`.
        basis: (side, side).
        side: of the block.
        lowest: last row of the block that is not zero, or -1.
        furthest: last column, or -1.
        pixels: of the block, written, in rows that are `line` apart.
        line: from one row of pixels to the next.
    """
    cdef float[AREA * AREA] half
    cdef int i
    if side == 8:
        for i in range(lowest + 1):
            rl_weigh_rows(block + 8 * i, 1, basis, furthest + 1, &half[8 * i], 8)
        for i in range(8):
            rl_weigh_rows(basis + i, 8, half, lowest + 1, pixels + line * i, 8)
    elif side == 16:
        for i in range(lowest + 1):
            rl_weigh_rows(block + 16 * i, 1, basis, furthest + 1, &half[16 * i], 16)
        for i in range(16):
            rl_weigh_rows(basis + i, 16, half, lowest + 1, pixels + line * i, 16)
    else:
        for i in range(lowest + 1):
            rl_weigh_rows(block + 32 * i, 1, basis, furthest + 1, &half[32 * i], 32)
        for i in range(32):
            rl_weigh_rows(basis + i, 32, half, lowest + 1, pixels + line * i, 32)


cdef cloned transform_colors(
    const float* samples, const float* colors, int64_t count, float* red, float* green, float* blue
) noexcept nogil:
    """Transforms colours to planes.

    Args:
        samples: (PLANES, count), red, green and blue.
        colors: (PLANES, PLANES).
        count: of pixels.
        red: receives the first plane; `green` and `blue` the others.
    """
    cdef int64_t i
    cdef const float* second = samples + count
    cdef const float* third = second + count
    for i in range(count):
        red[i] = samples[i] * colors[0] + second[i] * colors[1] + third[i] * colors[2]
        green[i] = samples[i] * colors[3] + second[i] * colors[4] + third[i] * colors[5]
        blue[i] = samples[i] * colors[6] + second[i] * colors[7] + third[i] * colors[8]


cdef cloned show_samples(
    const float* first, const float* second, const float* third, const float* colors, int64_t count, uint8_t* shown
) noexcept nogil:
    """Inverse of `transform_colors`, rounded, into (count, PLANES), of at most 64 pixels."""
    cdef uint8_t[PLANES][64] samples
    cdef int64_t i
    cdef int c
    cdef float value
    for c in range(PLANES):
        for i in range(count):
            value = <float>128 + first[i] * colors[c] + second[i] * colors[PLANES + c] + third[i] * colors[2 * PLANES + c]
            value = value + <float>0.5
            value = value if value > 0 else 0
            samples[c][i] = <uint8_t><int>(value if value < 255 else 255)
    for i in range(count):
        for c in range(PLANES):
            shown[PLANES * i + c] = samples[c][i]


def show_planes(const float[:, :, :] planes, const float[:, ::1] colors, uint8_t[:, :, ::1] picture):
    """Inverse of `to_planes`, rounded.

    Args:
        planes: float32 (PLANES, rows, columns), maybe some rows of larger planes.
        colors: float32 (PLANES, PLANES), the inverse transform, transposed.
        picture: uint8 (rows, columns, PLANES), written.
    """
    cdef int64_t y, start
    check_rows(planes)
    if colors.shape[0] != PLANES or colors.shape[1] != PLANES:
        raise ValueError("a picture has three colours and as many planes")
    if (picture.shape[0], picture.shape[1], picture.shape[2]) != (planes.shape[1], planes.shape[2], PLANES):
        raise ValueError("the sizes of picture and planes do not fit")
    with nogil:
        for y in range(planes.shape[1]):
            for start in range(0, planes.shape[2], 64):
                show_samples(
                    &planes[0, y, start], &planes[1, y, start], &planes[2, y, start], &colors[0, 0],
                    min(planes.shape[2] - start, 64), &picture[y, start, 0],
                )


cdef int check_rows(const float[:, :, :] planes) except -1:
    if planes.shape[0] != PLANES:
        raise ValueError(f"a picture has {PLANES} planes, not {planes.shape[0]}")
    if planes.shape[2] > 1 and planes.strides[2] != sizeof(float):
        raise ValueError("the pixels of a row of a plane do not lie side by side")
    return 0


def to_planes(const uint8_t[:, :, ::1] picture, const float[:, ::1] colors, float[:, :, ::1] planes):
    """Transforms the colours of a picture.

    Args:
        picture: uint8 (height, width, PLANES); edges are repeated up to whole areas.
        colors: float32 (PLANES, PLANES).
        planes: float32 (PLANES, rows, columns), written.
    """
    cdef int64_t height = picture.shape[0], width = picture.shape[1], y, start, x, count
    cdef float[PLANES * 64] samples
    cdef const uint8_t* row
    cdef int c
    if picture.shape[2] != PLANES or not height or not width or planes.shape[0] != PLANES:
        raise ValueError("a picture has three colours and as many planes")
    if planes.shape[1] < height or planes.shape[2] < width or colors.shape[0] != PLANES or colors.shape[1] != PLANES:
        raise ValueError("the sizes of picture and planes do not fit")
    with nogil:
        for y in range(planes.shape[1]):
            row = &picture[min(y, height - 1), 0, 0]
            for start in range(0, planes.shape[2], 64):
                count = min(planes.shape[2] - start, 64)
                for x in range(count):
                    for c in range(PLANES):
                        samples[c * count + x] = <float>row[PLANES * min(start + x, width - 1) + c] - <float>128
                transform_colors(
                    samples, &colors[0, 0], count, &planes[0, y, start], &planes[1, y, start], &planes[2, y, start]
                )


def transform_areas(
    const float[:, :, ::1] planes, const uint8_t[:, ::1] splits, const float[::1] bases, float[:, :, :, ::1] coefficients
):
    """Transforms the blocks of areas.

    Args:
        planes: float32 (PLANES, area rows * AREA, area columns * AREA).
        splits: uint8 (area rows, area columns), how areas are split.
        bases: float32 (FREQUENCIES,), the basis functions of all transforms.
        coefficients: float32 (area rows, area columns, PLANES, AREA_PIXELS), written, block after block.
    """
    cdef BlockPlace[MOST_BLOCKS] places
    cdef int64_t y, x
    cdef int i, plane, count
    if planes.shape[0] != PLANES or planes.shape[1] != splits.shape[0] * AREA or planes.shape[2] != splits.shape[1] * AREA:
        raise ValueError("the sizes of planes and areas do not fit")
    if (coefficients.shape[0], coefficients.shape[1], coefficients.shape[2], coefficients.shape[3]) != (
        splits.shape[0], splits.shape[1], PLANES, AREA_PIXELS,
    ) or bases.shape[0] != FREQUENCIES:
        raise ValueError("the sizes of coefficients and areas do not fit")
    with nogil:
        for y in range(splits.shape[0]):
            for x in range(splits.shape[1]):
                count = places_of(splits[y, x], places)
                for i in range(count):
                    for plane in range(PLANES):
                        transform_block(
                            &planes[plane, y * AREA + CELL * places[i].row, x * AREA + CELL * places[i].column],
                            planes.shape[2], &bases[first_frequency(places[i].transform)], places[i].side,
                            &coefficients[y, x, plane, places[i].at],
                        )


def forward(const float[:, :, ::1] planes, int side, const float[:, ::1] basis, float[:, :, :, ::1] coefficients):
    """Transforms all blocks of one size.

    Args:
        planes: float32 (PLANES, rows, columns).
        side: of the blocks, 8, 16 or 32.
        basis: float32 (side, side).
        coefficients: float32 (PLANES, block rows, block columns, side * side), written.
    """
    cdef int64_t plane, y, x
    if side not in (8, 16, 32) or basis.shape[0] != side or basis.shape[1] != side:
        raise ValueError(f"there is no transform of side {side}")
    if (coefficients.shape[0], coefficients.shape[3]) != (planes.shape[0], side * side):
        raise ValueError("the sizes of planes and coefficients do not fit")
    if coefficients.shape[1] * side != planes.shape[1] or coefficients.shape[2] * side != planes.shape[2]:
        raise ValueError("the sizes of planes and coefficients do not fit")
    with nogil:
        for plane in range(planes.shape[0]):
            for y in range(coefficients.shape[1]):
                for x in range(coefficients.shape[2]):
                    transform_block(
                        &planes[plane, y * side, x * side], planes.shape[2], &basis[0, 0], side, &coefficients[plane, y, x, 0]
                    )


cdef float dequantised(int value, const float* centroids) noexcept nogil:
    """A value, in half steps, in steps: its magnitude less what magnitudes of its size lose, (CENTRED,)."""
    cdef float size = fabsf(<float>value)
    if value == 0:
        return 0
    size = size * <float>0.5 - centroids[min(<int>size, CENTRED) - 1]
    return -size if value < 0 else size


cdef void restore_planes(
    const int16_t* values, int split, float relative, const int8_t* chroma, const float* centroids, const float* scales,
    const uint8_t* slices, const float* bases, float* pixels, int64_t line, int64_t whole,
) noexcept nogil:
    """Dequantises and transforms an area; arguments as `inverse`, and from one row of pixels and one plane to the next."""
    cdef BlockPlace[MOST_BLOCKS] places
    cdef float[PLANES * AREA_PIXELS] blocks
    cdef int[PLANES] lowest, furthest
    cdef float multiplier
    cdef int count = places_of(split, places), i, plane, u, v, side, first, some, at
    cdef const int16_t* block
    cdef const float* scale
    cdef float* restored
    for i in range(count):
        side, first = places[i].side, first_frequency(places[i].transform)
        for plane in range(PLANES):
            block, scale = values + plane * AREA_PIXELS + places[i].at, scales + plane * FREQUENCIES + first
            restored = &blocks[plane * AREA_PIXELS]
            lowest[plane] = furthest[plane] = -1
            memset(restored, 0, <size_t>(side * side) * sizeof(float))
            for u in range(side):
                some = 0
                for v in range(side):
                    some |= block[side * u + v]
                if not some:
                    continue
                lowest[plane] = u
                for v in range(side):
                    at = side * u + v
                    if at == 0:
                        restored[0] = block[0] * scale[0] * relative
                        furthest[plane] = max(furthest[plane], 0)
                    elif block[at]:
                        restored[at] = dequantised(
                            block[at],
                            centroids + CENTRED * (SLICES * (TRANSFORMS * plane + places[i].transform) + slices[first + at]),
                        ) * scale[at] * relative
                        furthest[plane] = max(furthest[plane], v)
            if plane and chroma[plane - 1] and lowest[0] >= 0:
                multiplier = <float>chroma[plane - 1] * (<float>1 / CHROMA_UNIT)
                for u in range(lowest[0] + 1):
                    for v in range(1 if u == 0 else 0, furthest[0] + 1):
                        restored[side * u + v] += multiplier * blocks[side * u + v]
                lowest[plane], furthest[plane] = max(lowest[plane], lowest[0]), max(furthest[plane], furthest[0])
            restore_block(
                restored, bases + first, side, lowest[plane], furthest[plane],
                pixels + plane * whole + CELL * (line * places[i].row + places[i].column), line,
            )


def inverse(
    const int16_t[:, :, :, ::1] values, const uint8_t[:, ::1] splits, const int8_t[:, ::1] offsets,
    const int8_t[:, :, ::1] chroma, const float[:, :, :, ::1] centroids, const float[:, ::1] scales,
    const float[::1] relative, const uint8_t[::1] slices, const float[::1] bases, float[:, :, :] planes,
):
    """Dequantises and transforms areas.

    Args:
        values: int16 (area rows, area columns, PLANES, AREA_PIXELS), quantised; an area's blocks one after another.
        splits: uint8 (area rows, area columns), how areas are split into blocks.
        offsets: int8 (area rows, area columns), of the step.
        chroma: int8 (area rows, area columns, PLANES - 1), multipliers of luma.
        centroids: float32 (PLANES, TRANSFORMS, SLICES, CENTRED).
        scales: float32 (PLANES, FREQUENCIES), the step of every frequency.
        relative: float32 (2 * OFFSET_LIMIT + 1,), factors of the step by offset.
        slices: uint8 (FREQUENCIES,), the slice of every frequency.
        bases: float32 (FREQUENCIES,), the basis functions of all transforms.
        planes: float32 (PLANES, area rows * AREA, area columns * AREA), maybe some rows of larger planes; written where areas
            have blocks.
    """
    cdef int64_t y, x
    check_rows(planes)
    check_areas(values, splits, offsets, chroma)
    check_tables(centroids, scales, relative, slices, bases)
    if planes.shape[1] != values.shape[0] * AREA or planes.shape[2] != values.shape[1] * AREA:
        raise ValueError("the sizes of values and planes do not fit")
    with nogil:
        for y in range(values.shape[0]):
            for x in range(values.shape[1]):
                restore_planes(
                    &values[y, x, 0, 0], splits[y, x], relative[offsets[y, x] + OFFSET_LIMIT], &chroma[y, x, 0],
                    &centroids[0, 0, 0, 0], &scales[0, 0], &slices[0], &bases[0], &planes[0, y * AREA, x * AREA],
                    planes.strides[1] // <int64_t>sizeof(float), planes.strides[0] // <int64_t>sizeof(float),
                )


cdef int check_areas(
    const int16_t[:, :, :, ::1] values, const uint8_t[:, ::1] splits, const int8_t[:, ::1] offsets,
    const int8_t[:, :, ::1] chroma,
) except -1:
    cdef int64_t y, x, rows = values.shape[0], columns = values.shape[1]
    if values.shape[2] != PLANES or values.shape[3] != AREA_PIXELS:
        raise ValueError(f"areas have {PLANES} planes of {AREA_PIXELS} coefficients")
    if splits.shape[0] != rows or splits.shape[1] != columns or offsets.shape[0] != rows or offsets.shape[1] != columns:
        raise ValueError("the numbers of areas do not fit")
    if chroma.shape[0] != rows or chroma.shape[1] != columns or chroma.shape[2] != PLANES - 1:
        raise ValueError("the numbers of areas do not fit")
    for y in range(rows):
        for x in range(columns):
            if splits[y, x] > RASTER or not -OFFSET_LIMIT <= offsets[y, x] <= OFFSET_LIMIT:
                raise ValueError(f"an area is split as {splits[y, x]}, with offset {offsets[y, x]}")
    return 0


cdef int check_tables(
    const float[:, :, :, ::1] centroids, const float[:, ::1] scales, const float[::1] relative, const uint8_t[::1] slices,
    const float[::1] bases,
) except -1:
    cdef int i
    if tuple(centroids.shape[i] for i in range(4)) != (PLANES, TRANSFORMS, SLICES, CENTRED):
        raise ValueError("the centroids have another shape")
    if scales.shape[0] != PLANES or scales.shape[1] != FREQUENCIES or relative.shape[0] != 2 * OFFSET_LIMIT + 1:
        raise ValueError("the steps have another shape")
    if slices.shape[0] != FREQUENCIES or bases.shape[0] != FREQUENCIES:
        raise ValueError("the tables of frequencies have another length")
    for i in range(FREQUENCIES):
        if slices[i] >= SLICES:
            raise ValueError(f"there are {SLICES} slices; a frequency is in slice {slices[i]}")
    return 0
