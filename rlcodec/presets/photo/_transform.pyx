"""The transforms that `rlcodec.presets.photo.transform` describes. All sums are in a fixed order, in float32."""

from cython.view cimport contiguous, strided
from libc.math cimport fabsf
from libc.stdint cimport int16_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from rlcodec.core.compiler cimport cloned

cdef enum:
    LINE = PLANES * BLOCK

ctypedef fused Value:
    int16_t
    float  # of coefficients that were not quantised


cdef extern from "weighted_sums.h":
    void rl_weigh_rows(const float*, Py_ssize_t, const float*, Py_ssize_t, float*) noexcept nogil


cdef cloned transform_block(
    const float* pixels, const float* basis, const float* across, float* coefficients
) noexcept nogil:
    """Transforms a block of one plane; all four are (BLOCK, BLOCK), and `across` is the transposed `basis`."""
    cdef float[AREA] half
    cdef int i
    for i in range(BLOCK):
        rl_weigh_rows(pixels + BLOCK * i, 1, across, BLOCK, &half[BLOCK * i])
    for i in range(BLOCK):
        rl_weigh_rows(basis + BLOCK * i, 1, half, BLOCK, coefficients + BLOCK * i)


cdef cloned transform_colors(
    const float* red, const float* green, const float* blue, const float* colors, float* pixels
) noexcept nogil:
    """Transforms the colours of a block, (BLOCK, BLOCK) each, to its planes, (PLANES, BLOCK, BLOCK)."""
    cdef int i, plane
    cdef float first, second, third
    for plane in range(PLANES):
        first, second, third = colors[PLANES * plane], colors[PLANES * plane + 1], colors[PLANES * plane + 2]
        for i in range(AREA):
            pixels[AREA * plane + i] = red[i] * first + green[i] * second + blue[i] * third


def forward(
    const uint8_t[:, :, ::1] picture, const float[:, ::1] basis, const float[:, ::1] across, const float[:, ::1] colors,
    float[:, :, :, :, ::1] coefficients,
):
    """Transforms all blocks of a picture.

    Args:
        picture: uint8 (height, width, PLANES); edges are repeated up to whole blocks.
        basis: float32 (BLOCK, BLOCK).
        across: float32 (BLOCK, BLOCK), `basis` transposed.
        colors: float32 (PLANES, PLANES).
        coefficients: float32 (PLANES, block rows, block columns, BLOCK, BLOCK), written.
    """
    cdef float[PLANES * AREA] samples, pixels
    cdef int64_t[BLOCK] columns
    cdef int64_t height = picture.shape[0], width = picture.shape[1], y, x
    cdef int i, j, plane
    cdef const uint8_t* row
    check_bases(basis, across, colors)
    if picture.shape[2] != PLANES or not height or not width or coefficients.shape[0] != PLANES:
        raise ValueError("a picture has three colours and as many planes of coefficients")
    if coefficients.shape[3] != BLOCK or coefficients.shape[4] != BLOCK:
        raise ValueError(f"blocks have {BLOCK}x{BLOCK} coefficients")
    with nogil:
        for y in range(coefficients.shape[1]):
            for x in range(coefficients.shape[2]):
                for j in range(BLOCK):
                    columns[j] = PLANES * min(x * BLOCK + j, width - 1)
                for i in range(BLOCK):
                    row = &picture[min(y * BLOCK + i, height - 1), 0, 0]
                    for j in range(BLOCK):
                        for plane in range(PLANES):
                            samples[AREA * plane + BLOCK * i + j] = <float>row[columns[j] + plane] - <float>128
                transform_colors(&samples[0], &samples[AREA], &samples[2 * AREA], &colors[0, 0], pixels)
                for plane in range(PLANES):
                    transform_block(
                        &pixels[AREA * plane], &basis[0, 0], &across[0, 0], &coefficients[plane, y, x, 0, 0]
                    )


cdef cloned restore_block(
    const float* block, const float* basis, int lowest, int furthest, float* pixels
) noexcept nogil:
    """Inverse of `transform_block`; frequencies are zero beyond row `lowest` and column `furthest`."""
    cdef float[AREA] half
    cdef int i
    for i in range(lowest + 1):
        rl_weigh_rows(block + BLOCK * i, 1, basis, furthest + 1, &half[BLOCK * i])
    for i in range(BLOCK):
        rl_weigh_rows(basis + i, BLOCK, half, lowest + 1, pixels + BLOCK * i)


cdef cloned restore_colors(const float* pixels, const float* colors, float* planes) noexcept nogil:
    """Inverse of `transform_colors`, into (BLOCK, BLOCK, PLANES)."""
    cdef int i, c
    cdef float first, second, third
    for c in range(PLANES):
        first, second, third = colors[c], colors[PLANES + c], colors[2 * PLANES + c]
        for i in range(AREA):
            planes[PLANES * i + c] = (
                <float>128 + pixels[i] * first + pixels[AREA + i] * second + pixels[2 * AREA + i] * third
            )


cdef inline void dequantise_block(
    const Value* values, const float* centroids, float step, float* block, int* lowest, int* furthest
) noexcept nogil:
    """Dequantises a block.

    Args:
        values: (BLOCK, BLOCK).
        centroids: (diagonals, SIZES), of the plane.
        step: of the quantiser.
        block: (BLOCK, BLOCK), written.
        lowest: receives the last row with a value that is not zero, or -1.
        furthest: receives the last such column, or -1.
    """
    cdef int u, v, some
    cdef float size
    cdef Value value
    lowest[0] = furthest[0] = -1
    memset(block, 0, AREA * sizeof(float))
    for u in range(BLOCK):
        some = 0
        for v in range(BLOCK):
            some |= values[BLOCK * u + v] != 0
        if not some:
            continue
        for v in range(BLOCK):
            value = values[BLOCK * u + v]
            if value == 0:
                continue
            size = fabsf(value)
            size = (size - centroids[SIZES * (u + v) + max(min(<int>size, SIZES), 1) - 1]) * step
            block[BLOCK * u + v] = -size if value < 0 else size
            lowest[0], furthest[0] = u, max(furthest[0], v)


def inverse(
    const Value[::strided, ::strided, ::strided, ::contiguous] values, const float[:, :, ::1] centroids, float step,
    const float[:, ::1] basis, const float[:, ::1] colors, float[:, :, ::1] planes,
):
    """Dequantises and transforms blocks; frequencies beyond the last one that is not zero are skipped.

    Args:
        values: int16 (PLANES, block rows, block columns, BLOCK * BLOCK); float32 if they were not quantised.
        centroids: float32 (PLANES, diagonals, SIZES).
        step: of the quantiser.
        basis: float32 (BLOCK, BLOCK).
        colors: float32 (PLANES, PLANES).
        planes: float32 (block rows * BLOCK, block columns * BLOCK, PLANES), written.
    """
    cdef float[AREA] block
    cdef float[PLANES * AREA] pixels, shown
    cdef int64_t y, x
    cdef int plane, lowest, furthest, i
    check_bases(basis, basis, colors)
    check_centroids(centroids)
    if values.shape[0] != PLANES or values.shape[3] != AREA:
        raise ValueError(f"blocks have {PLANES} planes of {BLOCK}x{BLOCK} coefficients")
    if planes.shape[0] != values.shape[1] * BLOCK or planes.shape[1] != values.shape[2] * BLOCK or planes.shape[2] != PLANES:
        raise ValueError("the sizes of coefficients and planes do not fit")
    with nogil:
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                for plane in range(PLANES):
                    dequantise_block(&values[plane, y, x, 0], &centroids[plane, 0, 0], step, block, &lowest, &furthest)
                    restore_block(block, &basis[0, 0], lowest, furthest, &pixels[AREA * plane])
                restore_colors(pixels, &colors[0, 0], shown)
                for i in range(BLOCK):
                    memcpy(&planes[y * BLOCK + i, x * BLOCK, 0], &shown[i * LINE], LINE * sizeof(float))


cdef int check_bases(const float[:, ::1] basis, const float[:, ::1] across, const float[:, ::1] colors) except -1:
    if basis.shape[0] != BLOCK or basis.shape[1] != BLOCK or across.shape[0] != BLOCK or across.shape[1] != BLOCK:
        raise ValueError(f"the transform of a block takes {BLOCK}x{BLOCK} cosines")
    if colors.shape[0] != PLANES or colors.shape[1] != PLANES:
        raise ValueError(f"the transform of colours takes {PLANES}x{PLANES} cosines")
    return 0


cdef int check_centroids(const float[:, :, ::1] centroids) except -1:
    if centroids.shape[0] != PLANES or centroids.shape[1] < 2 * BLOCK - 1 or centroids.shape[2] != SIZES:
        raise ValueError(f"the centroids have shape {centroids.shape[0]}x{centroids.shape[1]}x{centroids.shape[2]}")
    return 0


def slice_errors(
    const float[:, :, :, ::1] coefficients, const int16_t[:, :, :, ::1] values, const float[:, :, ::1] centroids,
    const int64_t[:, ::1] slice_of, double[:, ::1] errors,
):
    """Adds up squared errors of coefficients by slice, dequantised as `inverse` does and if they are not sent.

    Args:
        coefficients: float32 (PLANES, block rows, block columns, BLOCK * BLOCK), in quantiser steps.
        values: int16, of the same shape, quantised.
        centroids: float32 (PLANES, diagonals, SIZES).
        slice_of: int64 (BLOCK, BLOCK).
        errors: float64 (2, slices), in squared quantiser steps, receives the sums.
    """
    cdef double[AREA] lost
    cdef int64_t plane, y, x, index
    cdef int i, size
    cdef float wanted, rest
    cdef const float* block
    cdef const int16_t* quantised
    check_centroids(centroids)
    for i in range(4):
        if coefficients.shape[i] != values.shape[i]:
            raise ValueError("the sizes of coefficients and quantised values do not fit")
    if values.shape[0] != PLANES or values.shape[3] != AREA:
        raise ValueError(f"blocks have {PLANES} planes of {BLOCK}x{BLOCK} coefficients")
    if slice_of.shape[0] != BLOCK or slice_of.shape[1] != BLOCK or errors.shape[0] != 2:
        raise ValueError("the sizes of slices and errors do not fit")
    for i in range(AREA):
        lost[i] = 0
        if not 0 <= slice_of[i >> 4, i & 15] < errors.shape[1]:
            raise ValueError(f"there are {errors.shape[1]} slices; a coefficient is in slice {slice_of[i >> 4, i & 15]}")
    with nogil:
        for plane in range(PLANES):
            for y in range(values.shape[1]):
                for x in range(values.shape[2]):
                    block, quantised = &coefficients[plane, y, x, 0], &values[plane, y, x, 0]
                    add_squares(block, lost)
                    for i in range(AREA):
                        size = quantised[i]
                        if size == 0:
                            continue
                        size = -size if size < 0 else size
                        wanted = fabsf(block[i])
                        rest = wanted - (<float>size - centroids[plane, (i >> 4) + (i & 15), min(size, SIZES) - 1])
                        errors[0, slice_of[i >> 4, i & 15]] += <double>(rest * rest - wanted * wanted)
        for i in range(AREA):
            index = slice_of[i >> 4, i & 15]
            errors[0, index] += lost[i]
            errors[1, index] += lost[i]


cdef cloned add_squares(const float* block, double* sums) noexcept nogil:
    """Adds the squares of a block's coefficients, as float32, to sums."""
    cdef int i
    cdef float square
    for i in range(AREA):
        square = block[i] * block[i]
        sums[i] += <double>square
