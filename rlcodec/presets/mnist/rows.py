"""Codes runs of rows of pixels, in either direction, and shows the picture that they make."""

import numpy as np

from rlcodec.presets.mnist._pixel_coder import PixelCoder
from rlcodec.presets.mnist._rows import RowCoder, code_rows, filled, measure_rows
from rlcodec.presets.mnist.bilevel._context import SourceState
from rlcodec.presets.mnist.bilevel.transformer import KvCache
from rlcodec.presets.mnist.segments import slices_touched
from rlcodec.presets.mnist.weights import MnistWeights

__all__ = ["RowCoder", "code_rows", "filled", "measure_rows", "picture_at", "row_coder"]


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


def picture_at(
    weights: MnistWeights, reconstruction: np.ndarray, image: np.ndarray, rows: int, pixels: int, bit_budget: int
) -> np.ndarray:
    """The picture that decoders show.

    Args:
        weights: of the preset.
        reconstruction: uint8 (height, width), of the latents that were decoded.
        image: uint8 (height, width), valid as far as it was decoded.
        rows: complete rows.
        pixels: of the row after them.
        bit_budget: binary latents that were decoded.

    Returns:
        uint8 (height, width).
    """
    out = np.empty_like(image)
    filled(reconstruction, image, rows, weights.fill[slices_touched(bit_budget, *image.shape)], out)
    if pixels:
        out[rows, :pixels] = image[rows, :pixels]
    return out
