from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core.compiler cimport cloned

cpdef enum:
    LANES = 16
    ACTIVATION_MAX = 1023  # it represents 8.0 of the float networks, in steps of 1/128

cdef void multiply_pairs(
    const int16_t* values, const int16_t[:, :, ::1] weights, int32_t* sums
) noexcept nogil
cdef void multiply_columns(
    const int16_t* values, const int16_t* weights, Py_ssize_t pairs, Py_ssize_t stride, Py_ssize_t columns, int32_t* sums
) noexcept nogil
cdef int32_t dot(const int16_t* values, const int16_t* row, Py_ssize_t size) noexcept nogil
cdef int64_t activate(const int32_t* sums, Py_ssize_t size, int64_t shift, int16_t* values) noexcept nogil
