"""Encoding a photograph: at a gain, or as the goals ask that people name, so many bytes at most or so many dB at least.

A gain is a step of half a decibel. What is left between the goal and the nearest gain is taken up by the encoder's own lambda,
the weight of bits when coefficients are rounded, of which decoders know nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rlcodec.color_images import ColorImage, check_pixels
from rlcodec.errors import OptionError
from rlcodec.metrics import psnr_db
from rlcodec.photo.codec import WEIGHT, encode_photo
from rlcodec.photo.model import load_photo_model
from rlcodec.photo.raster import GAINS
from rlcodec.photo.stream import PhotoSetting, check_width, shown_pixels
from rlcodec.presets import PHOTO
from rlcodec.stream import pack

DEFAULT_GAIN, DEFAULT_WIDTH = 26, "light"
"""The full width takes four times the compute for one or two per cent of the rate."""
WEIGHTS = (WEIGHT / 3, 2 * WEIGHT)
"""The least and the most that bits weigh; beyond, another gain is better."""
TRIALS = 4
"""Encodings that the search for a weight takes at most."""
FIRST_GAIN = 24
DB_PER_GAIN, DB_NEAR = 0.5, 0.04
BYTES_PER_GAIN, BYTES_NEAR = 0.09, 0.006
"""In natural logarithms of bytes."""


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
        data = pack(PHOTO, self.model.fingerprint, height, width, setting.to_number(), coded.payload())
        if not look:
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
    asked = goals != Goals()
    if gain is not None and asked:
        raise OptionError("give either gain, or max_bytes and min_psnr")
    if gain is not None and not 0 <= gain < GAINS:
        raise OptionError(f"gain is {gain}; there are 0 to {GAINS - 1}")
    check_width(width)
    check_pixels(picture)
    encoder = Encoder(picture, width or DEFAULT_WIDTH, workers)
    if not asked:
        return encoder.attempt(DEFAULT_GAIN if gain is None else gain, look=False).data
    if goals.min_psnr is None:
        return _largest_within(encoder, goals.max_bytes or 0).data
    found = _smallest_as_good(encoder, goals.min_psnr)
    if goals.max_bytes is not None and len(found.data) > goals.max_bytes:
        raise OptionError(f"{goals.min_psnr:g} dB take {len(found.data)} bytes of this picture, more than {goals.max_bytes}")
    return found.data


def _largest_within(encoder: Encoder, most: int) -> Attempt:
    """The best stream of at most so many bytes."""
    search = Search(
        lambda gain, weight: encoder.attempt(gain, weight, look=False),
        lambda attempt: -math.log(len(attempt.data)), -math.log(max(most, 1)), BYTES_PER_GAIN, WEIGHTS[0], BYTES_NEAR,
    )  # fmt: skip
    found = search.run(range(GAINS))
    if found is None:
        least = len(encoder.attempt(GAINS - 1, look=False).data)
        raise OptionError(f"no stream of this picture is as small as {most} bytes; the smallest has {least}")
    return found


def _smallest_as_good(encoder: Encoder, wanted: float) -> Attempt:
    """The smallest stream of at least so many dB."""
    search = Search(encoder.attempt, lambda attempt: attempt.psnr, wanted, DB_PER_GAIN, WEIGHTS[1], DB_NEAR)
    found = search.run(range(GAINS - 1, -1, -1))
    if found is None:
        raise OptionError(f"no stream of this picture has {wanted:g} dB; the finest has {encoder.attempt(0).psnr:.2f}")
    return found


@dataclass(frozen=True)
class Search:
    """Looks for the first gain at which a score is enough, and then for the weight at which it is just enough.

    Scores are nearly straight lines over gains and over the logarithm of weights, so the next trial is where the line through
    the last two would be just enough.

    Attributes:
        attempt: encodes at a gain and a weight.
        score: of an attempt.
        wanted: the least score.
        slope: how much a score grows from one gain to the next, about.
        limit: the weight at which a score is least.
        near: a score that exceeds what is wanted by less is just enough.
    """

    attempt: Callable[[int, float], Attempt]
    score: Callable[[Attempt], float]
    wanted: float
    slope: float
    limit: float
    near: float

    def run(self, gains: range) -> Attempt | None:
        """The attempt that is just enough; None where none is. Scores grow along the gains."""
        low, high = -1, len(gains)
        scores: dict[int, float] = {}
        found, at = None, gains.index(FIRST_GAIN)
        while high - low > 1:
            tried = self.attempt(gains[at], WEIGHT)
            scores[at] = self.score(tried)
            if scores[at] >= self.wanted:
                found, high = tried, at
            else:
                low = at
            slope = (scores[high] - scores[low]) / (high - low) if low in scores and high in scores else self.slope
            start = low if low in scores else high
            guess = start + math.ceil((self.wanted - scores[start]) / max(slope, 1e-9))
            at = min(max(guess, low + 1), high - 1)
        return found and self._nearest(gains[high], found)

    def _nearest(self, gain: int, found: Attempt) -> Attempt:
        """From WEIGHT towards the limit, in logarithms, the furthest at which the score is enough."""
        enough, too_far, failed, fall = 0.0, 1.0, False, self.slope
        start = reached = self.score(found)
        for _ in range(TRIALS):
            if reached - self.wanted < self.near or enough >= too_far:
                break
            margin = (too_far - enough) / 10
            guess = (start - self.wanted - self.near / 2) / fall
            step = min(max(guess, enough + margin), too_far - margin if failed else too_far)
            tried = self.attempt(gain, WEIGHT * (self.limit / WEIGHT) ** step)
            score = self.score(tried)
            fall = max(start - score, 1e-6) / step
            if score >= self.wanted:
                found, reached, enough = tried, score, step
            else:
                too_far, failed = step, True
        return found
