"""Pictures as blocks of transform coefficients and back: a colour transform and discrete cosine transforms.

Areas of 32x32 pixels are split into blocks of 32, 16 or 8 pixels, as suits the picture. The transforms are orthonormal, so
squared errors of coefficients are squared errors of the picture. They are computed in float, since no probability depends on
them: decoders render pictures from exact integers, and encoders may quantise as they like. The forward transform is
nevertheless the same on every machine, so that streams are.
"""

import itertools
from collections.abc import Callable

import numpy as np

from rlcodec.presets.photo._transform import (
    AREA,
    AREA_CELLS,
    AREA_PIXELS,
    CELL,
    CENTRED,
    CHROMA_LIMIT,
    FREQUENCIES,
    OFFSET_LIMIT,
    PLANES,
    RASTER,
    SLICES,
    TRANSFORMS,
    WHOLE,
    forward,
    to_planes,
)

__all__ = [
    "AREA",
    "AREA_CELLS",
    "AREA_PIXELS",
    "CELL",
    "CENTRED",
    "CHROMA_LIMIT",
    "FREQUENCIES",
    "OFFSET_LIMIT",
    "PLANES",
    "RASTER",
    "SLICES",
    "TRANSFORMS",
    "WHOLE",
]
SIDES = tuple(CELL << index for index in range(TRANSFORMS))
"""Sides of blocks in pixels."""
PARTS = tuple(
    slice(end - side**2, end) for side, end in zip(SIDES, itertools.accumulate(side**2 for side in SIDES), strict=True)
)
"""Where the frequencies of each transform lie among those of all."""


def _each_frequency(of_side: Callable[[int], np.ndarray]) -> np.ndarray:
    """A number for each frequency of all transforms, (FREQUENCIES,), from a function of the side to an array (side, side)."""
    return np.concatenate([of_side(side).reshape(-1) for side in SIDES])


def _cosines(size: int) -> np.ndarray:
    """The orthonormal DCT-II, float32 (size, size); rows are basis functions."""
    k, n = np.mgrid[:size, :size]
    basis = np.cos(np.pi * (n + 0.5) * k / size) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


BASES = _each_frequency(_cosines)
"""Basis functions of the transforms, one after another, float32 (FREQUENCIES,)."""
TRANSFORM_MACS = PLANES * (2 * AREA + PLANES)
"""Most multiply-accumulates of the inverse transforms per pixel."""
DIAGONALS = _each_frequency(lambda side: np.add.outer(np.arange(side), np.arange(side)))
"""Sum of vertical and horizontal frequency, int64 (FREQUENCIES,)."""
SIDE_OF = _each_frequency(lambda side: np.full(side**2, side))
"""Side of the blocks of each frequency, int64 (FREQUENCIES,)."""
WAVES = DIAGONALS / (2 * SIDE_OF)
"""Half waves a pixel, halved: 0 of the mean, almost 1 of the highest frequency, float64 (FREQUENCIES,)."""
LAST_DIAGONALS = ((0, 0, 0), (1, 2, 4), (3, 6, 13), (6, 13, 27), (14, 30, 62))
"""The last diagonal of each slice, by transform."""
SLICE_OF = np.concatenate(
    [np.searchsorted([last[t] for last in LAST_DIAGONALS], DIAGONALS[part]) for t, part in enumerate(PARTS)]
).astype(np.uint8)
"""The slice of each frequency, uint8 (FREQUENCIES,)."""


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width in pixels, rounded up to whole areas."""
    return -(-height // AREA) * AREA, -(-width // AREA) * AREA


def planes_of(picture: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Luma and chroma of a picture.

    Args:
        picture: uint8 (height, width, 3); edges are repeated up to whole areas.
        colors: float32 (3, 3), the colour transform, see `rlcodec.presets.photo.colors`.

    Returns:
        float32 (3, rows, columns).
    """
    planes = np.empty((PLANES, *padded_size(*picture.shape[:2])), np.float32)
    to_planes(np.ascontiguousarray(picture), colors, planes)
    return planes


def to_coefficients(planes: np.ndarray, side: int) -> np.ndarray:
    """Coefficients of all blocks of one size, float32 (3, block rows, block columns, side * side), of planes by `planes_of`."""
    count, rows, columns = planes.shape
    coefficients = np.empty((count, rows // side, columns // side, side * side), np.float32)
    forward(planes, side, BASES[PARTS[SIDES.index(side)]].reshape(side, side), coefficients)
    return coefficients
