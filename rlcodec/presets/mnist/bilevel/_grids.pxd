from libc.stdint cimport int32_t, int64_t, uint8_t

cpdef enum:
    EXACT_PEAKS = 3  # exact areas that the brightest pixel can have


cdef class Grids:
    cdef readonly int64_t[:, :, ::1] weights
    cdef readonly int64_t[:, :, ::1] single
    cdef readonly int64_t[:, ::1] start
    cdef readonly int64_t[:, ::1] stop
    cdef readonly int64_t[:, ::1] fresh
    cdef readonly int64_t[::1] unit
    cdef readonly int64_t[:, ::1] peaks
    cdef readonly int64_t[:, ::1] exact_peaks
    cdef uint8_t[:, :, ::1] offsets  # (SIDES, BOX + 1, BOX), whether ink of some extent can begin at some place of the box
    # Sums of the weights of all subsets of the source columns that a pixel of the box covers, the lowest bit for the first;
    # those of side MIN_SIDE + s and column c of the box are from `sums[first_sums[s, c]]` on.
    cdef int32_t[::1] sums
    cdef int64_t[:, ::1] first_sums
