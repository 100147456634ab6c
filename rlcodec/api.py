"""The Python interface of the codec: encode, decode, inspect."""

import warnings
from typing import Any

from PIL import Image

from rlcodec.control.decode_time import Calibration, load_calibration
from rlcodec.core.container import VERSION, Stream, unpack
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.core.segment_choice import STOP
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.errors import MisfitError, OptionError, TruncatedStreamError, TruncatedStreamWarning
from rlcodec.images.gray import ImageLike
from rlcodec.options import LOSSLESS, DecodeOptions, EncodeOptions, options_from, whole_number
from rlcodec.presets.base import Decoded, Encoded, Preset, StreamInfo
from rlcodec.presets.choice import AUTO, EXACT, MOST_BPP_OF_DIGITS, SMALL, WITHOUT_CHOICE, choose_preset
from rlcodec.presets.registry import decode_option_types, encode_option_types, preset_by_name, preset_of

DEFAULT_PRESET = "mnist"


def encode(image: ImageLike, options: EncodeOptions | None = None, *, preset: str = AUTO, **keywords: Any) -> bytes:
    """Encodes an image.

    Without further options a policy makes the decisions, the shipped one if no other is named. The objective weighs distortion
    against bits and the decoder's compute; it is given by name (`objective`) or by numbers (`lambda_rate`, `lambda_compute`,
    `distortion`). `max_bytes`, `min_psnr` and `max_decode_ms` are constraints that the stream meets.

    Args:
        image: a PIL image, a path, or a uint8 array; preset "mnist" takes 8-bit gray, "photo" and "compact" anything that
            Pillow reads, and "raster" does so with alpha.
        options: the preset's options as a dataclass, for instance an `rlcodec.presets.photo.options.PhotoOptions`.
        preset: name of the preset; by default the one of the options, or the one that suits the image: "mnist" for small gray
            images, "raster" for what must be exact or looks drawn all over, "photo" for all others.
        **keywords: instead of `options`, the fields of that dataclass: `policy`, `objective`, `lambda_rate`, `lambda_compute`,
            `distortion`, `lossless`, `max_bytes`, `min_psnr`, `max_decode_ms`, `max_pixels` and `workers` (see
            `rlcodec.options.EncodeOptions`); for "mnist" also `bit_budget`, `tier` and `rows`; for "photo" `gain`,
            `synthesis`, `aq_strength`, `predictor` and `raster_areas`; for "compact" `bit_budget` and `tier`; for "raster"
            `predictor` and `max_error`.

    Returns:
        The stream.

    Raises:
        ImageError: the image cannot be coded.
        OptionError: options contradict each other, are out of range, or belong to another preset.
        MisfitError: an OptionError about this image alone: constraints that it cannot meet, of which the message names the
            nearest that it can; or more bits or rows than it has.
        PolicyError: the policy file is broken or belongs to another codec.
        DataError: `max_decode_ms` is given and this machine has no usable calibration.

    Example:
        >>> import numpy as np, rlcodec
        >>> digit = np.zeros((28, 28), np.uint8)
        >>> digit[8:20, 13:15] = 255
        >>> data = rlcodec.encode(digit, lossless=True)
        >>> bool((np.asarray(rlcodec.decode(data)) == digit).all())
        True
    """
    return encode_image(image, options, preset=preset, **keywords).data


def encode_image(image: ImageLike, options: EncodeOptions | None = None, *, preset: str = AUTO, **keywords: Any) -> Encoded:
    """As `encode`, and also returns what was coded, what it cost and what decoders show."""
    if preset == AUTO:
        if options is None:
            return _encode_suitably(image, keywords)
        preset = _preset_of_options(options)
    codec = preset_by_name(preset)
    return codec.encode(image, encode_options(codec, options, keywords))


def _encode_suitably(image: ImageLike, keywords: dict[str, Any]) -> Encoded:
    """Encodes by the preset that suits an image; small gray images that are no digits also exactly by the raster-encoder."""
    codec = preset_by_name(choose_preset(image, keywords))
    encoded = codec.encode(image, encode_options(codec, None, keywords))
    free = not set(keywords) - {*WITHOUT_CHOICE, LOSSLESS}
    if codec.name == SMALL and free and encoded.bits > MOST_BPP_OF_DIGITS * encoded.original.size:
        exact = preset_by_name(EXACT)
        other = exact.encode(encoded.original, encode_options(exact, None, keywords))
        return other if len(other.data) <= len(encoded.data) else encoded
    return encoded


def _preset_of_options(options: EncodeOptions) -> str:
    """Name of the preset whose options dataclass an instance is of."""
    for name, kind in encode_option_types().items():
        if type(options) is kind:
            return name
    raise OptionError(f"{type(options).__name__} is the options of no preset")


def encode_options(preset: Preset, options: EncodeOptions | None, keywords: dict[str, Any]) -> EncodeOptions:
    """The options of encoding that a call means.

    Args:
        preset: the preset.
        options: an instance of its options dataclass, or None.
        keywords: fields of the dataclass by name, instead of an instance.

    Raises:
        OptionError: both are given, the instance is of another preset's dataclass, or a keyword is unknown, belongs to another
            preset or has an invalid value.
    """
    if options is None:
        return options_from(keywords, preset.name, encode_option_types())
    if keywords:
        raise OptionError(f"give either options or keywords ({', '.join(keywords)})")
    if not isinstance(options, preset.options):
        raise OptionError(f"preset {preset.name} takes {preset.options.__name__}, not {type(options).__name__}")
    return options


def parse(data: bytes, max_pixels: int = MAX_PIXELS) -> Stream:
    """Parses a stream.

    Args:
        data: bytes, or anything that shares their memory.
        max_pixels: the most that it may declare.

    Raises:
        OptionError: these are no bytes, or `max_pixels` is no whole number.
        StreamError: as `decode`, if the header is at fault.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise OptionError(f"decode takes bytes, not {type(data).__name__}")
    return unpack(bytes(data), whole_number("max_pixels", max_pixels) or 0)


def decode(
    data: bytes,
    options: DecodeOptions | None = None,
    *,
    partial: bool = True,
    max_pixels: int = MAX_PIXELS,
    **keywords: Any,
) -> Image.Image:
    """Decodes a stream, whole or cut at any byte behind its header.

    Args:
        data: the stream.
        options: the decoding options of the stream's preset as a dataclass.
        partial: what to do with a stream that was cut: give the best image that its bytes allow, with a
            `TruncatedStreamWarning`, or raise.
        max_pixels: streams that declare more are refused before anything is allocated; 2**28 are the most.
        **keywords: instead of `options`, its fields: `workers`; for "photo" also `synthesis`, "plain", "light" or "full",
            instead of the one that the stream names.

    Returns:
        An image of mode "L", or "RGB" if there are colours.

    Raises:
        TruncatedStreamError: the header is cut, or anything is and `partial` is false.
        DamagedStreamError: a byte was changed.
        TooLargeError: it declares more than `max_pixels`.
        UnknownModelError: a version or model that is not installed.
        StreamError: this is not a stream.
        OptionError: an option has an impossible value; a MisfitError if it is one of another preset.
    """
    return Image.fromarray(decode_stream(parse(data, max_pixels), options, partial=partial, **keywords).picture)


def decode_stream(stream: Stream, options: DecodeOptions | None = None, *, partial: bool = True, **keywords: Any) -> Decoded:
    """As `decode`, for a parsed stream, and also returns its segments and what they cost."""
    preset = preset_of(stream.header)
    decoded = preset.decode(stream, decode_options(preset, options, keywords))
    if decoded.truncated:
        report_cut(stream, partial)
    return decoded


def decode_options(preset: Preset, options: DecodeOptions | None, keywords: dict[str, Any]) -> DecodeOptions:
    """The options of decoding that a call means; arguments as those of `encode_options`.

    Raises:
        MisfitError: an option, or the dataclass, is for streams of other presets.
        OptionError: there is no such option, or a value is invalid.
    """
    if options is None and not keywords:
        return preset.decode_options()
    if options is None:
        return options_from(keywords, preset.name, decode_option_types(), MisfitError)
    if not isinstance(options, preset.decode_options):
        raise MisfitError(f"the stream is of preset {preset.name}, which does not take {type(options).__name__}")
    return options


def report_cut(stream: Stream, partial: bool) -> None:
    """Reports how many bytes a cut stream lacks.

    Args:
        stream: the stream.
        partial: whether to warn with a `TruncatedStreamWarning` rather than raise.

    Raises:
        TruncatedStreamError: no partial image is wanted.
    """
    size_bytes = len(stream.payload) + stream.header.header_bytes
    missing = stream.header.payload_bytes - len(stream.payload)
    message = f"the stream is cut: {missing} of its {size_bytes + missing} bytes are missing"
    if not partial:
        raise TruncatedStreamError(f"{message}; ask for a partial image to see what is left")
    warnings.warn(message, TruncatedStreamWarning, stacklevel=4)


def inspect(data: bytes, *, max_pixels: int = MAX_PIXELS) -> StreamInfo:
    """Describes a stream: segments, bits, compute and where it stops. The stream is decoded for that.

    Args:
        data: the stream.
        max_pixels: as `decode`.

    Raises:
        StreamError: as `decode`, but a cut stream is described as far as its bytes go.
    """
    stream = parse(data, max_pixels)
    preset = preset_of(stream.header)
    decoded, header = preset.decode(stream, preset.decode_options()), stream.header
    sent = [s for s in decoded.segments if s.tier != STOP and s.complete]
    pixels, size = header.height * header.width, header.header_bytes + len(stream.payload)
    return StreamInfo(
        preset=preset.name,
        version=VERSION,
        model_digest=preset.weights().digest,
        height=header.height,
        width=header.width,
        settings=decoded.settings,
        choice=decoded.choice,
        segments=decoded.segments,
        stopped_after=f"{sent[-1].segment.kind} {sent[-1].segment.index}" if sent else None,
        lossless=decoded.lossless,
        truncated=decoded.truncated,
        header_bytes=header.header_bytes,
        payload_bytes=len(stream.payload),
        size_bytes=size,
        rate_bpp=8 * size / pixels,
        decoder_kmac_per_pixel=decoded.decoder_macs / MACS_PER_KMAC / pixels,
        details=decoded.details,
    )


def predicted_decode_ms(info: StreamInfo, calibration: Calibration | None = None) -> float:
    """Predicted milliseconds of decoding a stream on this machine.

    Args:
        info: of the stream, from `inspect`.
        calibration: of this machine; if None, the one that `rlcodec calibrate` saved.

    Raises:
        DataError: there is no usable calibration.
    """
    preset = preset_by_name(info.preset)
    calibration = calibration or load_calibration()
    return calibration.predicted_ms(preset.name, preset.weights().digest, preset.decode_work(info))
