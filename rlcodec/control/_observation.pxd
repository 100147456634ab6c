from libc.stdint cimport int64_t, uint8_t

cpdef enum:
    REGRET_LIMIT = 20
    OBSERVATION_LIMIT = 32


cdef void write_advice(
    const double* costs, const uint8_t* legal, int64_t actions, double here, double rate, double compute, float* out
) noexcept nogil
cdef void write_objective(
    int64_t kind, double rate, double compute, const double* ranges, int64_t kinds, float* out
) noexcept nogil


cdef inline double limited(double value) noexcept nogil:
    """A number within the observation's limits."""
    return min(max(value, -OBSERVATION_LIMIT), OBSERVATION_LIMIT)
