"""Streams of preset `photo`: the container around a picture's segments.

The header's bit budget holds three numbers: `(gain * 2 + width) * 2 + gray`, with `4 * GAINS` more and width 0 where nothing
is repaired; the width of the synthesis is the one that the encoder judged its picture with.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from rlcodec.core.container import Header, Stream, unpack
from rlcodec.core.preset_ids import MOST_PIXELS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.errors import DamagedStreamError, OptionError
from rlcodec.images.color import to_gray
from rlcodec.presets.photo.coefficient_coder import GAINS
from rlcodec.presets.photo.repair import KMAC, PLAIN, REPAIRS, WIDTHS, render
from rlcodec.presets.photo.strips import PhotoSegment, decode_values
from rlcodec.presets.photo.transform import BLOCK, TRANSFORM_MACS, padded_size
from rlcodec.presets.photo.weights import PhotoModel, load_photo_model

PLAIN_BASE = 2 * GAINS * len(REPAIRS)


@dataclass(frozen=True)
class PhotoSetting:
    """What a stream's header says: index of the quantiser's gain, width of the synthesis, and whether there are colours."""

    gain: int
    width: str
    gray: bool

    def to_number(self) -> int:
        """As the header holds it."""
        if self.width == PLAIN:
            return PLAIN_BASE + 4 * self.gain + self.gray
        return (self.gain * len(REPAIRS) + REPAIRS.index(self.width)) * 2 + self.gray

    @staticmethod
    def from_number(number: int) -> "PhotoSetting":
        """Inverse of `to_number`; raises DamagedStreamError where there is no such setting."""
        plain, rest = divmod(number, PLAIN_BASE)
        gain, width = divmod(rest >> 1, len(REPAIRS))
        if plain > 1 or (plain and width):
            raise DamagedStreamError(f"the header names setting {number}; there is none")
        return PhotoSetting(gain, PLAIN if plain else REPAIRS[width], bool(number & 1))


def check_width(width: str | None) -> None:
    """Raises OptionError where the synthesis has no such width."""
    if width is not None and width not in WIDTHS:
        raise OptionError(f"unknown synthesis {width!r}; there are: {', '.join(WIDTHS)}")


@dataclass(frozen=True)
class DecodedPhoto:
    """What a stream holds.

    Attributes:
        image: of mode "RGB", or "L" where there are no colours.
        segments: as far as the bytes go.
        macs: multiply-accumulates of decoding.
        truncated: bytes are missing.
    """

    image: Image.Image
    segments: list[PhotoSegment]
    macs: int
    truncated: bool


def decode_picture(stream: Stream, width: str | None = None, workers: int | None = None) -> DecodedPhoto:
    """Decodes a stream, as far as its bytes go.

    Args:
        stream: parsed.
        width: of the synthesis, the one that the stream names when None.
        workers: threads.

    Raises:
        DamagedStreamError: a value is impossible.
        OptionError: there is no such width.
        UnknownModelError: it was coded with other weights.
    """
    check_width(width)
    header = stream.header
    setting = _setting_of(header)
    model = load_photo_model()
    values, segments = decode_values(model, stream.payload, header.height, header.width, setting.gain, workers)
    area = values.shape[1] * values.shape[2] * BLOCK**2
    chosen = width or setting.width
    macs = sum(s.macs for s in segments) + synthesis_macs(area, chosen)
    pixels = shown_pixels(model, values, setting, header.height, header.width, chosen)
    image = Image.fromarray(pixels)
    truncated = stream.truncated or not all(s.complete for s in segments)
    return DecodedPhoto(image, segments, macs, truncated)


def decoded_values(model: PhotoModel, data: bytes) -> np.ndarray:
    """The quantised coefficients that a stream holds, as `rlcodec.presets.photo.strips.decode_values`; errors as `decode_picture`."""
    stream = unpack(data)
    check_fingerprint(stream.header, model.digest)
    setting = PhotoSetting.from_number(stream.header.bit_budget)
    return decode_values(model, stream.payload, stream.header.height, stream.header.width, setting.gain)[0]


def synthesis_macs(area: int, width: str) -> int:
    """Multiply-accumulates of the synthesis of so many pixels, whole blocks, transforms included."""
    return round(area * (TRANSFORM_MACS + MACS_PER_KMAC * KMAC[width]))


def shown_pixels(
    model: PhotoModel, values: np.ndarray, setting: PhotoSetting, height: int, width: int, synthesis: str
) -> np.ndarray:
    """What decoders show of quantised coefficients, uint8 (height, width, 3), or (height, width) of a gray picture."""
    pixels = render(model, values, setting.gain, synthesis)[:height, :width]
    return to_gray(pixels) if setting.gray else np.ascontiguousarray(pixels)


def _setting_of(header: Header) -> PhotoSetting:
    setting = PhotoSetting.from_number(header.bit_budget)
    check_fingerprint(header, load_photo_model().digest)
    rows, columns = padded_size(header.height, header.width)
    if rows * columns > MOST_PIXELS + BLOCK * (rows + columns):
        raise DamagedStreamError(f"the header declares {header.width}x{header.height} pixels, more than {MOST_PIXELS}")
    return setting
