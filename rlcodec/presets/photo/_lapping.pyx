"""The filters across the edges of blocks of `rlcodec.presets.photo.lapping`. Sums are in a fixed order, in float32."""

from libc.stdint cimport int64_t, uint8_t

from rlcodec.core.compiler cimport cloned
from rlcodec.presets.photo._transform cimport AREA_CELLS, CELL, RASTER, TRANSFORMS, WHOLE

cpdef enum:
    SHORT = 4  # pixels of the filter beside a block of 8
    LONG = 8  # of all others


cdef inline int transform_at(const uint8_t[:, ::1] splits, int64_t row, int64_t column) noexcept nogil:
    """Index of the transform of a cell; TRANSFORMS if it has none."""
    cdef int split = splits[row // AREA_CELLS, column // AREA_CELLS]
    if split == RASTER:
        return TRANSFORMS
    if split == WHOLE:
        return 2
    return 1 - ((split >> (2 * ((row >> 1) & 1) + ((column >> 1) & 1))) & 1)


cdef inline int edge_between(int one, int other, int64_t position) noexcept nogil:
    """Points of the filter between two cells, 0 if they are of one block, or one of none; `position` is the second's."""
    if one == TRANSFORMS or other == TRANSFORMS:
        return 0
    if one == other and position & ((1 << one) - 1):
        return 0
    return SHORT if one == 0 or other == 0 else LONG


cdef cloned filter_points(float* pixels, int64_t apart, int64_t line, int points, const float* centre) noexcept nogil:
    """Filters CELL lines of points: W diag(I, V) W / 2, by sums and differences of mirrored points.

    Args:
        pixels: the first point of the first line.
        apart: from one point to the next.
        line: from one line to the next.
        points: of a line.
        centre: V, (points / 2, points / 2), halved.
    """
    cdef float[LONG][CELL] all
    cdef float[LONG][CELL] differences
    cdef float[CELL] sums, turned
    cdef int i, j, k, half = points >> 1
    for i in range(points):
        for j in range(CELL):
            all[i][j] = pixels[i * apart + j * line]
    for i in range(half):
        for j in range(CELL):
            differences[i][j] = all[half - 1 - i][j] - all[half + i][j]
    for i in range(half):
        for j in range(CELL):
            turned[j] = 0
        for k in range(half):
            for j in range(CELL):
                turned[j] += centre[i * half + k] * differences[k][j]
        for j in range(CELL):
            sums[j] = (all[half - 1 - i][j] + all[half + i][j]) * <float>0.5
        for j in range(CELL):
            pixels[(half - 1 - i) * apart + j * line] = sums[j] + turned[j]
            pixels[(half + i) * apart + j * line] = sums[j] - turned[j]


def filter_edges(
    float[:, :, :] planes, const uint8_t[:, ::1] splits, const float[:, ::1] short_centre, const float[:, ::1] long_centre,
    bint across_first,
):
    """Filters the edges between blocks, in place.

    Args:
        planes: float32 (planes, rows, columns), whole areas, maybe some rows of larger planes.
        splits: uint8 (area rows, area columns), how areas are split.
        short_centre: float32 (SHORT / 2, SHORT / 2), V of the filter beside small blocks, halved.
        long_centre: float32 (LONG / 2, LONG / 2), V of the other, halved.
        across_first: whether edges between left and right are filtered before those between above and below.
    """
    cdef int64_t rows = splits.shape[0] * AREA_CELLS, columns = splits.shape[1] * AREA_CELLS, line, y, x
    cdef int plane, turn, points
    cdef bint across
    cdef const float* centre
    if planes.shape[1] != rows * CELL or planes.shape[2] != columns * CELL:
        raise ValueError("the sizes of planes and areas do not fit")
    if planes.strides[2] != sizeof(float):
        raise ValueError("the pixels of a row of a plane do not lie side by side")
    line = planes.strides[1] // <int64_t>sizeof(float)
    if not 2 * short_centre.shape[0] == 2 * short_centre.shape[1] == SHORT or not (
        2 * long_centre.shape[0] == 2 * long_centre.shape[1] == LONG
    ):
        raise ValueError(f"the filters have {SHORT} and {LONG} points")
    with nogil:
        for plane in range(planes.shape[0]):
            for turn in range(2):
                across = across_first == (turn == 0)
                for y in range(0 if across else 1, rows):
                    for x in range(1 if across else 0, columns):
                        if across:
                            points = edge_between(transform_at(splits, y, x - 1), transform_at(splits, y, x), x)
                        else:
                            points = edge_between(transform_at(splits, y - 1, x), transform_at(splits, y, x), y)
                        if not points:
                            continue
                        centre = &short_centre[0, 0] if points == SHORT else &long_centre[0, 0]
                        if across:
                            filter_points(&planes[plane, y * CELL, x * CELL - points // 2], 1, line, points, centre)
                        else:
                            filter_points(&planes[plane, y * CELL - points // 2, x * CELL], line, 1, points, centre)
