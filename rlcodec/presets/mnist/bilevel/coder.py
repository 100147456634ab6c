"""The raster-encoder of bilevel sources: codes rows of a digit's pixels by way of the source that it was resampled from.

A row of pixels is coded as the source rows that it covers and no row before it covered; rendering then gives the pixels. What
the renderer needs beside the source (its side, its place, the brightest area) is coded before the first row. See
`rlcodec.presets.mnist.bilevel.geometry` for where sources come from, and `rlcodec.presets.mnist.pixel_coder` for images without
one.

Tiers: `table` looks up the eleven nearest neighbours of a source pixel. The others add up a few learned numbers where these
neighbours nearly determine the pixel (`rlcodec.presets.mnist.bilevel.context`), and run a network elsewhere: `context` a small
one over a wide causal window, `lm` a transformer that attends to all such pixels before
(`rlcodec.presets.mnist.bilevel.transformer`).
"""

import functools

import numpy as np

from rlcodec.presets.mnist.bilevel._coder import COLUMNS_ASIDE, PLACE_ORIGIN, ROWS_ABOVE
from rlcodec.presets.mnist.bilevel.context import PEAK_BITS, PLACE_BITS, SIDE_BITS, SourceTables
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource
from rlcodec.presets.mnist.bilevel.search import find_source, source_prior

__all__ = ["COLUMNS_ASIDE", "PEAK_BITS", "PLACE_BITS", "PLACE_ORIGIN", "ROWS_ABOVE", "SIDE_BITS", "source_of"]


def source_of(tables: SourceTables, pixels: np.ndarray) -> BilevelSource | None:
    """The bilevel source of an image, or None; searches once for each image and remembers the latest results.

    Args:
        tables: of the weights.
        pixels: uint8 (height, width).
    """
    return _cached_source(pixels.tobytes(), pixels.shape, np.asarray(tables.near).tobytes())


@functools.lru_cache(maxsize=64)
def _cached_source(pixels: bytes, shape: tuple[int, int], near: bytes) -> BilevelSource | None:
    prior = source_prior(np.frombuffer(near, np.int32))
    source = find_source(np.frombuffer(pixels, np.uint8).reshape(shape), prior)
    return source if source and source.peak < 1 << PEAK_BITS else None
