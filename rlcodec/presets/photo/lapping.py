"""Lapped transforms: filters across the edges of blocks, before the transforms of blocks and after their inverse.

The filter before makes blocks flatter towards their edges, and the one after is its inverse: it smooths what quantisation does
to the edges, and blocks overlap. The structure is that of Tran, Liang and Tu, "Lapped Transform via Time-Domain Pre- and
Post-Filtering" (2003), biorthogonal: with W = [I J; J -I], a filter is W diag(I, V) W / 2. Constants stay as they are. Beside
blocks of 8 it reaches over 4 pixels, elsewhere over 8. Strips are filtered on their own.
"""

import numpy as np

from rlcodec.presets.photo._lapping import LONG, SHORT, filter_edges

_SHORT_CENTRE = np.array([[1.05897, 0.54872], [-0.19137, 1.20698]])
_LONG_CENTRE = np.array(
    [
        [0.89446, 0.51863, 0.17109, 0.17958],
        [-0.45156, 0.86127, 0.43435, 0.15666],
        [0.10041, -0.31010, 0.99055, 0.27379],
        [-0.04293, 0.03025, -0.11665, 1.07227],
    ]
)
"""V of either filter: the DCT-II after the DCT-IV, with the first output scaled by 1.5 and 1.35, to the power of 0.8."""


def _filter(centre: np.ndarray) -> np.ndarray:
    """The filter with a matrix V, float64 (2 n, 2 n)."""
    half = len(centre)
    same, turned = np.eye(half), np.eye(half)[::-1]
    fold = np.block([[same, turned], [turned, -same]])
    middle = np.block([[same, np.zeros((half, half))], [np.zeros((half, half)), centre]])
    return fold @ middle @ fold / 2


FILTERS = tuple(_filter(centre) for centre in (_SHORT_CENTRE, _LONG_CENTRE))
BEFORE = tuple(np.ascontiguousarray(matrix, np.float32) for matrix in FILTERS)
AFTER = tuple(np.ascontiguousarray(np.linalg.inv(matrix), np.float32) for matrix in FILTERS)
assert (len(BEFORE[0]), len(BEFORE[1])) == (SHORT, LONG)


def lap(planes: np.ndarray, splits: np.ndarray) -> None:
    """Filters planes before the transform, in place.

    Args:
        planes: float32 (3, rows, columns), whole areas.
        splits: uint8 (area rows, area columns), how areas are split.
    """
    filter_edges(planes, splits, BEFORE[0], BEFORE[1], True)


def unlap(planes: np.ndarray, splits: np.ndarray) -> None:
    """Inverse of `lap`."""
    filter_edges(planes, splits, AFTER[0], AFTER[1], False)
