"""Integer convolutions; `rlcodec.core.integer_conv` describes them."""

import numpy as np

from libc.stdint cimport int16_t, int32_t, int64_t
from libc.string cimport memcpy

from rlcodec.core._int16_products cimport multiply_columns
from rlcodec.core.compiler cimport cloned


cdef cloned round_clipped(
    const int32_t* sums, Py_ssize_t count, int32_t shift, int32_t low, int32_t high, int16_t* out
) noexcept nogil:
    """Rounds sums to units of 2**shift, halves up, and clips them."""
    cdef int32_t value, half = 1 if shift else 0, last = shift - 1 if shift else 0
    cdef Py_ssize_t f
    for f in range(count):
        value = (sums[f] >> shift) + (sums[f] >> last & half)
        out[f] = <int16_t>(low if value < low else high if value > high else value)


def convolve(
    const int16_t[:, :, ::1] x, const int16_t[:, :, :, ::1] pairs, const int32_t[::1] bias, int64_t taps_x, int64_t shift,
    int64_t low, int64_t high, int64_t stride,
):
    """Convolves with zero padding, then rounds to units of 2**shift and clips.

    Args:
        x: int16 (height, width, channels).
        pairs: int16 (kernel height, n, m, 2), from `rlcodec.core.int16_products.to_pairs`: n pairs of the inputs in one row of
            the kernel, and the filters.
        bias: int32 (filters,).
        taps_x: kernel width.
        shift: 0 to 30.
        low: smallest output, an int16.
        high: largest output, an int16.
        stride: 1 or 2.

    Returns:
        int16 (height / stride, width / stride, filters), rounded up.

    Raises:
        ValueError: the sizes of input and weights do not fit.
    """
    cdef int64_t height = x.shape[0], width = x.shape[1], channels = x.shape[2], filters = bias.shape[0]
    cdef int64_t columns = pairs.shape[2], taps_y = pairs.shape[0], used = (taps_x * channels + 1) >> 1, oy, ox, ky, y
    if stride < 1 or pairs.shape[1] < used or columns < filters or pairs.shape[3] != 2 or not 0 <= shift < 31:
        raise ValueError("the sizes of input and weights do not fit")
    # One column more than the padding needs, since whole pairs are read.
    margin = np.zeros((height, width + taps_x, channels), np.int16)
    margin[:, taps_x // 2 : taps_x // 2 + width] = x
    outputs = np.empty((-(-height // stride), -(-width // stride), filters), np.int16)
    start = np.zeros(columns, np.int32)
    start[:filters] = bias
    cdef const int16_t[:, :, ::1] rows = margin
    cdef int16_t[:, :, ::1] out = outputs
    cdef const int32_t[::1] first = start
    cdef int32_t[::1] sums = np.empty(columns, np.int32)
    with nogil:
        for oy in range(out.shape[0]):
            for ox in range(out.shape[1]):
                memcpy(&sums[0], &first[0], columns * sizeof(int32_t))
                for ky in range(taps_y):
                    y = oy * stride + ky - (taps_y >> 1)
                    if 0 <= y < height:
                        multiply_columns(&rows[y, ox * stride, 0], &pairs[ky, 0, 0, 0], used, 2 * columns, columns, &sums[0])
                round_clipped(&sums[0], filters, <int32_t>shift, <int32_t>low, <int32_t>high, &out[oy, ox, 0])
    return outputs
