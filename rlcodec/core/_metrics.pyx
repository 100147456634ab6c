"""The loops of MS-SSIM; `rlcodec.core.metrics` describes it. Sums are float64 in a fixed order."""

import numpy as np

from libc.stdint cimport int64_t

from rlcodec.core.compiler cimport cloned

cdef enum:
    MOMENTS = 4  # both means, the mean of the sum of squares, and the mean of the product
    MOST_TAPS = 16
    WIDE = 16


ctypedef const double* Row

cdef extern from "weighted_sums.h":
    void rl_weigh_taps(const double*, const Row*, Py_ssize_t, Py_ssize_t, double*) noexcept nogil


cdef cloned write_products(const double* first, const double* second, int64_t width, double* products) noexcept nogil:
    """Writes what is filtered of a row of both planes, (MOMENTS, width): both values, the sum of squares, and the product."""
    cdef int64_t x
    cdef double a, b
    for x in range(width):
        a, b = first[x], second[x]
        products[x], products[width + x] = a, b
        products[2 * width + x] = a * a + b * b
        products[3 * width + x] = a * b


cdef cloned weigh(
    const Row* values, const double* window, int64_t taps, int64_t count, double* out
) noexcept nogil:
    """Writes `count` sums of `window[tap] * values[tap][x]`; taps are added in their order."""
    cdef double total
    cdef int64_t x, whole = count - (count & (WIDE - 1)), tap
    for x in range(0, whole, 16):  # WIDE
        rl_weigh_taps(window, values, x, taps, out + x)
    for x in range(whole, count):
        total = window[0] * values[0][x]
        for tap in range(1, taps):
            total += window[tap] * values[tap][x]
        out[x] = total


cdef cloned compare(
    const double* moments, int64_t count, double luminance_constant, double contrast_constant, double* contrasts,
    double* similarities,
) noexcept nogil:
    """Contrast and structure, and luminance, contrast and structure, of windows by their moments, (MOMENTS, count)."""
    cdef int64_t x
    cdef double a, b, squares, product, variances, covariance, contrast
    for x in range(count):
        a, b = moments[x], moments[count + x]
        squares, product = a * a + b * b, a * b
        variances, covariance = moments[2 * count + x] - squares, moments[3 * count + x] - product
        contrast = (2 * covariance + contrast_constant) / (variances + contrast_constant)
        contrasts[x] = contrast
        similarities[x] = contrast * (2 * product + luminance_constant) / (squares + luminance_constant)


cdef void add_up(
    const double[:, ::1] first, const double[:, ::1] second, const double[::1] down, const double[::1] across,
    double luminance_constant, double contrast_constant, double* products, double* filtered, double* moments, double* sums,
) noexcept nogil:
    """Adds up contrasts and similarities of all windows.

    Args:
        products: (MOMENTS, width), scratch buffer: the values of one row that are filtered.
        filtered: (taps down, MOMENTS, windows across), scratch buffer: the last rows, filtered across.
        moments: (MOMENTS + 2, windows across), scratch buffer.
        sums: receives both sums.
    """
    cdef int64_t width = first.shape[1], wide = width - across.shape[0] + 1, taps = down.shape[0], y, x, m, tap
    cdef double* contrasts = moments + MOMENTS * wide
    cdef Row[MOST_TAPS] sources
    sums[0] = sums[1] = 0
    for y in range(first.shape[0]):
        write_products(&first[y, 0], &second[y, 0], width, products)
        for m in range(MOMENTS):
            for tap in range(across.shape[0]):
                sources[tap] = products + m * width + tap
            weigh(sources, &across[0], across.shape[0], wide, filtered + (y % taps * MOMENTS + m) * wide)
        if y < taps - 1:
            continue
        for tap in range(taps):
            sources[tap] = filtered + (y + 1 + tap) % taps * MOMENTS * wide
        weigh(sources, &down[0], taps, MOMENTS * wide, moments)
        compare(moments, wide, luminance_constant, contrast_constant, contrasts, contrasts + wide)
        for x in range(wide):
            sums[0] += contrasts[x]
            sums[1] += contrasts[wide + x]


def similarity(
    const double[:, ::1] first, const double[:, ::1] second, const double[::1] down, const double[::1] across,
    double luminance_constant, double contrast_constant,
):
    """Means over two planes of contrast and structure, and of luminance, contrast and structure.

    Args:
        first: float64 (height, width).
        second: float64 (height, width).
        down: float64, the window over rows, at most as long as these.
        across: float64, the window over columns.
        luminance_constant: added to both sides of the ratio of luminances.
        contrast_constant: the same of contrasts.

    Raises:
        ValueError: the sizes do not fit.
    """
    cdef int64_t height = first.shape[0], width = first.shape[1], wide = width - across.shape[0] + 1
    cdef int64_t count = (height - down.shape[0] + 1) * wide
    cdef double[2] sums
    if second.shape[0] != height or second.shape[1] != width:
        raise ValueError("the planes differ in size")
    if not 0 < down.shape[0] <= min(height, MOST_TAPS) or not 0 < across.shape[0] <= min(width, MOST_TAPS):
        raise ValueError(f"windows of {down.shape[0]}x{across.shape[0]} do not fit into {height}x{width}")
    cdef double[::1] products = np.empty(MOMENTS * width)
    cdef double[::1] filtered = np.empty(down.shape[0] * MOMENTS * wide)
    cdef double[::1] moments = np.empty((MOMENTS + 2) * wide)
    with nogil:
        add_up(
            first, second, down, across, luminance_constant, contrast_constant, &products[0], &filtered[0], &moments[0], sums
        )
    return sums[0] / count, sums[1] / count


cdef cloned average_pairs(const double* upper, const double* lower, int64_t count, double* out) noexcept nogil:
    cdef int64_t x
    for x in range(count):
        out[x] = (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) / 4


cdef double average_at_edge(const double[:, ::1] plane, int64_t y, int64_t x) noexcept nogil:
    """A quarter of the sum of those of the 2x2 values from (y, x) on that lie in the plane."""
    cdef double total = 0
    cdef int64_t v, u
    for v in range(max(y, 0), y + 2):
        for u in range(max(x, 0), x + 2):
            total += plane[v, u]
    return total / 4


def halve(const double[:, ::1] plane):
    """Means of 2x2 values, float64; an odd side is padded with a zero at both ends."""
    cdef int64_t height = plane.shape[0], width = plane.shape[1], top = height & 1, left = width & 1, y, x
    half = np.empty(((height + 1) >> 1, (width + 1) >> 1))
    cdef double[:, ::1] out = half
    with nogil:
        for y in range(out.shape[0]):
            if y < top:
                for x in range(out.shape[1]):
                    out[y, x] = average_at_edge(plane, 2 * y - top, 2 * x - left)
                continue
            if left:
                out[y, 0] = average_at_edge(plane, 2 * y - top, -1)
            if out.shape[1] > left:
                average_pairs(
                    &plane[2 * y - top, left], &plane[2 * y - top + 1, left], out.shape[1] - left, &out[y, left]
                )
    return half
