"""Encoding a photograph: at a gain, under a policy, or within limits that people name: so many bytes, dB, milliseconds.

What is searched for a limit is one number, the gain and between two gains the encoder's own lambda, the weight of bits when
coefficients are rounded, of which decoders know nothing. The policy's predictions say where to begin, so that few encodes are
needed; each is measured, and only what was measured comes back.
"""

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rlcodec.control.constraints import Limits
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import Policy, load_policy
from rlcodec.core.metrics import psnr_db
from rlcodec.core.preset_ids import PHOTO
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.errors import MisfitError, OptionError
from rlcodec.images.color import ColorImage, check_pixels
from rlcodec.presets.mnist.constrained_search import least_compute
from rlcodec.presets.photo.coefficient_coder import GAINS, SLICE_COUNT
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES, KINDS, Prospect, expect, photo_features
from rlcodec.presets.photo.decode_cost import photo_work
from rlcodec.presets.photo.decoder import PhotoSetting, check_width, shown_pixels
from rlcodec.presets.photo.policy import Choice, choose_under_policy, pack_photo
from rlcodec.presets.photo.strips import WEIGHT, CodedStrip, encode_photo, strips_of
from rlcodec.presets.photo.transform import padded_size
from rlcodec.presets.photo.weights import load_photo_model

DEFAULT_WIDTH = "light"
"""Where nothing asks for another; the full width takes four times the compute for one or two per cent of the rate."""
WHOLE_GAIN = {"max_bytes": 0.68, "min_psnr": 1.3}
"""By how much the weight of bits changes when it stands for a whole gain: down to more bytes, or up to fewer."""
NEAR = {"max_bytes": 0.010, "min_psnr": 0.06}
"""What keeps to a limit by less is near enough: natural logarithm of bytes, and dB."""
TRIALS = 5
"""Encodes within one gain that a search takes at most."""


@dataclass(frozen=True)
class Attempt:
    """A stream and what is known of it.

    Attributes:
        data: the whole stream.
        psnr: that decoders find, in dB; NaN where nobody asked.
        decode_ms: predicted milliseconds of decoding; 0 where nobody asked.
    """

    data: bytes
    psnr: float = math.nan
    decode_ms: float = 0.0

    def keeps(self, limits: Limits) -> bool:
        """Whether it keeps to all limits."""
        return not limits.shortfalls(len(self.data), self.psnr, self.decode_ms)


class Encoder:
    """Encodes one picture again and again.

    Args:
        picture: what to code.
        policy: whose predictions say where to begin.
        limits: what streams should keep to.
        calibration: of this machine, where decoding is limited.
        workers: threads.
    """

    def __init__(
        self, picture: ColorImage, policy: Policy, limits: Limits, calibration: Calibration | None, workers: int | None
    ):
        self.picture, self.policy, self.limits, self.workers = picture, policy, limits, workers
        self.calibration = calibration
        self.model = load_photo_model()
        self.original = picture.pixels[..., 0] if picture.gray else picture.pixels

    @functools.cached_property
    def strips(self) -> list[np.ndarray]:
        """The picture's coefficients."""
        return strips_of(self.picture.pixels, self.workers)

    @functools.cached_property
    def _expected(self) -> Prospect:
        return expect(self.policy.predictor, photo_features(self.strips, self.workers)[None])

    def attempt(self, gain: int, width: str, weight: float = WEIGHT) -> Attempt:
        """The stream at a gain, a width of the synthesis and a weight of bits."""
        coded = encode_photo(self.model, self.strips, gain, weight, self.workers, keep=self.limits.min_psnr is not None)
        return self.measured(coded, Choice(gain, SLICE_COUNT, width))

    def measured(self, coded: CodedStrip, choice: Choice) -> Attempt:
        """The stream that ends as chosen, with what the limits are about."""
        height, width = self.picture.pixels.shape[:2]
        setting = PhotoSetting(choice.gain, choice.width, self.picture.gray)
        data = pack_photo(coded, self.picture.pixels.shape, setting, choice.slices)
        psnr, decode_ms = math.nan, 0.0
        if self.limits.min_psnr is not None:
            shown = shown_pixels(self.model, coded.up_to(choice.slices), setting, height, width, choice.width)
            psnr = psnr_db(self.original, shown)
        if self.calibration is not None:
            by_strip = coded.macs[:, : choice.slices].sum(1) / MACS_PER_KMAC
            work = photo_work(math.prod(padded_size(height, width)), by_strip.tolist(), choice.width)
            decode_ms = self.calibration.predicted_ms(PHOTO.name, work)
        return Attempt(data, psnr, decode_ms)

    def expected_scores(self, name: str, width: str) -> np.ndarray:
        """What a limit is about at every gain, as predicted, float64 (GAINS,): see `score`."""
        area = self.picture.pixels[..., 0].size
        if name == "max_bytes":
            scores = -np.log(self._expected.rate[0, :, -1] * area / 8)
        else:
            scores = -self._expected.quality[KINDS.index("psnr"), 0, :, -1, ENDINGS.index(width)]
        return np.interp(np.arange(GAINS), GAIN_CHOICES, scores)


def score(name: str, attempt: Attempt) -> float:
    """How well an attempt does by a limit, the more the better: less bytes, in logarithms; dB."""
    return -math.log(len(attempt.data)) if name == "max_bytes" else attempt.psnr


def search(encoder: Encoder, name: str, width: str) -> Attempt | None:
    """The stream that just keeps to one limit, "max_bytes" or "min_psnr"; None where no gain does.

    Along the search's axis scores grow: gains from the finest on for bytes, from the coarsest on for dB. A place between two
    gains is the one that keeps to the limit, with the weight moved towards the other.
    """
    limits = encoder.limits
    wanted = -math.log(max(limits.max_bytes or 0, 1)) if name == "max_bytes" else limits.min_psnr or 0.0
    axis = list(range(GAINS)) if name == "max_bytes" else list(range(GAINS - 1, -1, -1))
    expected = encoder.expected_scores(name, width)[axis]
    error = 0.0
    """Of the predictions, as the last trial showed it."""

    def at(place: float) -> Attempt:
        step = math.ceil(place)
        return encoder.attempt(axis[step], width, WEIGHT * WHOLE_GAIN[name] ** (step - place))

    def predicted(place: float) -> float:
        return float(np.interp(place, np.arange(GAINS), np.maximum.accumulate(expected))) + error

    low, high, found = -1.0, float(GAINS - 1), None
    known: dict[float, float] = {}
    near, target = NEAR[name], wanted + NEAR[name] / 2
    for trial in range(GAINS + TRIALS):
        if high - low < 1e-3 or (found is not None and (trial >= TRIALS or known[high] - wanted < near)):
            break
        place = _next_place(low, high, known, target, predicted, trial)
        tried = at(place)
        known[place] = score(name, tried)
        error += known[place] - predicted(place)
        if known[place] >= wanted:
            found, high = tried, place
        else:
            low = place
    return found


def _next_place(
    low: float,
    high: float,
    known: dict[float, float],
    target: float,
    predicted: Callable[[float], float],
    trial: int,
) -> float:
    """Where to try next: where the last trials' line, or the predictions, meet the target, well inside what is open."""
    if low in known and high in known:
        rise = max((known[high] - known[low]) / (high - low), 1e-6)
        place = low + (target - known[low]) / rise
    else:
        places = np.linspace(max(low, 0.0), high, 16 * GAINS)
        enough = np.flatnonzero([predicted(p) >= target for p in places])
        place = float(places[enough[0]]) if len(enough) else high
        if trial > 2:  # the predictions lead nowhere
            place = (max(low, 0.0) + high) / 2 if high - low > 1 else high
    margin = min((high - max(low, 0.0)) / 20, 0.05)
    lowest = 0.0 if low < 0 else low + margin
    highest = high - margin if high in known else high
    return min(max(place, lowest), highest)


def encode_within(encoder: Encoder, width: str | None) -> bytes:
    """The best stream within the limits: with `min_psnr` about as small as it may be, else as fine.

    Args:
        encoder: of the picture, with the limits.
        width: of the synthesis; where None the widest that decodes in time, or DEFAULT_WIDTH where nothing limits that.

    Raises:
        MisfitError: the limits cannot be met; the message names the nearest that can.
    """
    limits = encoder.limits
    widths = [width] if width else list(reversed(ENDINGS)) if limits.max_decode_ms is not None else [DEFAULT_WIDTH]
    best: list[Attempt] = []
    for one in widths:
        if _bounded(limits):
            found = search(encoder, "min_psnr" if limits.min_psnr is not None else "max_bytes", one)
        else:
            found = _fast(encoder, one)
        if found is not None:
            best.append(found)
            if found.keeps(limits):
                return found.data
    raise _refusal(encoder, widths, best)


def _bounded(limits: Limits) -> bool:
    return limits.min_psnr is not None or limits.max_bytes is not None


def _fast(encoder: Encoder, width: str) -> Attempt:
    """The finest stream that decodes in time, or the fastest; finer gains take longer."""
    low, high = -1, GAINS - 1
    found = encoder.attempt(high, width)
    while found.keeps(encoder.limits) and high - low > 1:
        middle = (low + high) // 2
        tried = encoder.attempt(middle, width)
        if tried.keeps(encoder.limits):
            found, high = tried, middle
        else:
            low = middle
    return found


def _refusal(encoder: Encoder, widths: list[str], best: list[Attempt]) -> MisfitError:
    limits, asked = encoder.limits, []
    if limits.min_psnr is not None:
        asked.append(f"{limits.min_psnr:g} dB")
        if not best:
            finest = max(encoder.attempt(0, one).psnr for one in widths)
            return MisfitError(f"no stream of this picture has {limits.min_psnr:g} dB; the finest has {finest:.2f}")
    if limits.max_bytes is not None:
        asked.append(f"{limits.max_bytes} bytes")
        if not best:
            least = len(encoder.attempt(GAINS - 1, widths[-1]).data)
            return MisfitError(f"no stream of this picture is as small as {limits.max_bytes} bytes; the smallest has {least}")
    near = min(best, key=lambda attempt: attempt.decode_ms)
    if limits.max_decode_ms is not None:
        asked.append(f"{limits.max_decode_ms:g} ms")
    found = f"{len(near.data)} bytes" + ("" if math.isnan(near.psnr) else f", {near.psnr:.2f} dB")
    if limits.max_decode_ms is not None:
        found += f", {math.ceil(1e3 * near.decode_ms) / 1e3:.3f} ms"
    return MisfitError(f"no stream of this picture keeps to {' and '.join(asked)}; the nearest has {found}")


def encode_picture(
    picture: ColorImage,
    policy: str | os.PathLike[str] | None = None,
    gain: int | None = None,
    objective: Objective | None = None,
    limits: Limits = Limits(),
    width: str | None = None,
    calibration: Calibration | None = None,
    workers: int | None = None,
) -> bytes:
    """Encodes a picture.

    Args:
        picture: what to code.
        policy: file of the policy that makes the choices which nothing else makes; the shipped one when None.
        gain: index of the quantiser's setting, 0 the finest, instead of the policy's choice.
        objective: what the policy minimises. With limits its choice is taken where it keeps to them.
        limits: what the stream keeps to; see `encode_within`.
        width: of the synthesis that decoders should use, and by which quality is judged, instead of the policy's choice.
        calibration: of this machine, where `limits.max_decode_ms` is given.
        workers: threads.

    Raises:
        OptionError: options contradict each other.
        MisfitError: the limits cannot be met; the message names the nearest that can.
    """
    limited = limits != Limits()
    if gain is not None and (limited or objective is not None):
        raise OptionError("give either gain, or an objective and limits")
    if gain is not None and not 0 <= gain < GAINS:
        raise OptionError(f"gain is {gain}; there are 0 to {GAINS - 1}")
    check_width(width)
    check_pixels(picture)
    if gain is not None:
        setting = PhotoSetting(gain, width or DEFAULT_WIDTH, picture.gray)
        return pack_photo(
            encode_photo(load_photo_model(), picture.pixels, gain, workers=workers), picture.pixels.shape, setting
        )
    encoder = Encoder(picture, load_policy(policy, load_photo_model()), limits, calibration, workers)
    if objective is None:
        return encode_within(encoder, width)
    if _bounded(limits):
        chosen = _under_policy(encoder, objective, width)
        return chosen.data if chosen.keeps(limits) else encode_within(encoder, width)
    chosen = least_compute(objective, lambda o: _under_policy(encoder, o, width), lambda attempt: not attempt.keeps(limits))
    if not chosen.keeps(limits):
        raise _refusal(encoder, [width or ENDINGS[0]], [chosen])
    return chosen.data


def _under_policy(encoder: Encoder, objective: Objective, width: str | None) -> Attempt:
    keep = encoder.limits.min_psnr is not None
    choice, coded = choose_under_policy(encoder.policy, encoder.strips, encoder.picture, objective, encoder.workers, keep)
    return encoder.measured(coded, replace(choice, width=width) if width else choice)
