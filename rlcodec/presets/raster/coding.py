"""From pictures to streams of preset `raster`, and back."""

import numpy as np

from rlcodec.core.container import Stream, pack, unpack
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.presets.base import Decoded, Encoded
from rlcodec.presets.raster.decode_cost import strip_macs
from rlcodec.presets.raster.format import RASTER
from rlcodec.presets.raster.model import METHOD_NAMES
from rlcodec.presets.raster.planes import ORDERS
from rlcodec.presets.raster.settings import MODES, RasterSettings
from rlcodec.presets.raster.strips import DecodedStrip, coded_segment, decode_raster, encode_raster
from rlcodec.presets.raster.weights import BEGINNINGS, RasterWeights


def shown(picture: np.ndarray) -> np.ndarray:
    """A picture as other parts of the package have it: uint8 (height, width) if there is one channel."""
    return picture[..., 0] if picture.shape[2] == 1 else picture


def encode_picture(
    weights: RasterWeights, picture: np.ndarray, predictor: str, max_error: int = 0, workers: int | None = None
) -> Encoded:
    """Encodes a picture.

    Args:
        weights: of the preset.
        picture: uint8 (height, width, channels) of 1 to 4 channels.
        predictor: one of PREDICTORS.
        max_error: the largest difference of a decoded sample; 0 is lossless.
        workers: threads; as many as there are cores if None.
    """
    height, width, channels = picture.shape
    settings = RasterSettings(MODES[channels - 1], predictor, max_error)
    coded = encode_raster(weights, picture, settings, workers)
    payload = coded.payload()
    data = pack(RASTER, weights.fingerprint, height, width, settings.to_number(), payload)
    rows = [min(coded.strip_rows, height - coded.strip_rows * i) for i in range(len(coded.strips))]
    segments = tuple(
        coded_segment(i, len(s.data), settings.tier, strip_macs(rows[i] * width, channels, s.choice.method, settings.tier))
        for i, s in enumerate(coded.strips)
    )

    def show() -> np.ndarray:
        if not max_error:
            return shown(picture)
        return shown(decode_raster(weights, np.frombuffer(payload, np.uint8), len(payload), (height, width), settings)[0])

    macs = sum(segment.macs for segment in segments)
    return Encoded(data, settings, segments, 8.0 * len(payload), macs, shown(picture), show)


def decode_stream(weights: RasterWeights, stream: Stream, workers: int | None = None) -> Decoded:
    """Decodes a stream, as far as its bytes go.

    Args:
        weights: of the preset.
        stream: parsed.
        workers: threads; as many as there are cores if None.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    header = stream.header
    settings = RasterSettings.from_number(header.settings)
    check_fingerprint(header, weights.digest)
    size = header.height, header.width
    picture, segments, strips = decode_raster(weights, stream.payload, header.payload_bytes, size, settings, workers)
    complete = sum(strip.known for strip in strips) == header.height * header.width
    return Decoded(
        picture=shown(picture),
        settings=settings,
        segments=segments,
        decoder_macs=sum(segment.macs for segment in segments),
        choice=f"{settings.predictor}, {'lossless' if not settings.max_error else f'error at most {settings.max_error}'}",
        lossless=complete and not settings.max_error,
        truncated=stream.truncated or not complete,
        details=details_of(strips, settings),
    )


def details_of(strips: tuple[DecodedStrip, ...], settings: RasterSettings) -> dict[str, object]:
    """What the encoder chose for each strip, in words, and how many pixels are known."""
    chosen = [strip.choice for strip in strips if strip.choice]
    return {
        "methods": [METHOD_NAMES[choice.method] for choice in chosen],
        "states": [BEGINNINGS[choice.beginning] for choice in chosen],
        "channels": ["".join(settings.mode[c] for c in ORDERS[settings.channels][choice.order].channels) for choice in chosen],
        "known_pixels": sum(strip.known for strip in strips),
    }


def decoded_pixels(weights: RasterWeights, data: bytes) -> np.ndarray:
    """The pixels of a stream, uint8; errors as `decode_stream`."""
    return decode_stream(weights, unpack(data)).picture
