cpdef enum:
    BLOCK = 16
    PLANES = 3
    SIZES = 3  # magnitudes that have centroids of their own: 1, 2, and all above

cdef enum:
    AREA = BLOCK * BLOCK
