"""The work that decoding a stream of preset `compact` takes, by stage."""

from collections.abc import Mapping

from rlcodec.control.decode_time import SYNTHESIS, Work
from rlcodec.core.segment_choice import LM, TIERS
from rlcodec.core.segments import MACS_PER_KMAC

CODING = tuple(f"coding, {tier}" for tier in TIERS[:LM])


def compact_work(pixels: float, macs_by_tier: Mapping[int, int]) -> Work:
    """What decoding a stream of preset "compact" does.

    Args:
        pixels: of the picture, in whole positions of the latent.
        macs_by_tier: multiply-accumulates of all segments in each tier that any was sent in.
    """
    from rlcodec.presets.compact.transform import MACS_PER_PIXEL

    work = {SYNTHESIS: (MACS_PER_PIXEL * pixels / MACS_PER_KMAC, 0.0)}
    return work | {CODING[tier]: (macs / MACS_PER_KMAC, 0.0) for tier, macs in sorted(macs_by_tier.items())}
