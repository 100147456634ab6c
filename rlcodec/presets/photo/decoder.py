"""Decoding streams of preset `photo`: from the payload to coefficients, and from coefficients to the picture."""

import numpy as np

from rlcodec.core.container import Stream, unpack
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.images.color import to_gray
from rlcodec.presets.base import Decoded, check_padded_size
from rlcodec.presets.photo.repair import KMAC, render
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import decode_values
from rlcodec.presets.photo.transform import TRANSFORM_MACS
from rlcodec.presets.photo.weights import PhotoWeights


def decode_picture(weights: PhotoWeights, stream: Stream, synthesis: str | None = None, workers: int | None = None) -> Decoded:
    """Decodes a stream, as far as its bytes go.

    Args:
        weights: of the preset.
        stream: parsed.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`; the one that the stream names if None.
        workers: threads; as many as there are cores if None.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    header = stream.header
    settings, size = PhotoSettings.from_number(header.settings), (header.height, header.width)
    check_fingerprint(header, weights.digest)
    check_padded_size(header)
    values, segments = decode_values(weights, stream.payload, size, settings.gain, workers)
    used = synthesis or settings.synthesis
    slices = 1 + max((s.segment.index for s in segments if s.cost), default=-1)
    return Decoded(
        picture=shown_pixels(weights, values, settings, size, used),
        settings=settings,
        segments=segments,
        decoder_macs=sum(s.macs for s in segments) + synthesis_macs(values[0].size, used),
        choice=f"gain {settings.gain}, {slices} slices, {settings.synthesis}",
        lossless=False,
        truncated=stream.truncated or not all(s.complete for s in segments),
    )


def decoded_values(weights: PhotoWeights, data: bytes) -> np.ndarray:
    """The quantised coefficients that a stream holds, as `decode_values` returns them; errors as `decode_picture`."""
    stream = unpack(data)
    header = stream.header
    check_fingerprint(header, weights.digest)
    gain = PhotoSettings.from_number(header.settings).gain
    return decode_values(weights, stream.payload, (header.height, header.width), gain)[0]


def synthesis_macs(area: int, synthesis: str) -> int:
    """Multiply-accumulates of a synthesis, inverse transforms included.

    Args:
        area: pixels in whole blocks.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
    """
    return round(area * (TRANSFORM_MACS + MACS_PER_KMAC * KMAC[synthesis]))


def shown_pixels(
    weights: PhotoWeights, values: np.ndarray, settings: PhotoSettings, size: tuple[int, int], synthesis: str
) -> np.ndarray:
    """The picture that decoders show.

    Args:
        weights: of the preset.
        values: int16 (3, block rows, block columns, BLOCK, BLOCK), quantised coefficients.
        settings: of the stream.
        size: height and width in pixels.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.

    Returns:
        uint8 (height, width, 3), or (height, width) of a gray picture.
    """
    pixels = render(weights, values, settings.gain, synthesis)[: size[0], : size[1]]
    return to_gray(pixels) if settings.gray else np.ascontiguousarray(pixels)
