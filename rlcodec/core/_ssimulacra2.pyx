"""The loops of SSIMULACRA2; `rlcodec.core.ssimulacra2` describes it. Arithmetic is float32; sums are in a fixed order."""

import numpy as np

cimport cython
from libc.math cimport fabsf
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from rlcodec.core.compiler cimport cloned

cdef enum:
    REACH = 5
    TAPS = 11  # of the window: 2 * REACH + 1
    LANES = 16
    FILTERED = 3  # what is blurred of a candidate: values, squares, and products with the original

ctypedef const float* Row

cdef extern from "ssimulacra2.h":
    float rl_cube_root(float) noexcept nogil
    void rl_add_powers(const float*, Py_ssize_t, double*) noexcept nogil


cdef void write_linear(
    const uint8_t* samples, const float* table, int64_t count, float* red, float* green, float* blue
) noexcept nogil:
    cdef int64_t i
    for i in range(count):
        red[i], green[i], blue[i] = table[samples[3 * i]], table[samples[3 * i + 1]], table[samples[3 * i + 2]]


def linear_planes(const uint8_t[:, :, ::1] picture, const float[::1] table, float[:, :, ::1] out):
    """Writes planes of linear light.

    Args:
        picture: uint8 (height, width, 3).
        table: float32 (256): the light of each value of a sample.
        out: float32 (3, height, width).

    Raises:
        ValueError: the sizes do not fit.
    """
    cdef int64_t height = picture.shape[0], width = picture.shape[1]
    if picture.shape[2] != 3 or table.shape[0] != 256 or not height or not width:
        raise ValueError("the sizes of the picture or the table do not fit")
    if out.shape[0] != 3 or out.shape[1] != height or out.shape[2] != width:
        raise ValueError("the sizes of the planes do not fit")
    with nogil:
        write_linear(&picture[0, 0, 0], &table[0], height * width, &out[0, 0, 0], &out[1, 0, 0], &out[2, 0, 0])


cdef cloned absorb(
    const float* light, int64_t count, const float* weights, float bias, float root_of_bias, float* out
) noexcept nogil:
    """Cube root of one weighted sum of red, green and blue; `light` is (3, count)."""
    cdef int64_t i
    cdef float mixed
    for i in range(count):
        mixed = weights[0] * light[i] + weights[1] * light[count + i] + weights[2] * light[2 * count + i] + bias
        out[i] = rl_cube_root(mixed) - root_of_bias


cdef cloned oppose(float* cones, int64_t count) noexcept nogil:
    """Turns responses of the long, middle and short cones, (3, count), into X, Y and B - Y, scaled to be positive."""
    cdef int64_t i
    cdef float difference, luma
    for i in range(count):
        difference = cones[i] - cones[count + i]
        luma = <float>0.5 * (cones[i] + cones[count + i])
        cones[i] = <float>7 * difference + <float>0.42
        cones[count + i] = luma + <float>0.01
        cones[2 * count + i] = (cones[2 * count + i] - luma) + <float>0.55


def xyb_planes(
    const float[:, :, ::1] light, const float[:, ::1] absorbance, float bias, float root_of_bias, float[:, :, ::1] out
):
    """Writes X, Y and B - Y, scaled to be positive.

    Args:
        light: float32 (3, height, width): red, green and blue, 0 to 1.
        absorbance: float32 (3, 3): weights of light for the long, middle and short cones.
        bias: added to each weighted sum, above 0.
        root_of_bias: its cube root.
        out: float32 (3, height, width).

    Raises:
        ValueError: the sizes do not fit.
    """
    cdef int64_t count = light.shape[1] * light.shape[2], c
    if light.shape[0] != 3 or absorbance.shape[0] != 3 or absorbance.shape[1] != 3 or not count:
        raise ValueError("the sizes of the planes or of the matrix do not fit")
    if out.shape[0] != 3 or out.shape[1] != light.shape[1] or out.shape[2] != light.shape[2]:
        raise ValueError("the sizes of the planes do not fit")
    with nogil:
        for c in range(3):
            absorb(&light[0, 0, 0], count, &absorbance[c, 0], bias, root_of_bias, &out[c, 0, 0])
        oppose(&out[0, 0, 0], count)


cdef cloned average_pairs(const float* upper, const float* lower, int64_t count, float* out) noexcept nogil:
    cdef int64_t x
    for x in range(count):
        out[x] = ((upper[2 * x] + upper[2 * x + 1]) + (lower[2 * x] + lower[2 * x + 1])) * <float>0.25


def halve_planes(const float[:, :, ::1] planes, float[:, :, ::1] out):
    """Writes means of 2x2 values of each plane; the last row or column of an odd side is repeated.

    Args:
        planes: float32 (n, height, width).
        out: float32 (n, half the height, half the width), rounded up.

    Raises:
        ValueError: the sizes do not fit.
    """
    cdef int64_t height = planes.shape[1], width = planes.shape[2], c, y, pairs = width >> 1
    cdef const float* upper
    cdef const float* lower
    if out.shape[0] != planes.shape[0] or out.shape[1] != (height + 1) >> 1 or out.shape[2] != (width + 1) >> 1:
        raise ValueError("the sizes of the planes do not fit")
    with nogil:
        for c in range(planes.shape[0]):
            for y in range(out.shape[1]):
                upper = &planes[c, 2 * y, 0]
                lower = &planes[c, min(2 * y + 1, height - 1), 0]
                if pairs:
                    average_pairs(upper, lower, pairs, &out[c, y, 0])
                if width & 1:
                    out[c, y, pairs] = (upper[width - 1] + lower[width - 1]) * <float>0.5


cdef cloned blur_across(const float* padded, const float* window, int64_t width, float* out) noexcept nogil:
    """Blurs a row, which begins REACH values after `padded`; the window is given from its middle on."""
    cdef int64_t x
    for x in range(width):
        out[x] = (
            window[0] * padded[x + 5]
            + window[1] * (padded[x + 4] + padded[x + 6])
            + window[2] * (padded[x + 3] + padded[x + 7])
            + window[3] * (padded[x + 2] + padded[x + 8])
            + window[4] * (padded[x + 1] + padded[x + 9])
            + window[5] * (padded[x] + padded[x + 10])
        )


cdef cloned blur_down(const Row* rows, const float* window, int64_t width, float* out) noexcept nogil:
    """Blurs columns: the TAPS rows around the one that is written."""
    cdef Row a = rows[0], b = rows[1], c = rows[2], d = rows[3], e = rows[4], f = rows[5]
    cdef Row g = rows[6], h = rows[7], i = rows[8], j = rows[9], k = rows[10]
    cdef int64_t x
    for x in range(width):
        out[x] = window[0] * f[x] + window[1] * (e[x] + g[x]) + window[2] * (d[x] + h[x]) + window[3] * (c[x] + i[x])
    for x in range(width):
        out[x] = out[x] + window[4] * (b[x] + j[x]) + window[5] * (a[x] + k[x])


cdef cloned multiply(const float* first, const float* second, int64_t width, float* out) noexcept nogil:
    cdef int64_t x
    for x in range(width):
        out[x] = first[x] * second[x]


cdef void rows_around(
    const float* ring, const float* zeros, int64_t y, int64_t height, int64_t stride, bint mirrored, Row* rows
) noexcept nogil:
    """Rows y - REACH to y + REACH, from a ring buffer of TAPS rows that lie `stride` apart, or what continues the picture."""
    cdef int64_t tap, source
    for tap in range(TAPS):
        source = y + tap - REACH
        if mirrored:
            source = min(max(source, -1 - source), 2 * height - 1 - source)
        rows[tap] = ring + source % TAPS * stride if 0 <= source < height else zeros


cdef void blur_plane(
    const float[:, ::1] plane, bint squared, const float* window, bint mirrored, float* padded, float* ring, const float* zeros,
    float[:, ::1] out,
) noexcept nogil:
    cdef int64_t height = plane.shape[0], width = plane.shape[1], y
    cdef Row[TAPS] rows
    for y in range(height + REACH):
        if y < height:
            if squared:
                multiply(&plane[y, 0], &plane[y, 0], width, padded + REACH)
            else:
                memcpy(padded + REACH, &plane[y, 0], width * sizeof(float))
            blur_across(padded, window, width, ring + y % TAPS * width)
        if y >= REACH:
            rows_around(ring, zeros, y - REACH, height, width, mirrored, rows)
            blur_down(rows, window, width, &out[y - REACH, 0])


def blur(const float[:, ::1] plane, const float[::1] window, bint mirrored, bint squared):
    """A blurred plane, float32 (height, width), or its blurred squares. Rows are continued by zeros.

    Args:
        plane: float32 (height, width).
        window: float32 (REACH + 1): the symmetric window from its middle on.
        mirrored: whether columns are continued mirrored; else by zeros.
        squared: whether values are squared first.

    Raises:
        ValueError: the sizes do not fit.
    """
    cdef int64_t height = plane.shape[0], width = plane.shape[1]
    if not height or not width or window.shape[0] != REACH + 1 or mirrored and height < REACH:
        raise ValueError("the sizes of the plane or the window do not fit")
    blurred = np.empty((height, width), np.float32)
    cdef float[:, ::1] out = blurred
    cdef float[::1] padded = np.zeros(width + 2 * REACH, np.float32), zeros = np.zeros(width, np.float32)
    cdef float[::1] ring = np.empty(TAPS * width, np.float32)
    with nogil:
        blur_plane(plane, squared, &window[0], mirrored, &padded[0], &ring[0], &zeros[0], out)
    return blurred


@cython.cdivision(True)
cdef cloned compare_structure(
    const float* mean, const float* square, const float* blurred, int64_t width, float contrast_constant, float* out
) noexcept nogil:
    """Writes 1 - SSIM of a row. `blurred`, (FILTERED, width), holds the candidate's mean, mean square and mean product."""
    cdef const float* other_mean = blurred
    cdef const float* other_square = blurred + width
    cdef const float* product = blurred + 2 * width
    cdef int64_t x
    cdef float a, b, luminance, loss
    for x in range(width):
        a, b = mean[x], other_mean[x]
        luminance = <float>1 - (a - b) * (a - b)
        loss = <float>1 - luminance * (<float>2 * (product[x] - a * b) + contrast_constant) / (
            (square[x] - a * a) + (other_square[x] - b * b) + contrast_constant
        )
        out[x] = max(loss, <float>0)


@cython.cdivision(True)
cdef cloned compare_edges(
    const float* first, const float* mean, const float* second, const float* other_mean, int64_t width, float* added,
    float* lost,
) noexcept nogil:
    """Writes how much more of an edge the candidate has in each place than the original, and how much less."""
    cdef int64_t x
    cdef float difference
    for x in range(width):
        difference = (<float>1 + fabsf(second[x] - other_mean[x])) / (<float>1 + fabsf(first[x] - mean[x])) - <float>1
        added[x] = max(difference, <float>0)
        lost[x] = max(-difference, <float>0)


cdef void compare_planes(
    const float[:, ::1] first, const float[:, ::1] mean, const float[:, ::1] square, const float[:, ::1] second,
    bint structure, const float* window, bint mirrored, float contrast_constant, float* padded, float* ring,
    const float* zeros, float* blurred, float* errors, double* sums,
) noexcept nogil:
    """Adds up three maps of errors and their fourth powers, row by row.

    Args:
        structure: whether the first map, of structure, is wanted; else its sums are zero, and `square` is not read.
        padded: (width + 2 * REACH), zeros at both ends; scratch buffer.
        ring: (TAPS, FILTERED, width), scratch buffer: the last rows, blurred across.
        zeros: (FILTERED * width).
        blurred: (FILTERED, width), scratch buffer.
        errors: (3, width rounded up to LANES), zeros at the end; scratch buffer.
        sums: (3, 2), zeros.
    """
    cdef int64_t height = first.shape[0], width = first.shape[1], filtered = FILTERED if structure else 1
    cdef int64_t stride = filtered * width, padded_width = width + (-width & (LANES - 1)), y, row
    cdef Row[TAPS] rows
    cdef float* across
    for y in range(height + REACH):
        if y < height:
            across = ring + y % TAPS * stride
            memcpy(padded + REACH, &second[y, 0], width * sizeof(float))
            blur_across(padded, window, width, across)
            if structure:
                multiply(&second[y, 0], &second[y, 0], width, padded + REACH)
                blur_across(padded, window, width, across + width)
                multiply(&first[y, 0], &second[y, 0], width, padded + REACH)
                blur_across(padded, window, width, across + 2 * width)
        row = y - REACH
        if row < 0:
            continue
        rows_around(ring, zeros, row, height, stride, mirrored, rows)
        blur_down(rows, window, stride, blurred)
        if structure:
            compare_structure(&mean[row, 0], &square[row, 0], blurred, width, contrast_constant, errors)
        compare_edges(
            &first[row, 0], &mean[row, 0], &second[row, 0], blurred, width, errors + padded_width, errors + 2 * padded_width
        )
        add_powers(errors, padded_width, sums)


cdef cloned add_powers(const float* errors, int64_t padded_width, double* sums) noexcept nogil:
    cdef int64_t k
    for k in range(3):
        rl_add_powers(errors + k * padded_width, padded_width, sums + 2 * k)


def error_norms(
    const float[:, ::1] first, const float[:, ::1] mean, square, const float[:, ::1] second, const float[::1] window,
    bint mirrored, float contrast_constant,
):
    """Norms of the maps of errors between a plane of the original and of a candidate, float32 (height, width) both.

    Args:
        first: the original's plane.
        mean: the plane blurred.
        square: its squares blurred; None where errors of structure are not wanted, and given as 0.
        second: the candidate's plane.
        window: as `blur` takes it.
        mirrored: the same.
        contrast_constant: added to both sides of the ratio of contrasts.

    Returns:
        float64 (3, 2): of structure, added edges and lost edges, the mean and the fourth root of the mean of fourth powers.

    Raises:
        ValueError: the sizes do not fit.
    """
    cdef int64_t height = first.shape[0], width = first.shape[1], padded_width = width + (-width & (LANES - 1))
    cdef bint structure = square is not None
    cdef const float[:, ::1] squares = square if structure else mean
    if not height == mean.shape[0] == squares.shape[0] == second.shape[0]:
        raise ValueError("the planes differ in height")
    if not width == mean.shape[1] == squares.shape[1] == second.shape[1]:
        raise ValueError("the planes differ in width")
    if not height or not width or window.shape[0] != REACH + 1 or mirrored and height < REACH:
        raise ValueError("the sizes of the planes or the window do not fit")
    norms = np.zeros((3, 2))
    cdef double[:, ::1] sums = norms
    cdef float[::1] padded = np.zeros(width + 2 * REACH, np.float32), zeros = np.zeros(FILTERED * width, np.float32)
    cdef float[::1] ring = np.empty(TAPS * FILTERED * width, np.float32), blurred = np.empty(FILTERED * width, np.float32)
    cdef float[::1] errors = np.zeros(3 * padded_width, np.float32)
    with nogil:
        compare_planes(
            first, mean, squares, second, structure, &window[0], mirrored, contrast_constant, &padded[0], &ring[0],
            &zeros[0], &blurred[0], &errors[0], &sums[0, 0],
        )
    norms /= height * width
    norms[:, 1] **= 0.25
    return norms
