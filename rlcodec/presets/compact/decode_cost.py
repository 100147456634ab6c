"""The work of decoding a stream of preset `compact`, by stage of the decoder."""

import math
from collections.abc import Iterable, Mapping

from rlcodec.control.decode_time import SYNTHESIS, Work
from rlcodec.core.segment_choice import LATENT_TIERS, STOP, TIERS
from rlcodec.core.segments import MACS_PER_KMAC, CodedSegment
from rlcodec.presets.compact.transform import MACS_PER_PIXEL, STRIDE, latent_size

CODING = tuple(f"coding, {tier}" for tier in TIERS[:LATENT_TIERS])
"""Stages, by tier."""


def macs_by_tier(segments: Iterable[CodedSegment]) -> dict[int, int]:
    """Multiply-accumulates of the segments in each tier that any was sent in."""
    macs: dict[int, int] = {}
    for segment in segments:
        if segment.tier != STOP:
            macs[segment.tier] = macs.get(segment.tier, 0) + segment.macs
    return macs


def decode_work(height: int, width: int, coding_macs: Mapping[int, int]) -> Work:
    """The work of decoding a stream.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        coding_macs: multiply-accumulates of all segments in each tier that any was sent in.
    """
    pixels = math.prod(latent_size(height, width)) * STRIDE**2
    work = {SYNTHESIS: (MACS_PER_PIXEL * pixels / MACS_PER_KMAC, 0.0)}
    return work | {CODING[tier]: (macs / MACS_PER_KMAC, 0.0) for tier, macs in sorted(coding_macs.items())}
