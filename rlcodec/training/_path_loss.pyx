"""The code length of symbols under a tree of decisions, with its gradients, for training on a CPU."""

from libc.math cimport expf, fabsf, log1pf
from libc.stdint cimport int64_t

from rlcodec.core.compiler cimport cloned

cdef enum:
    LANES = 16  # partial sums of a product, so that it takes vector instructions


cdef cloned dot(const float* a, const float* b, Py_ssize_t width, float* result) noexcept nogil:
    cdef float[LANES] parts
    cdef Py_ssize_t j, whole = width - (width & (LANES - 1))
    cdef int lane
    for lane in range(LANES):
        parts[lane] = 0
    for j in range(0, whole, 16):  # LANES
        for lane in range(LANES):
            parts[lane] += a[j + lane] * b[j + lane]
    for j in range(whole, width):
        parts[0] += a[j] * b[j]
    result[0] = 0
    for lane in range(LANES):
        result[0] += parts[lane]


cdef cloned add_gradients(
    float gradient, const float* hidden, const float* weight, Py_ssize_t width, float* d_hidden, float* d_weight
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(width):
        d_hidden[j] += gradient * weight[j]
        d_weight[j] += gradient * hidden[j]


def path_loss(
    const float[:, ::1] hidden, const float[:, ::1] weight, const float[::1] bias, const int64_t[:, ::1] nodes,
    const float[:, ::1] signs, const int64_t[::1] symbols, float[:, ::1] d_hidden, float[:, ::1] d_weight, float[::1] d_bias,
):
    """Code length of symbols in nats.

    Args:
        hidden: float32 (n, h), activations of the last hidden layer.
        weight: float32 (nodes, h), of the decisions.
        bias: float32 (nodes,).
        nodes: int64 (symbols, depth), as in `rlcodec.training.context_net.Paths`.
        signs: float32 (symbols, depth), the same.
        symbols: int64 (n,).
        d_hidden: float32 (n, h), to which gradients are added.
        d_weight: float32 (nodes, h), the same.
        d_bias: float32 (nodes,), the same.

    Returns:
        The sum over all symbols.
    """
    cdef double total = 0
    cdef Py_ssize_t i, k, width = hidden.shape[1]
    cdef int64_t symbol, node
    cdef float sign, logit, margin, decay, gradient
    with nogil:
        for i in range(hidden.shape[0]):
            symbol = symbols[i]
            for k in range(nodes.shape[1]):
                sign = signs[symbol, k]
                if sign == 0:
                    break
                node = nodes[symbol, k]
                dot(&hidden[i, 0], &weight[node, 0], width, &logit)
                margin = sign * (logit + bias[node])
                decay = expf(-fabsf(margin))
                total += log1pf(decay) + (-margin if margin < 0 else 0)
                gradient = -sign * (decay if margin > 0 else 1) / (1 + decay)
                d_bias[node] += gradient
                add_gradients(gradient, &hidden[i, 0], &weight[node, 0], width, &d_hidden[i, 0], &d_weight[node, 0])
    return total
