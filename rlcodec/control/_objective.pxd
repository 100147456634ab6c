cimport cython
from libc.math cimport log10
from libc.stdint cimport int64_t

cpdef enum:
    MSE_KIND = 0
    KIND_COUNT = 3
    MSE = 0
    LOSS = 1
    MEASURE_COUNT = 2

# As tuples of the same names in `rlcodec.control.objective`.
cdef int64_t[KIND_COUNT] measure_of
cdef double[MEASURE_COUNT] floors
cdef double[MEASURE_COUNT] peaks


@cython.cdivision(True)
cdef inline double decibels_of(int64_t kind, double error) noexcept nogil:
    """Quality in dB of an error, which is in the measure of a kind, an index into KINDS: of MS-SSIM, or else PSNR."""
    cdef int64_t measure = measure_of[kind]
    return -10 * log10((max(error, 0.0) + floors[measure]) / peaks[measure])


cdef inline double distortion_of(int64_t kind, double error) noexcept nogil:
    """As `rlcodec.control.objective.distortion`, of one error and the index of a kind."""
    return error if kind == MSE_KIND else -decibels_of(kind, error)
