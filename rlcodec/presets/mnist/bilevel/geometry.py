"""Bilevel sources: the black-and-white images that MNIST's digits were resampled from, and how they render to gray levels.

MNIST's digits were scanned in black and white, cropped to a square and resampled to 20x20 pixels by the area that each scanned
pixel covers. Yadav and Bottou reconstructed the resampling ("Cold Case: The Lost MNIST Digits", 2019, section 2): a source
pixel covers 99% of its width, from its left edge on, unless it lies within one pixel of the result. This module adds the
remaining
arithmetic: areas are scaled so that the largest becomes 255, and rounded towards 128. The source is the shortest known exact
description of a digit; `rlcodec.presets.mnist.bilevel.coder` codes it as a sequence of one-bit symbols.

The original program summed areas in single precision. Where a sum lies on the boundary between two gray levels, the rounding
of these sums decides. It is reproduced here in integers, so that a source renders to the same pixels on every machine. If the
other level occurs nevertheless, that is a rounding exception: the renderer gives both levels, and the raster-encoder codes
which.

Images that no source renders to are not such digits; their pixels are coded directly.
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.presets.mnist.bilevel._geometry import (
    AREA_BITS,
    BOX,
    COVERED_UNITS,
    MAX_SIDE,
    MIDDLE,
    MIN_SIDE,
    PAD,
    PIXEL_UNITS,
    PRIOR_CONTEXTS,
    SIDES,
    TIE_SHIFT,
    WEIGHT_SCALE,
    WHITE,
    WORDS,
    area_of_ink,
    levels_of,
    pixels_of,
    set_pixel,
)
from rlcodec.presets.mnist.bilevel._grids import Grids

__all__ = [
    "AREA_BITS",
    "BOX",
    "COVERED_UNITS",
    "MAX_SIDE",
    "MIDDLE",
    "MIN_SIDE",
    "PAD",
    "PIXEL_UNITS",
    "PRIOR_CONTEXTS",
    "SIDES",
    "TIE_SHIFT",
    "WEIGHT_SCALE",
    "WHITE",
    "WORDS",
    "BilevelSource",
    "Grid",
    "Grids",
    "all_grids",
    "area_of_ink",
    "grid",
    "levels_of",
    "pixels_of",
    "set_pixel",
]


class Grid(NamedTuple):
    """How sources of one side are resampled; the same along both axes.

    Attributes:
        weights: int64 (BOX, side), exact areas along one axis, by pixel of the box and of the source.
        single: int64 (BOX, side), the same areas as they were in single precision, in units of 2**-AREA_BITS.
        start: int64 (BOX,), the first source row or column that each pixel of the box covers.
        stop: int64 (BOX,), the one behind the last.
        unit: sum of `weights` over a pixel of the box.
        peaks: int64 (p,), areas that the brightest pixel can have, in falling order.
    """

    weights: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    unit: int
    peaks: np.ndarray


class BilevelSource(NamedTuple):
    """A bilevel image and where its rendering lies in a digit.

    Attributes:
        rows: uint64 (side, WORDS), column x in bit x + PAD; 1 is ink.
        peak: index into `Grid.peaks` of the area of the brightest pixel.
        top: row of the box in the image; the box may lie partly outside, where it is empty.
        left: column of the box in the image.
    """

    rows: np.ndarray
    peak: int
    top: int
    left: int

    @property
    def side(self) -> int:
        """Height and width in pixels."""
        return len(self.rows)


@functools.cache
def all_grids() -> Grids:
    """The resampling grids of all sides."""
    return Grids()


@functools.cache
def grid(side: int) -> Grid:
    """The resampling grid of sources of a side in pixels."""
    grids, s = all_grids(), side - MIN_SIDE
    weights, single = (np.ascontiguousarray(np.asarray(areas)[s, :, :side]) for areas in (grids.weights, grids.single))
    peaks = np.asarray(grids.peaks)[s]
    return Grid(weights, single, np.asarray(grids.start)[s], np.asarray(grids.stop)[s], grids.unit[s], peaks[peaks > 0])
