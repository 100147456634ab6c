"""Codes runs of rows of pixels, in either direction, and shows the picture that they make."""

import numpy as np

from rlcodec.presets.mnist._pixel_coder import PixelCoder
from rlcodec.presets.mnist._rows import RowCoder, code_rows, filled, measure_rows, stop_pictures
from rlcodec.presets.mnist.bilevel._context import SourceState
from rlcodec.presets.mnist.bilevel.transformer import KvCache
from rlcodec.presets.mnist.weights import MnistWeights

__all__ = ["RowCoder", "code_rows", "filled", "measure_rows", "row_coder", "stop_pictures"]


def row_coder(weights: MnistWeights, context: np.ndarray, source: SourceState, cache: KvCache | None = None) -> RowCoder:
    """A coder of rows before the first.

    Args:
        weights: of the preset.
        context: uint8 (height, width), the reconstruction, or zeros if there is none.
        source: of the image, or to be decoded.
        cache: of tier `lm`; a new one, with which the transformer runs here, if None.
    """
    pixels = PixelCoder(weights.pixel_net, weights.tables, context)
    cache = cache or KvCache(weights.source_lm)
    return RowCoder(pixels, weights.source_net, weights.source_lm, cache, weights.source_tables, source)
