"""Compute of decoding preset `raster`: multiply-accumulates of fitted predictions and of mixing."""

from rlcodec.presets.raster._least_squares import BLOCK, ENSEMBLE_BLOCK
from rlcodec.presets.raster._sample_coder import OTHER_INPUTS, OWN_INPUTS, WIDE_OTHER_INPUTS, WIDE_OWN_INPUTS
from rlcodec.presets.raster.model import CONTEXT, ENSEMBLE, PIXELS, TABLE

BLEND_MACS = 6
DECISIONS = 5
"""Decisions about a sample, about."""
MIXED_MACS = {TABLE: 0, CONTEXT: 16, ENSEMBLE: 32}
"""Of mixing the probabilities of a decision, and of following it."""
PIXEL_MACS = 20
"""Of the decisions about a pixel that repeats."""


def fit_macs(inputs: int, block: int) -> int:
    """Multiply-accumulates a sample of a fit: the sums of products, and a share of the solution."""
    sums = (inputs + 1) * (inputs + 2) // 2
    return sums + inputs + (inputs**3 // 6 + inputs**2) // block


def strip_macs(pixels: int, channels: int, method: int, tier: int) -> int:
    """Multiply-accumulates of decoding a strip, about.

    Args:
        pixels: that are decoded.
        channels: of a pixel.
        method: of the strip.
        tier: index of the predictor.
    """
    if method == PIXELS:
        return pixels * PIXEL_MACS
    macs = channels * (BLEND_MACS + DECISIONS * MIXED_MACS[tier])
    for plane in range(channels):
        if tier >= CONTEXT:
            macs += fit_macs(OWN_INPUTS + OTHER_INPUTS * plane, ENSEMBLE_BLOCK if tier == ENSEMBLE else BLOCK)
        if tier >= ENSEMBLE:
            macs += fit_macs(WIDE_OWN_INPUTS + WIDE_OTHER_INPUTS * plane, ENSEMBLE_BLOCK)
    return pixels * macs
