"""The work of decoding a photograph by stage of the decoder, and the decodes by which a machine is calibrated."""

import functools
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from rlcodec.control.decode_time import SYNTHESIS, DecodeSample, Work, this_machine
from rlcodec.core.container import Stream, unpack
from rlcodec.core.segments import MACS_PER_KMAC, CodedSegment
from rlcodec.images.color import ColorImage
from rlcodec.images.synthetic import colours
from rlcodec.parallel.threads import side_by_side
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.areas import Areas, decoded_planes
from rlcodec.presets.photo.decisions import DEFAULT_KIND
from rlcodec.presets.photo.decoder import decode_picture
from rlcodec.presets.photo.encoder import encode_at_gain
from rlcodec.presets.photo.repair import KMAC, WIDTHS
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import decode_areas
from rlcodec.presets.photo.transform import padded_size
from rlcodec.presets.photo.weights import PhotoWeights

COEFFICIENTS, INVERSE = "coefficients", "inverse transform"
"""Stages of the decoder before the synthesis."""
CALIBRATION_SIZES = ((160, 224), (256, 384), (512, 512))
CALIBRATION_GAINS = (140, 230, 320, 230, 320, 140)
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
    return {COEFFICIENTS: (max(loads), pixels), INVERSE: (0.0, pixels), f"{SYNTHESIS}, {synthesis}": repair}


def decode_samples(weights: PhotoWeights) -> list[DecodeSample]:
    """Decodes of synthetic pictures: with every synthesis, of the coefficients alone, and up to the inverse transform."""
    samples, allocation = [], ALLOCATIONS[DEFAULT_KIND]
    for seed, (size, gain) in enumerate(zip(CALIBRATION_SIZES * 2, CALIBRATION_GAINS, strict=True)):
        picture = ColorImage(colours(*size, seed), False)
        for synthesis in WIDTHS:
            encoded = encode_at_gain(weights, picture, gain, allocation, synthesis)
            stream, work = unpack(encoded.data), decode_work(size, encoded.segments, synthesis)
            samples.append(DecodeSample(work, functools.partial(decode_picture, weights, stream)))
        areas = functools.partial(decode_areas, weights, stream.payload, size)
        samples.append(DecodeSample({COEFFICIENTS: work[COEFFICIENTS]}, areas))
        planes = functools.partial(_planes, weights, stream, size)
        samples.append(DecodeSample({stage: work[stage] for stage in (COEFFICIENTS, INVERSE)}, planes))
    return samples


def _planes(weights: PhotoWeights, stream: Stream, size: tuple[int, int]) -> list[np.ndarray]:
    settings = PhotoSettings.from_number(stream.header.settings)
    areas = decode_areas(weights, stream.payload, size)[0]
    parts = [areas.rows(rows) for rows in areas.strips()]

    def decoded(part: Areas) -> np.ndarray:
        return decoded_planes(part, settings.quantiser, weights.centroids)

    return side_by_side(decoded, parts)
