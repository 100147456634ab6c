from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t

cpdef enum:
    PLANES = 3
    AREA = 32  # side in pixels of the areas that are split into blocks
    CELL = 8  # side of the smallest block
    TRANSFORMS = 3  # sides of blocks: CELL << index
    AREA_PIXELS = 1024
    AREA_CELLS = 4  # cells along the side of an area
    WHOLE = 16  # of `splits`: the area is one block; otherwise bit k tells whether quadrant k is split into four,
    RASTER = 17  # but this says that it has no blocks, since the raster layer holds its pixels
    FREQUENCIES = 64 + 256 + 1024  # of blocks of all sides together, in the order of the transforms
    CENTRED = 3  # magnitudes that have centroids of their own: 1, 2, and all above
    SLICES = 5
    OFFSET_LIMIT = 24  # offsets of the step lie within this either way
    CHROMA_LIMIT = 20  # multipliers of luma that predict chroma as well, in units of 1/CHROMA_UNIT
    CHROMA_UNIT = 16

cdef enum:
    MOST_BLOCKS = 16  # of an area


cdef struct BlockPlace:
    int transform  # index of the side
    int side
    int row, column  # of the first cell, within the area
    int at  # of the first coefficient, within the area


cdef inline int first_frequency(int transform) noexcept nogil:
    """Index among FREQUENCIES of the first frequency of a transform."""
    return 0 if transform == 0 else (64 if transform == 1 else 320)


cdef inline int places_of(int split, BlockPlace* places) noexcept nogil:
    """Writes the blocks of an area in the order of coding, quadrant by quadrant; returns their number."""
    cdef int quadrant, part, count = 0
    if split == RASTER:
        return 0
    if split == WHOLE:
        places[0].transform, places[0].side, places[0].row, places[0].column, places[0].at = 2, AREA, 0, 0, 0
        return 1
    for quadrant in range(4):
        for part in range(4 if (split >> quadrant) & 1 else 1):
            places[count].transform = 1 - ((split >> quadrant) & 1)
            places[count].side = CELL << places[count].transform
            places[count].row = 2 * (quadrant >> 1) + (part >> 1)
            places[count].column = 2 * (quadrant & 1) + (part & 1)
            places[count].at = quadrant * 256 + part * 64
            count += 1
    return count


cdef void transform_block(
    const float* pixels, int64_t line, const float* basis, int side, float* coefficients
) noexcept nogil
cdef float dequantised(int value, const float* centroids) noexcept nogil
