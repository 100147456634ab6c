"""The raster-encoder of pixels: predicts one after another in raster order and drives the range coder, in one compiled loop.

Context, integer network, probability look-up and range coder are fused. The coder's state holds the direction, so the same loop
encodes and decodes. Tiers:

* `table`: static frequencies in a few classes of the nearest neighbours; almost free.
* `context`: two hidden layers over the causal window, the auto-encoder's reconstruction around the pixel, and running summaries
  of what was coded (first row with ink, extent, moments), which select rows of learned tables.

The network, and the tree of decisions that codes a pixel, are in `rlcodec.core.integer_mlp`.
"""

from rlcodec.presets.mnist._pixel_coder import (
    COLUMNS_ASIDE,
    GRID,
    RECON_FLOOR,
    ROWS_ABOVE,
    SATURATED,
    SUMMARIES,
    SUMMARY_ROWS,
    TABLE_CONTEXTS,
    TRIVIAL_STATES,
    PixelCoder,
    code_row,
    nontrivial_pixels,
    pixel_window,
)

__all__ = [
    "COLUMNS_ASIDE",
    "GRID",
    "RECON_FLOOR",
    "ROWS_ABOVE",
    "SATURATED",
    "SUMMARIES",
    "SUMMARY_ROWS",
    "TABLE_CONTEXTS",
    "TRIVIAL_STATES",
    "PixelCoder",
    "code_row",
    "nontrivial_pixels",
    "pixel_window",
]
