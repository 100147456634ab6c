"""Counts of rounding exceptions, for `rlcodec.training.mnist.sources`."""

from libc.stdint cimport int64_t, uint8_t

from rlcodec.presets.mnist.bilevel._context cimport MARGIN, SourceState
from rlcodec.presets.mnist.bilevel._geometry cimport BOX, WHITE, Levels, box_area, gray_level


def count_exceptions(
    SourceState source not None, const int64_t[:, ::1] single, const int64_t[::1] start, const int64_t[::1] stop, int64_t peak,
    int64_t top, int64_t left, const uint8_t[:, ::1] image, int64_t[:, ::1] counts,
):
    """Counts box pixels by whether their rendered level is white, and whether the image has a rounding exception there.

    Args:
        source: the source of the image.
        single: int64 (BOX, side), of the grid of its side, as are the next two.
        start: int64 (BOX,).
        stop: int64 (BOX,).
        peak: area of the brightest pixel.
        top: row of the box in the image.
        left: column of the box in the image.
        image: uint8 (height, width).
        counts: int64 (2, 2), to which the counts are added.
    """
    cdef int64_t r, c, y, x
    cdef Levels levels
    with nogil:
        for r in range(BOX):
            for c in range(BOX):
                y, x = top + r, left + c
                if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                    levels = gray_level(box_area(&source.lines[0, 0], -MARGIN, single, start, stop, r, c), peak)
                    if levels.level != levels.exception:
                        counts[levels.level == WHITE, image[y, x] != levels.level] += 1
