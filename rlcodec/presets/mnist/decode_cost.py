"""The work that decoding a stream of preset `mnist` takes, by stage."""

from collections.abc import Sequence

from rlcodec.control.decode_time import SYNTHESIS, Work
from rlcodec.core.preset_ids import MNIST
from rlcodec.core.segment_choice import CONTEXT, LATENT, LM, PIXELS, STOP, TIERS
from rlcodec.core.segments import MACS_PER_KMAC, CodedSegment
from rlcodec.presets.mnist.segments import synthesis_macs
from rlcodec.presets.mnist.weights import load_model

START, LATENTS = "start", "latents"
ROWS = tuple(f"rows, {tier}" for tier in TIERS[:LM])


SCAN_ROWS = tuple(f"rows of a scan, {tier}" for tier in TIERS)


def mnist_work(height: int, width: int, bit_budget: int, segments: Sequence[CodedSegment], scan: bool) -> Work:
    """What decoding a stream of preset "mnist" does.

    Args:
        height: pixels.
        width: pixels.
        bit_budget: binary latents kept.
        segments: that were coded.
        scan: the rows were coded by way of a scan.
    """
    work = {START: (0.0, float(height * width))}
    sent = [s for s in segments if s.tier != STOP]
    if bit_budget or sum(s.segment.kind == PIXELS and s.complete for s in sent) < height:
        # Without latents its output is a constant, whose compute does not count; but it runs.
        work[SYNTHESIS] = synthesis_macs(load_model(MNIST.name), height, width, 1) / MACS_PER_KMAC, 0.0
    for segment in sent:
        if segment.segment.kind == LATENT:
            stage = LATENTS
        else:  # without a scan, tier lm is the network of tier context
            stage = SCAN_ROWS[segment.tier] if scan else ROWS[min(segment.tier, CONTEXT)]
        work[stage] = work.get(stage, (0.0, 0.0))[0] + segment.macs / MACS_PER_KMAC, 0.0
    return work
