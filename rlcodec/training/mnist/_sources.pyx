"""Counts over bilevel sources, for `rlcodec.training.mnist.sources` and `rlcodec.training.mnist.source_search`."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from rlcodec.presets.mnist.bilevel._context cimport MARGIN, SIDE, SourceState
from rlcodec.presets.mnist.bilevel._geometry cimport (
    BOX, PRIOR_CONTEXTS, WHITE, WORDS, Levels, box_area, get_bit, gray_level, near_context,
)


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
    cdef int64_t r, c, y, x, area
    cdef Levels levels
    with nogil:
        for r in range(BOX):
            for c in range(BOX):
                y, x = top + r, left + c
                if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                    area = box_area(&source.lines[MARGIN, 0], &single[0, 0], single.shape[1], &start[0], &stop[0], r, c)
                    levels = gray_level(area, peak)
                    if levels.level != levels.exception:
                        counts[levels.level == WHITE, image[y, x] != levels.level] += 1


def count_near(SourceState source not None, int64_t[:, ::1] counts):
    """Counts the pixels of a source by their `near_context`.

    Args:
        source: of an image.
        counts: int64 (PRIOR_CONTEXTS, 2), to which the counts are added.
    """
    cdef int64_t side = source.head[SIDE], i, j
    cdef uint64_t* line
    if counts.shape[0] != PRIOR_CONTEXTS or counts.shape[1] != 2:
        raise ValueError(f"the counts are {counts.shape[0]}x{counts.shape[1]}, and not {PRIOR_CONTEXTS}x2")
    with nogil:
        for i in range(side):
            line = &source.lines[MARGIN + i, 0]
            for j in range(side):
                counts[near_context(line - 2 * WORDS, j), get_bit(line, j)] += 1
