"""The division of a picture into strips, which are coded side by side, so that threads have the same work."""

import itertools

import numpy as np

from rlcodec.errors import DamagedStreamError
from rlcodec.presets.photo.transform import AREA, padded_size

STRIP_ROWS = 8
"""The mean number of rows of areas of a strip is at most this."""
LEAST_ROWS, MOST_ROWS = 2, 12
"""Rows of areas of a strip, if there are several."""
MOST_DIVIDED = 8
"""Pictures of more strips are divided evenly: threads that have done one take the next."""
SMALLEST_DIFFERENCE = 3
"""In quantiser steps: differences of pixels beyond this take more bits."""


def area_rows(height: int) -> int:
    """Rows of areas of a picture."""
    return padded_size(height, 1)[0] // AREA


def strip_count(height: int) -> int:
    """The number of strips of a picture; it is even if there are several, so that two threads have the same work."""
    count = -(-height // (AREA * STRIP_ROWS))
    return count + count % 2 if count > 1 else count


def even_division(height: int) -> list[slice]:
    """Rows of areas of each strip, as many in each as can be."""
    rows, count = area_rows(height), strip_count(height)
    return [slice(rows * i // count, rows * (i + 1) // count) for i in range(count)]


def balanced_division(picture: np.ndarray, step: float) -> list[slice]:
    """Rows of areas of each strip, so that all take about as many bits.

    Args:
        picture: uint8 (height, width, 3).
        step: of the quantiser.
    """
    height = len(picture)
    rows, count = area_rows(height), strip_count(height)
    if not 1 < count <= MOST_DIVIDED or picture.shape[1] < 4:
        return even_division(height)
    work = np.cumsum(_bits_of_rows(picture, step, rows))
    least, bounds = max(rows // (2 * count), LEAST_ROWS), [0]
    for left in range(count - 1, 0, -1):  # strips after this one
        lowest = max(bounds[-1] + least, rows - left * MOST_ROWS)
        highest = min(bounds[-1] + MOST_ROWS, rows - left * least)
        wanted = work[-1] * (count - left) / count
        bounds.append(lowest + int(np.abs(work[lowest - 1 : highest] - wanted).argmin()))
    return list(itertools.starmap(slice, itertools.pairwise([*bounds, rows])))


def _bits_of_rows(picture: np.ndarray, step: float, rows: int) -> np.ndarray:
    """About proportional to the bits of each row of areas, float64 (rows,), from differences of neighbours in green."""
    green = picture[::2, ::2, 1].astype(np.int16)
    across, down = np.diff(green, axis=1)[:-1], np.diff(green, axis=0)[:, :-1]
    bits = np.log2(1 + (np.abs(across) + np.abs(down)) / np.float32(SMALLEST_DIFFERENCE * step)).sum(1, dtype=np.float64)
    return np.bincount(np.arange(len(bits)) // (AREA // 2), bits, rows)


def division_bytes(strips: list[slice]) -> bytes:
    """How a payload names a division: the rows of areas of every strip but the last."""
    return bytes(rows.stop - rows.start for rows in strips[:-1])


def division_of(payload: np.ndarray, start: int, height: int) -> list[slice]:
    """The division that a payload names, after `start`; the even one if its bytes are missing.

    Raises:
        DamagedStreamError: a strip has too few or too many rows.
    """
    rows, count = area_rows(height), strip_count(height)
    if count == 1 or len(payload) < start + count - 1:
        return even_division(height)
    counts = [int(number) for number in payload[start : start + count - 1]]
    counts.append(rows - sum(counts))
    if not all(LEAST_ROWS <= number <= MOST_ROWS for number in counts):
        raise DamagedStreamError(f"the {rows} rows of areas are divided into strips of {counts}")
    bounds = itertools.accumulate(counts, initial=0)
    return list(itertools.starmap(slice, itertools.pairwise(bounds)))
