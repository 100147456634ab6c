"""The work of decoding a stream of preset `mnist`, by stage of the decoder, from which decoding time is predicted."""

from collections.abc import Sequence

from rlcodec.control.decode_time import SYNTHESIS, Work
from rlcodec.core.segment_choice import CONTEXT, LATENT, LM, PIXELS, STOP, TIERS
from rlcodec.core.segments import MACS_PER_KMAC, CodedSegment
from rlcodec.presets.mnist.segments import synthesis_macs
from rlcodec.presets.mnist.weights import MnistWeights

START, LATENTS = "start", "latents"
ROWS = tuple(f"rows, {tier}" for tier in TIERS[:LM])
SOURCE_ROWS = tuple(f"rows by bilevel source, {tier}" for tier in TIERS)


def decode_work(
    weights: MnistWeights,
    size: tuple[int, int],
    bit_budget: int,
    segments: Sequence[CodedSegment],
    by_source: bool,
) -> Work:
    """The work of decoding a stream.

    Args:
        weights: of the preset.
        size: height and width of the image, in pixels.
        bit_budget: binary latents kept.
        segments: that were coded.
        by_source: whether the rows of pixels were coded by way of their bilevel source.
    """
    height, width = size
    work = {START: (0.0, float(height * width))}
    sent = [s for s in segments if s.tier != STOP]
    if bit_budget or sum(s.segment.kind == PIXELS and s.complete for s in sent) < height:
        # Without latents the synthesis runs, too, but its compute does not count, since its result is a constant.
        work[SYNTHESIS] = synthesis_macs(weights, height, width) / MACS_PER_KMAC, 0.0
    for segment in sent:
        if segment.segment.kind == LATENT:
            stage = LATENTS
        else:  # without a bilevel source, tier `lm` is the network of tier `context`
            stage = SOURCE_ROWS[segment.tier] if by_source else ROWS[min(segment.tier, CONTEXT)]
        work[stage] = work.get(stage, (0.0, 0.0))[0] + segment.macs / MACS_PER_KMAC, 0.0
    return work
