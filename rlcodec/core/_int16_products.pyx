"""Products of int16 vectors and matrices; `rlcodec.core.int16_products` prepares the matrices."""

from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core.compiler cimport cloned


cdef extern from "int16_products.h":
    ctypedef void (*rl_multiply)(
        const int16_t*, const int16_t*, Py_ssize_t, Py_ssize_t, Py_ssize_t, int32_t*
    ) noexcept nogil
    ctypedef int32_t (*rl_dot)(const int16_t*, const int16_t*, Py_ssize_t) noexcept nogil
    const char* rl_choose(rl_multiply*, rl_dot*) nogil

cdef rl_multiply chosen_multiply
cdef rl_dot chosen_dot

INSTRUCTIONS = rl_choose(&chosen_multiply, &chosen_dot).decode()


cdef void multiply_pairs(const int16_t* values, const int16_t[:, :, ::1] weights, int32_t* sums) noexcept nogil:
    """Adds the product of a vector and a matrix to sums.

    Args:
        values: at least 2 n; those beyond the matrix's inputs are zero.
        weights: (n, m, 2), from `to_pairs`; m is a multiple of LANES.
        sums: at least m.
    """
    chosen_multiply(values, &weights[0, 0, 0], weights.shape[0], 2 * weights.shape[1], weights.shape[1], sums)


cdef void multiply_columns(
    const int16_t* values, const int16_t* weights, Py_ssize_t pairs, Py_ssize_t stride, Py_ssize_t columns, int32_t* sums
) noexcept nogil:
    """As `multiply_pairs`, with some columns of a matrix, a multiple of LANES.

    Args:
        values: at least 2 * pairs.
        weights: of the first pair and column.
        pairs: rows of the matrix.
        stride: int16 from one row to the next.
        columns: to be added.
        sums: at least `columns`.
    """
    chosen_multiply(values, weights, pairs, stride, columns, sums)


cdef int32_t dot(const int16_t* values, const int16_t* row, Py_ssize_t size) noexcept nogil:
    """Sum of the products of two vectors; their size is a multiple of 2 * LANES."""
    return chosen_dot(values, row, size)


cdef cloned activate_all(
    const int32_t* sums, Py_ssize_t size, int32_t shift, int16_t* values, int64_t* count
) noexcept nogil:
    cdef int32_t half = (1 << shift) >> 1
    cdef int32_t value, positive = 0
    cdef Py_ssize_t i
    for i in range(size):
        value = (sums[i] + half) >> shift
        positive += value > 0
        value = value if value > 0 else 0
        values[i] = <int16_t>(value if value < ACTIVATION_MAX else ACTIVATION_MAX)
    count[0] = positive


cdef int64_t activate(const int32_t* sums, Py_ssize_t size, int64_t shift, int16_t* values) noexcept nogil:
    """Rounds sums to units of 2**shift, clips them to [0, ACTIVATION_MAX], and counts those above zero.

    Args:
        sums: to be rounded.
        size: how many.
        shift: at least 0.
        values: at least as long; receives the activations.
    """
    cdef int64_t count
    activate_all(sums, size, <int32_t>shift, values, &count)
    return count


def multiply(const int16_t[::1] values, const int16_t[:, :, ::1] weights, int32_t[::1] sums):
    """Adds the product of a vector and the first columns of a matrix in pairs, int16 (n, m, 2), to as many sums, int32.

    Raises:
        ValueError: the sizes do not fit, or the number of sums is no multiple of LANES.
    """
    cdef Py_ssize_t columns = sums.shape[0]
    fitting = values.shape[0] >= 2 * weights.shape[0] and columns <= weights.shape[1] and weights.shape[2] == 2
    if not fitting or columns % LANES or not columns or not weights.shape[0]:
        raise ValueError("the sizes of the vector, the matrix and the sums do not fit")
    multiply_columns(&values[0], &weights[0, 0, 0], weights.shape[0], 2 * weights.shape[1], columns, &sums[0])


def dot_row(const int16_t[::1] values, const int16_t[::1] row):
    """Sum of the products of two int16 vectors, whose size is a multiple of 2 * LANES.

    Raises:
        ValueError: it is not, or they have not the same.
    """
    if values.shape[0] != row.shape[0] or values.shape[0] % (2 * LANES) or not values.shape[0]:
        raise ValueError("the sizes of the vectors do not fit")
    return dot(&values[0], &row[0], values.shape[0])


def activations(const int32_t[::1] sums, int64_t shift, int16_t[::1] values):
    """Writes activations of sums, as networks round and clip them, and returns how many sums are positive.

    Raises:
        ValueError: there is not a place for each, or the shift is not from 0 to 30.
    """
    if values.shape[0] < sums.shape[0] or not sums.shape[0] or not 0 <= shift < 31:
        raise ValueError("the sizes of sums and activations do not fit")
    return activate(&sums[0], sums.shape[0], shift, &values[0])
