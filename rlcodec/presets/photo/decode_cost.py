"""The work of decoding a photograph by stage of the decoder, and the decodes by which a machine is calibrated."""

import functools
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from rlcodec.control.decode_time import SYNTHESIS, DecodeSample, Work, this_machine
from rlcodec.core.container import unpack
from rlcodec.core.segments import MACS_PER_KMAC, CodedSegment
from rlcodec.images.color import ColorImage
from rlcodec.images.synthetic import colours
from rlcodec.presets.photo.coefficient_coder import step_of
from rlcodec.presets.photo.decoder import decode_picture
from rlcodec.presets.photo.encoder import encode_at_gain
from rlcodec.presets.photo.repair import KMAC, WIDTHS
from rlcodec.presets.photo.strips import decode_values
from rlcodec.presets.photo.transform import dequantised_planes, padded_size
from rlcodec.presets.photo.weights import PhotoWeights

COEFFICIENTS, INVERSE = "coefficients", "inverse transform"
"""Stages of the decoder before the synthesis."""
CALIBRATION_SIZES = ((160, 224), (256, 384), (512, 512))
CALIBRATION_GAINS = (8, 24, 40, 24, 40, 8)
"""Heights and widths in pixels of the calibration's pictures, and gains; every size is coded at two of them."""


def decode_work(size: tuple[int, int], segments: Iterable[CodedSegment], synthesis: str) -> Work:
    """The work of decoding a stream.

    Args:
        size: height and width of the picture in pixels.
        segments: of the stream; each core decodes the strip that comes next as soon as it is free.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
    """
    kmac_by_strip = defaultdict[int, float](float)
    for coded in segments:
        kmac_by_strip[coded.segment.strip] += coded.macs / MACS_PER_KMAC
    loads = [0.0] * this_machine().cores
    for strip in sorted(kmac_by_strip):
        loads[loads.index(min(loads))] += kmac_by_strip[strip]
    pixels = float(np.prod(padded_size(*size)))
    repair = (KMAC[synthesis] * pixels, 0.0) if KMAC[synthesis] else (0.0, pixels)
    return {COEFFICIENTS: (max(loads), 0.0), INVERSE: (0.0, pixels), f"{SYNTHESIS}, {synthesis}": repair}


def decode_samples(weights: PhotoWeights) -> list[DecodeSample]:
    """Decodes of synthetic pictures: with every synthesis, of the coefficients alone, and up to the inverse transform."""
    samples = []
    for seed, (size, gain) in enumerate(zip(CALIBRATION_SIZES * 2, CALIBRATION_GAINS, strict=True)):
        picture = ColorImage(colours(*size, seed), False)
        for synthesis in WIDTHS:
            encoded = encode_at_gain(weights, picture, gain, synthesis)
            stream, work = unpack(encoded.data), decode_work(size, encoded.segments, synthesis)
            samples.append(DecodeSample(work, functools.partial(decode_picture, weights, stream)))
        values = functools.partial(decode_values, weights, stream.payload, size, gain)
        samples.append(DecodeSample({COEFFICIENTS: work[COEFFICIENTS]}, values))
        planes = functools.partial(_planes, weights, stream.payload, size, gain)
        samples.append(DecodeSample({stage: work[stage] for stage in (COEFFICIENTS, INVERSE)}, planes))
    return samples


def _planes(weights: PhotoWeights, payload: np.ndarray, size: tuple[int, int], gain: int) -> np.ndarray:
    return dequantised_planes(decode_values(weights, payload, size, gain)[0], weights.centroids, step_of(gain))
