"""Decodes streams of preset `compact`."""

import numpy as np

from rlcodec.core.container import Stream
from rlcodec.core.segments import CodedSegment, describe_tiers
from rlcodec.images.color import to_gray
from rlcodec.presets.base import Decoded
from rlcodec.presets.compact.latent_coder import decode_latent
from rlcodec.presets.compact.settings import CompactSettings
from rlcodec.presets.compact.transform import synthesis_macs, synthesise
from rlcodec.presets.compact.weights import CompactWeights


def decoder_macs(segments: tuple[CodedSegment, ...], latent: np.ndarray) -> int:
    """Multiply-accumulates of decoding a stream of some segments; the synthesis runs whatever was sent."""
    return sum(segment.macs for segment in segments) + synthesis_macs(*latent.shape[1:])


def decode_picture(weights: CompactWeights, stream: Stream) -> Decoded:
    """Decodes a stream, as far as its bytes go; bits that are missing enter the synthesis as 0.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: the stream was coded with other weights.
    """
    header = stream.header
    latent, segments = decode_latent(weights, stream)
    settings = CompactSettings.from_header(header)
    pixels = synthesise(latent, header.height, header.width, weights.folder)
    return Decoded(
        picture=to_gray(pixels) if settings.gray else pixels,
        settings=settings,
        segments=segments,
        decoder_macs=decoder_macs(segments, latent),
        choice=f"{settings.bit_budget} bits, {describe_tiers(segments)}",
        lossless=False,
        truncated=stream.truncated,
    )
