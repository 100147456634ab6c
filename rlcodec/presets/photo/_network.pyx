"""The network of tier `network`; `rlcodec.presets.photo.coefficient_coder` says what it is for."""

import numpy as np

from libc.stdint cimport int16_t, int32_t, int64_t
from libc.string cimport memcpy

from rlcodec.core._int16_products cimport ACTIVATION_MAX, activate, multiply_columns

from rlcodec.core.int16_products import to_pairs


cdef class Network:
    """A network of two hidden layers in int16, which predicts the decisions of a coefficient.

    Inputs and activations are not greater than ACTIVATION_MAX, so that all sums fit into int32.

    Args:
        first: int16 (NETWORK_INPUTS, HIDDEN), weights in 1/1024, as all.
        rows: int32 (n, HIDDEN), biases of the first layer by class, in 1/65536.
        second: int16 (HIDDEN, SECOND).
        second_bias: int32 (SECOND,), in 1/131072.
        last: int16 (SECOND, NODES).
        last_bias: int32 (NODES,), in 1/131072.

    Raises:
        ValueError: a shape does not fit, or sums might not fit into int32.
    """

    def __init__(
        self, const int16_t[:, ::1] first, const int32_t[:, ::1] rows, const int16_t[:, ::1] second,
        const int32_t[::1] second_bias, const int16_t[:, ::1] last, const int32_t[::1] last_bias,
    ):
        shapes = ((NETWORK_INPUTS, HIDDEN), (HIDDEN, SECOND), (SECOND, NODES))
        biases = rows, np.asarray(second_bias)[None], np.asarray(last_bias)[None]
        for weights, bias, shape in zip((first, second, last), biases, shapes):
            if tuple(np.shape(weights)) != shape or np.shape(bias)[1] != shape[1]:
                raise ValueError(f"a layer has the shape {tuple(np.shape(weights))}, not {shape}")
            largest = np.abs(np.asarray(weights, np.int64)).sum(0) * ACTIVATION_MAX + np.abs(np.asarray(bias, np.int64)).max(0)
            if largest.max() >= 1 << 30:
                raise ValueError("sums of the network might not fit into 32 bits")
        self.rows, self.second_bias, self.last_bias = rows, second_bias, last_bias
        self.first_pairs = to_pairs(np.asarray(first))
        self.second_pairs = to_pairs(np.asarray(second))
        self.last_pairs = to_pairs(np.asarray(last))


cdef void run_network(Network network, const int16_t* inputs, int64_t row, int32_t* sums) noexcept nogil:
    """Runs the network.

    Args:
        network: to run.
        inputs: (NETWORK_INPUTS,), in 1/INPUT_UNIT, of at most ACTIVATION_MAX either way.
        row: class of the coefficient.
        sums: (HIDDEN,), overwritten; the first NODES become log odds of each decision, see `logit_of`.
    """
    cdef int16_t[HIDDEN] values
    memcpy(sums, &network.rows[row, 0], HIDDEN * sizeof(int32_t))
    multiply_columns(inputs, &network.first_pairs[0, 0, 0], NETWORK_INPUTS >> 1, 2 * HIDDEN, HIDDEN, sums)
    activate(sums, HIDDEN, FIRST_SHIFT, values)
    memcpy(sums, &network.second_bias[0], SECOND * sizeof(int32_t))
    multiply_columns(values, &network.second_pairs[0, 0, 0], HIDDEN >> 1, 2 * SECOND, SECOND, sums)
    activate(sums, SECOND, SECOND_SHIFT, values)
    memcpy(sums, &network.last_bias[0], NODES * sizeof(int32_t))
    multiply_columns(values, &network.last_pairs[0, 0, 0], SECOND >> 1, 2 * NODES, NODES, sums)
