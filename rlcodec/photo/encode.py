"""Encoding a photograph: at a gain, or as the goals ask that people name, so many bytes at most or so many dB at least.

A gain is a step of half a decibel. What is left between the goal and the nearest gain is taken up by the encoder's own lambda,
the weight of bits when coefficients are rounded, of which decoders know nothing.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

from rlcodec.color_images import ColorImage
from rlcodec.errors import OptionError
from rlcodec.metrics import psnr_db
from rlcodec.photo.codec import WEIGHT, encode_photo, pack_segments
from rlcodec.photo.model import load_photo_model
from rlcodec.photo.raster import GAINS
from rlcodec.photo.stream import PhotoSetting, check_width, shown_pixels
from rlcodec.presets import MOST_PIXELS, PHOTO
from rlcodec.stream import pack

DEFAULT_GAIN, DEFAULT_WIDTH = 26, "light"
"""The full width takes four times the compute for one or two per cent of the rate."""
WEIGHTS = (WEIGHT / 3, 2 * WEIGHT)
"""The least and the most that bits weigh; beyond, another gain is better."""
TRIALS = 5
"""Encodings that the search for a weight takes."""


@dataclass(frozen=True)
class Goals:
    """What a photograph's stream should keep to; None where anything goes.

    Attributes:
        max_bytes: of the whole stream, at most.
        min_psnr: of the decoded picture, at least, in dB.
    """

    max_bytes: int | None = None
    min_psnr: float | None = None


@dataclass(frozen=True)
class Attempt:
    """A stream and the PSNR that decoders find in it; NaN where nobody asked."""

    data: bytes
    psnr: float


class Encoder:
    """Encodes one picture again and again."""

    def __init__(self, picture: ColorImage, width: str, workers: int | None):
        self.picture, self.width, self.workers = picture, width, workers
        self.model = load_photo_model()
        self.original = picture.pixels[..., 0] if picture.gray else picture.pixels

    def attempt(self, gain: int, weight: float = WEIGHT, look: bool = True) -> Attempt:
        """The stream at a gain and a weight of bits; with `look`, decodes it as well."""
        height, width = self.picture.pixels.shape[:2]
        setting = PhotoSetting(gain, self.width, self.picture.gray)
        coded = encode_photo(self.model, self.picture.pixels, gain, weight, self.workers, keep=look)
        data = pack(PHOTO, self.model.fingerprint, height, width, setting.to_number(), pack_segments(coded.segments))
        if coded.values is None:
            return Attempt(data, float("nan"))
        return Attempt(data, psnr_db(self.original, shown_pixels(self.model, coded.values, setting, height, width, self.width)))


def encode_picture(
    picture: ColorImage,
    gain: int | None = None,
    goals: Goals = Goals(),
    width: str | None = None,
    workers: int | None = None,
) -> bytes:
    """Encodes a picture.

    Args:
        picture: what to code.
        gain: index of the quantiser's setting, 0 the finest; DEFAULT_GAIN when neither this nor a goal is given.
        goals: with `min_psnr` the stream is about as small as it may be; with `max_bytes` alone, as good as it may be.
        width: of the synthesis that decoders should use, and by which quality is judged; DEFAULT_WIDTH when None.
        workers: threads.

    Raises:
        OptionError: options contradict each other, or the goals cannot be met; the message names the nearest that can.
    """
    asked = goals.max_bytes is not None or goals.min_psnr is not None
    if gain is not None and asked:
        raise OptionError("give either gain, or max_bytes and min_psnr")
    if gain is not None and not 0 <= gain < GAINS:
        raise OptionError(f"gain is {gain}; there are 0 to {GAINS - 1}")
    check_width(width)
    if picture.pixels.shape[0] * picture.pixels.shape[1] > MOST_PIXELS:
        raise OptionError(f"the picture has more than {MOST_PIXELS} pixels")
    encoder = Encoder(picture, width or DEFAULT_WIDTH, workers)
    if not asked:
        return encoder.attempt(DEFAULT_GAIN if gain is None else gain, look=False).data
    if goals.min_psnr is None:
        return _largest_within(encoder, operator.index(goals.max_bytes or 0)).data
    found = _smallest_as_good(encoder, goals.min_psnr)
    if goals.max_bytes is not None and len(found.data) > goals.max_bytes:
        raise OptionError(f"{goals.min_psnr:g} dB take {len(found.data)} bytes of this picture, more than {goals.max_bytes}")
    return found.data


def _largest_within(encoder: Encoder, most: int) -> Attempt:
    """The best stream of at most so many bytes."""

    def fits(attempt: Attempt) -> bool:
        return len(attempt.data) <= most

    gain, found = _first_gain(range(GAINS), lambda gain: encoder.attempt(gain, look=False), fits)
    if found is None:
        least = len(encoder.attempt(GAINS - 1, look=False).data)
        raise OptionError(f"no stream of this picture is as small as {most} bytes; the smallest has {least}")
    return _nearest(lambda weight: encoder.attempt(gain, weight, look=False), WEIGHTS[0], found, fits)


def _smallest_as_good(encoder: Encoder, wanted: float) -> Attempt:
    """The smallest stream of at least so many dB."""

    def good(attempt: Attempt) -> bool:
        return attempt.psnr >= wanted

    gain, found = _first_gain(range(GAINS - 1, -1, -1), encoder.attempt, good)
    if found is None:
        raise OptionError(f"no stream of this picture has {wanted:g} dB; the finest has {encoder.attempt(0).psnr:.2f}")
    return _nearest(lambda weight: encoder.attempt(gain, weight), WEIGHTS[1], found, good)


def _first_gain(
    gains: range, attempt: Callable[[int], Attempt], holds: Callable[[Attempt], bool]
) -> tuple[int, Attempt | None]:
    """By bisection, the first of some gains from which on a condition holds; None where it never does."""
    low, high, found, at = 0, len(gains) - 1, None, 0
    while low <= high:
        middle = (low + high) // 2
        tried = attempt(gains[middle])
        if holds(tried):
            found, at, high = tried, middle, middle - 1
        else:
            low = middle + 1
    return gains[at], found


def _nearest(attempt: Callable[[float], Attempt], limit: float, found: Attempt, holds: Callable[[Attempt], bool]) -> Attempt:
    """By bisection between WEIGHT and a limit, the attempt furthest from WEIGHT for which a condition holds."""
    near, far = WEIGHT, limit
    for _ in range(TRIALS):
        middle = (near * far) ** 0.5
        tried = attempt(middle)
        if holds(tried):
            found, near = tried, middle
        else:
            far = middle
    return found
