"""The codec's Python interface: encode, decode, inspect."""

import operator
import os
import warnings
from dataclasses import dataclass, replace

from PIL import Image

from rlcodec.control.constraints import Limits
from rlcodec.control.decode_time import load_calibration
from rlcodec.control.objective import resolve_objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.container import VERSION, Stream, unpack
from rlcodec.core.preset_ids import COMPACT, MAX_PIXELS, PHOTO
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT, STOP, TIERS
from rlcodec.core.segments import MACS_PER_KMAC, CodedSegment, Segment
from rlcodec.errors import MisfitError, OptionError, TruncatedStreamError, TruncatedStreamWarning
from rlcodec.images.color import read_color
from rlcodec.images.gray import ImageLike, read_gray
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.constrained_search import encode_exactly, encode_within
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.policy import encode_under_policy
from rlcodec.presets.mnist.session import Session, start_session
from rlcodec.presets.mnist.weights import load_model


@dataclass(frozen=True)
class StreamInfo:
    """What `inspect` tells of a stream.

    Attributes:
        preset: name of the preset.
        version: of the format.
        model_digest: SHA-256 of the model that decodes it, hexadecimal.
        height: pixels.
        width: pixels.
        bit_budget: binary latents that the encoder kept; of photographs the number that stands for gain and synthesis.
        choice: what the encoder chose, in words.
        segments: every segment with its tier, bits and kMAC.
        stopped_after: the last segment that was sent, e.g. "pixels 12", or None when nothing was.
        lossless: every pixel was sent.
        scan: the rows were coded by way of a scan.
        truncated: bytes are missing at the end.
        header_bytes: framing, checksum included.
        payload_bytes: bytes of the range-coded payload that are there.
        size_bytes: of the whole stream.
        rate_bpp: bits per pixel, all framing counted.
        decoder_kmac_per_pixel: compute that decoding takes.
    """

    preset: str
    version: int
    model_digest: str
    height: int
    width: int
    bit_budget: int
    choice: str
    segments: tuple[CodedSegment, ...]
    stopped_after: str | None
    lossless: bool
    scan: bool
    truncated: bool
    header_bytes: int
    payload_bytes: int
    size_bytes: int
    rate_bpp: float
    decoder_kmac_per_pixel: float


def encode(
    image: ImageLike,
    *,
    preset: str = "mnist",
    policy: str | os.PathLike[str] | None = None,
    objective: str | None = None,
    lambda_rate: float | None = None,
    lambda_compute: float | None = None,
    distortion: str | None = None,
    lossless: bool = False,
    bit_budget: int | None = None,
    tier: str | None = None,
    rows: int | None = None,
    gain: int | None = None,
    max_bytes: int | None = None,
    min_psnr: float | None = None,
    max_decode_ms: float | None = None,
    synthesis: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> bytes:
    """Encodes an image.

    Preset "mnist": a policy makes the choices, the shipped one when none is named. `lossless` codes every pixel exactly
    instead; `bit_budget`, `tier` and `rows` set the choices by hand. `max_bytes`, `min_psnr` and `max_decode_ms` are limits
    that the policy's or the lossless stream keeps to. Preset "photo": a policy likewise, with the same limits, or `gain`; where
    a limit stands without an objective the stream comes as near to it as it may. Preset "compact": `bit_budget` and `tier`, or
    the same limits and an objective, under which the best of all choices is found; a policy may make them, none is shipped.

    Args:
        image: a PIL image, a path, or a uint8 array; for preset "mnist" 8-bit gray, for the others anything that
            Pillow reads.
        preset: whose model to use.
        policy: a policy file that `rlcodec export` wrote; the shipped one, where there is one, if not given.
        objective: "small", "balanced", "fast" or "lossless".
        lambda_rate: distortion that a bit per pixel is worth; with it the objective is set by numbers.
        lambda_compute: distortion that a decoder kMAC per pixel is worth.
        distortion: what the lambdas are measured in: "mse" on the scale 0 to 255 (the default), "psnr" or "ms-ssim" in dB.
        lossless: give every pixel back exactly.
        bit_budget: binary latents to keep.
        tier: "table", "context" or "lm", for every segment; latents take "context" where "lm" is named.
        rows: rows of pixels to send after the latents; all when `bit_budget` or `tier` is set and this is not.
        gain: the quantiser's setting, 0 the finest to 47.
        max_bytes: of the whole stream, which is then as fine as it may be.
        min_psnr: of the decoded picture, in dB, at least; the stream is then about as small as it may be. Infinity asks for
            every pixel exactly.
        max_decode_ms: predicted milliseconds of decoding on this machine, at most, as `rlcodec calibrate` measured it;
            lambda_compute is raised as little as it takes.
        synthesis: "plain", "light" or "full", what decoders of a photograph should spend on its repair; what the policy chooses
            if not given, or "light" at a `gain` or a limit.
        max_pixels: larger images are refused before they are read; 2**28 are the most.

    Returns:
        The stream.

    Raises:
        ImageError: the image cannot be coded.
        OptionError: options contradict each other or make no sense.
        MisfitError: an OptionError about this image alone: limits that it cannot meet, of which the message names the nearest
            that it can; or more bits or rows than it has.
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
    by_policy = (policy, objective, lambda_rate, lambda_compute, distortion)
    for_photo, limits, of_latent = (gain, synthesis), (max_bytes, min_psnr, max_decode_ms), (bit_budget, tier)
    if preset == PHOTO.name:
        if lossless or objective == "lossless" or any(option is not None for option in (*of_latent, rows)):
            raise OptionError("preset photo is lossy; it takes gain, a policy and its objective, limits, and synthesis")
        from rlcodec.presets.photo.constrained_search import encode_picture
        from rlcodec.presets.photo.decisions import NAMED

        goal, limited = None, any(option is not None for option in limits)
        if any(option is not None for option in by_policy) or (gain is None and not limited):
            goal = resolve_objective(objective, lambda_rate, lambda_compute, distortion, NAMED)
        return encode_picture(
            read_color(image, PHOTO, max_pixels),
            policy,
            _whole("gain", gain),
            goal,
            Limits(_whole("max_bytes", max_bytes), min_psnr, max_decode_ms),
            synthesis,
            load_calibration() if max_decode_ms is not None else None,
        )
    if any(option is not None for option in for_photo):
        raise OptionError("gain and synthesis are for preset photo")
    if preset == COMPACT.name:
        goal_given, limited = (any(option is not None for option in given) for given in (by_policy, limits))
        by_hand = any(option is not None for option in of_latent)
        if lossless or objective == "lossless" or ((goal_given or limited) and by_hand) or rows is not None:
            raise OptionError("preset compact is lossy; it takes bit_budget and tier, or an objective, a policy and limits")
        if goal_given or limited:
            from rlcodec.presets.compact.constrained_search import encode_picture as encode_best
            from rlcodec.presets.compact.decisions import NAMED

            return encode_best(
                read_color(image, COMPACT, max_pixels),
                policy,
                resolve_objective(objective, lambda_rate, lambda_compute, distortion, NAMED) if goal_given else None,
                Limits(_whole("max_bytes", max_bytes), min_psnr, max_decode_ms),
                load_calibration() if max_decode_ms is not None else None,
            )
        from rlcodec.presets.compact.decoder import encode_picture as encode_compact

        return encode_compact(read_color(image, COMPACT, max_pixels), _whole("bit_budget", bit_budget), tier)
    return encode_image(
        image, preset=preset, policy=policy, objective=objective, lambda_rate=lambda_rate,
        lambda_compute=lambda_compute, distortion=distortion, lossless=lossless, bit_budget=bit_budget, tier=tier, rows=rows,
        max_bytes=max_bytes, min_psnr=min_psnr, max_decode_ms=max_decode_ms,
    ).data  # fmt: skip


def encode_image(
    image: ImageLike,
    *,
    preset: str = "mnist",
    policy: str | os.PathLike[str] | None = None,
    objective: str | None = None,
    lambda_rate: float | None = None,
    lambda_compute: float | None = None,
    distortion: str | None = None,
    lossless: bool = False,
    bit_budget: int | None = None,
    tier: str | None = None,
    rows: int | None = None,
    max_bytes: int | None = None,
    min_psnr: float | None = None,
    max_decode_ms: float | None = None,
) -> Encoded:
    """As `encode` of preset "mnist", and tells how the stream came about."""
    if preset in (PHOTO.name, COMPACT.name):
        raise OptionError("encode_image is for preset mnist; take encode")
    model = load_model(preset)
    pixels = read_gray(image, model.preset)
    bit_budget, rows = _whole("bit_budget", bit_budget), _whole("rows", rows)
    by_hand = bit_budget is not None or tier is not None or rows is not None
    by_policy = any(option is not None for option in (policy, objective, lambda_rate, lambda_compute, distortion))
    if by_hand + by_policy + lossless > 1:
        raise OptionError("choose one of: lossless; bit_budget, tier and rows; or policy, objective and lambdas")
    limits = Limits(_whole("max_bytes", max_bytes), min_psnr, max_decode_ms)
    limited = limits != Limits()
    if limited and by_hand:
        raise OptionError("max_bytes, min_psnr and max_decode_ms leave bit_budget, tier and rows to the policy")
    calibration = load_calibration() if max_decode_ms is not None else None
    if lossless or (objective == "lossless" and lambda_rate is None and lambda_compute is None and distortion is None):
        if limited:
            return encode_exactly(model, pixels, limits, calibration)
        return encode_with(model, pixels, 0, constant_choices(CONTEXT))
    if by_hand:
        if tier is not None and tier not in TIERS:
            raise OptionError(f"unknown tier {tier!r}; there are: {', '.join(TIERS)}")
        chosen = TIERS.index(tier) if tier is not None else CONTEXT
        return encode_with(model, pixels, bit_budget or 0, constant_choices(chosen, rows))
    goal = resolve_objective(objective, lambda_rate, lambda_compute, distortion)
    chosen_policy = load_policy(policy, model)
    if limited:
        return encode_within(chosen_policy, model, pixels, goal, limits, calibration)
    return encode_under_policy(chosen_policy, model, pixels, goal)


def _whole(name: str, value: int | None) -> int | None:
    try:
        return None if value is None else operator.index(value)
    except TypeError as error:
        raise OptionError(f"{name} is {value!r}; give a whole number") from error


def parse(data: bytes, max_pixels: int = MAX_PIXELS) -> Stream:
    """As `rlcodec.core.container.unpack`, and raises OptionError where these are no bytes."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise OptionError(f"decode takes bytes, not {type(data).__name__}")
    return unpack(bytes(data), max_pixels)


def start_decoder(stream: Stream) -> Session:
    """A session that will decode a stream of preset "mnist"; see `decode` for the errors."""
    return start_session(load_model(stream.header.preset.name), stream)


def decode(data: bytes, *, partial: bool = True, synthesis: str | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes a stream.

    Args:
        data: the stream.
        partial: what to do with a stream that was cut: give the best image that its bytes allow, with a
            `TruncatedStreamWarning`, or raise.
        synthesis: "plain", "light" or "full", for photographs; what the stream names if not given.
        max_pixels: streams that declare more are refused before anything is allocated; 2**28 are the most.

    Returns:
        An image of mode "L", or "RGB" for photographs with colours.

    Raises:
        TruncatedStreamError: the header is cut, or anything is and `partial` is false.
        DamagedStreamError: a byte was changed.
        TooLargeError: it declares more than `max_pixels`.
        UnknownModelError: a version or model that is not installed.
        StreamError: this is not a stream.
        OptionError: there is no such synthesis, or, as a MisfitError, it is for other streams.
    """
    stream = parse(data, max_pixels)
    truncated = stream.truncated
    if stream.header.preset is PHOTO:
        from rlcodec.presets.photo.decoder import decode_picture

        decoded = decode_picture(stream, synthesis)
        image, truncated = decoded.image, decoded.truncated
    elif synthesis is not None:
        raise MisfitError("synthesis is for streams of preset photo")
    elif stream.header.preset is COMPACT:
        from rlcodec.presets.compact.decoder import decode_picture as decode_compact

        image = decode_compact(stream).image
    else:
        session = start_decoder(stream)
        session.run_all()
        image = Image.fromarray(session.picture())
    if truncated:
        report_cut(stream, partial)
    return image


def report_cut(stream: Stream, partial: bool) -> None:
    """Says what a cut stream lacks: warns, or raises TruncatedStreamError where no partial image is wanted."""
    there = len(stream.payload) + stream.header.header_bytes
    missing = stream.header.payload_bytes - len(stream.payload)
    message = f"the stream is cut: {missing} of its {there + missing} bytes are missing"
    if not partial:
        raise TruncatedStreamError(f"{message}; ask for a partial image to see what is left")
    warnings.warn(message, TruncatedStreamWarning, stacklevel=3)


def inspect(data: bytes, *, max_pixels: int = MAX_PIXELS) -> StreamInfo:
    """Tells what a stream holds, by decoding it.

    Args:
        data: the stream.
        max_pixels: as `decode`.

    Raises:
        StreamError: as `decode`; a cut stream is described as far as it goes.
    """
    stream = parse(data, max_pixels)
    if stream.header.preset is PHOTO:
        return _inspect_photo(stream)
    if stream.header.preset is COMPACT:
        from rlcodec.presets.compact.decoder import decode_picture
        from rlcodec.presets.compact.weights import load_compact_model

        decoded = decode_picture(stream)
        choice = f"{decoded.bit_budget} bits, {_tiers(decoded.segments)}"
        found = _info(stream, load_compact_model().digest, choice, decoded.segments, False, stream.truncated, decoded.macs)
        return replace(found, bit_budget=decoded.bit_budget)
    session = start_decoder(stream)
    coded = session.run_all()
    lossless = session.rows_done == stream.header.height
    choice = f"{stream.header.bit_budget} bits, {session.rows_done} rows, {_tiers(coded)}"
    return _info(stream, session.model.digest, choice, coded, lossless, stream.truncated, session.macs, session.has_scan)


def _inspect_photo(stream: Stream) -> StreamInfo:
    from rlcodec.presets.photo.decoder import PhotoSetting, decode_picture
    from rlcodec.presets.photo.weights import load_photo_model

    decoded = decode_picture(stream)
    setting = PhotoSetting.from_number(stream.header.bit_budget)
    slices = 1 + max((s.slice for s in decoded.segments if s.size_bytes), default=-1)
    choice = f"gain {setting.gain}, {slices} slices, {setting.width}"
    segments = tuple(
        CodedSegment(Segment(f"slice {s.slice}", s.strip, 0), CONTEXT, 8 * s.size_bytes * COST_UNIT, s.macs, s.complete)
        for s in decoded.segments
    )
    return _info(stream, load_photo_model().digest, choice, segments, False, decoded.truncated, decoded.macs)


def _tiers(segments: tuple[CodedSegment, ...]) -> str:
    used = {s.tier for s in segments if s.tier != STOP}
    return ", ".join(f"tier {TIERS[tier]}" for tier in sorted(used)) or "nothing sent"


def _info(
    stream: Stream,
    digest: str,
    choice: str,
    segments: tuple[CodedSegment, ...],
    lossless: bool,
    truncated: bool,
    macs: int,
    scan: bool = False,
) -> StreamInfo:
    header = stream.header
    sent = [s for s in segments if s.tier != STOP and s.complete]
    pixels = header.height * header.width
    size = header.header_bytes + len(stream.payload)
    return StreamInfo(
        preset=header.preset.name,
        version=VERSION,
        model_digest=digest,
        height=header.height,
        width=header.width,
        bit_budget=header.bit_budget,
        choice=choice,
        segments=segments,
        stopped_after=f"{sent[-1].segment.kind} {sent[-1].segment.index}" if sent else None,
        lossless=lossless,
        scan=scan,
        truncated=truncated,
        header_bytes=header.header_bytes,
        payload_bytes=len(stream.payload),
        size_bytes=size,
        rate_bpp=8 * size / pixels,
        decoder_kmac_per_pixel=macs / MACS_PER_KMAC / pixels,
    )
