"""Integer convolutions; `rlcodec.core.integer_conv` describes them."""

from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core.compiler cimport cloned


cdef cloned add_scaled(int32_t* sums, const int16_t* weights, int32_t value, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t f
    for f in range(count):
        sums[f] += value * weights[f]


def convolve(
    const int16_t[:, :, ::1] x, const int16_t[:, :, :, ::1] weight, const int32_t[::1] bias, int64_t shift, int64_t low,
    int64_t high, int64_t stride, int32_t[::1] sums, int16_t[:, :, ::1] out,
):
    """Convolves with zero padding, then rounds to units of 2**shift and clips.

    Args:
        x: int16 (height, width, channels).
        weight: int16 (kernel height, kernel width, channels, filters).
        bias: int32 (filters,).
        shift: at least 0.
        low: smallest output.
        high: largest output.
        stride: 1 or 2.
        sums: int32 (filters,), scratch buffer.
        out: int16 (height / stride, width / stride, filters), rounded up; written.
    """
    cdef int64_t height = x.shape[0], width = x.shape[1], channels = x.shape[2], filters = weight.shape[3]
    cdef int64_t taps_y = weight.shape[0], taps_x = weight.shape[1], oy, ox, ky, kx, y, column, c, f, value
    cdef int64_t half = (1 << shift) >> 1
    if weight.shape[2] != channels or bias.shape[0] != filters or sums.shape[0] != filters or out.shape[2] != filters:
        raise ValueError("the sizes of input, weights and output do not fit")
    with nogil:
        for oy in range(out.shape[0]):
            for ox in range(out.shape[1]):
                for f in range(filters):
                    sums[f] = bias[f]
                for ky in range(taps_y):
                    y = oy * stride + ky - taps_y // 2
                    if y < 0 or y >= height:
                        continue
                    for kx in range(taps_x):
                        column = ox * stride + kx - taps_x // 2
                        if column < 0 or column >= width:
                            continue
                        for c in range(channels):
                            if x[y, column, c] != 0:
                                add_scaled(&sums[0], &weight[ky, kx, c, 0], x[y, column, c], filters)
                for f in range(filters):
                    value = (sums[f] + half) >> shift
                    out[oy, ox, f] = <int16_t>min(max(value, low), high)
