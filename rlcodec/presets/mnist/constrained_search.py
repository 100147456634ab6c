"""Encoding a digit within limits: so many bytes at most, so many dB at least, so many milliseconds of decoding at most.

The policy makes the choices; what is searched is the objective that it makes them for. A limit on bytes or on quality sets
lambda_rate, a limit on decoding raises lambda_compute. Policies are not monotonic, and some limits lie beyond what they are
trained for, so what they choose is also tried with fewer rows, and beside it the exact streams and those of latents alone.
Every stream is measured, and the best of those that keep to all limits comes back.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from rlcodec.control.constraints import Figures, Limits
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import COMPUTE_RANGE, KINDS, MEASURE_OF, RATE_RANGE, Objective
from rlcodec.control.onnx_policy import Policy
from rlcodec.core.segment_choice import CONTEXT, LM, PIXELS, STOP, TABLE
from rlcodec.core.segments import MACS_PER_KMAC, Segment
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.decode_cost import mnist_work
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.measurements import picture_error
from rlcodec.presets.mnist.policy import encode_under_policy
from rlcodec.presets.mnist.weights import Model

T = TypeVar("T")
RATE_STEPS, COMPUTE_STEPS = 7, 6
"""Bisections of the trained range: to 0.013 and 0.05 of a power of ten."""


@dataclass(frozen=True)
class Attempt(Figures):
    """A stream, measured."""

    encoded: Encoded

    def shortfalls(self, limits: Limits) -> set[str]:
        """Names of the limits that it does not keep to."""
        return limits.missed_by(self)


class Search:
    """Encodes one image again and again.

    Attributes:
        tried: every stream so far.
    """

    def __init__(self, model: Model, pixels: np.ndarray, limits: Limits, calibration: Calibration | None):
        self.model, self.pixels, self.limits, self.calibration = model, pixels, limits, calibration
        self.tried: list[Attempt] = []

    def add(self, encoded: Encoded) -> Attempt:
        """Measures a stream and keeps it."""
        decode_ms = 0.0
        if self.calibration is not None:
            height, width = self.pixels.shape
            work = mnist_work(height, width, encoded.bit_budget, encoded.segments, encoded.scan)
            decode_ms = self.calibration.predicted_ms(self.model.preset.name, work)
        self.tried.append(Attempt(len(encoded.data), encoded.psnr_db, decode_ms, encoded))
        return self.tried[-1]

    def with_tier(self, tier: int, bit_budget: int = 0, rows: int | None = None) -> Attempt:
        """The stream of one tier, of all rows when None."""
        return self.add(encode_with(self.model, self.pixels, bit_budget, constant_choices(tier, rows)))

    def with_fewer_rows(self, attempt: Attempt, enough: Callable[[Attempt], bool], most: bool) -> None:
        """Tries an attempt's choices with fewer rows.

        Args:
            attempt: whose choices.
            enough: of an attempt, whether it has rows enough, or with `most` few enough.
            most: look for the most rows that are few enough, and otherwise for the fewest that are enough.
        """
        tiers = [s.tier for s in attempt.encoded.segments if s.tier != STOP]
        latents = sum(s.segment.kind != PIXELS for s in attempt.encoded.segments if s.tier != STOP)

        def cut(rows: int) -> Attempt:
            def choose(segments: tuple[Segment, ...]) -> list[int]:
                kept = tiers[: latents + rows]
                return kept + [STOP] * (len(segments) - len(kept))

            return self.add(encode_with(self.model, self.pixels, attempt.encoded.bit_budget, choose))

        low, high = -1, len(tiers) - latents
        while high - low > 1:
            middle = (low + high) // 2
            if enough(cut(middle)) == most:
                low = middle
            else:
                high = middle

    def best(self, key: Callable[[Attempt], tuple[float, ...]]) -> Attempt | None:
        """The least by `key` of the attempts that keep to all limits, None where none does."""
        return min((a for a in self.tried if not a.shortfalls(self.limits)), key=key, default=None)


def encode_exactly(model: Model, pixels: np.ndarray, limits: Limits, calibration: Calibration | None) -> Encoded:
    """The smallest stream that gives every pixel back and keeps to the limits.

    Args:
        model: the preset's model.
        pixels: uint8 (height, width).
        limits: what the stream keeps to.
        calibration: of this machine, where `limits.max_decode_ms` is given.

    Raises:
        MisfitError: no tier keeps to them.
    """
    search = Search(model, pixels, limits, calibration)
    _try_exact(search)
    found = search.best(lambda a: (a.size_bytes, a.decode_ms))
    if found is None:
        raise limits.refusal(search.tried)
    return found.encoded


def encode_within(
    policy: Policy, model: Model, pixels: np.ndarray, objective: Objective, limits: Limits, calibration: Calibration | None
) -> Encoded:
    """The best stream that keeps to the limits: with `min_psnr` the smallest, with `max_bytes` otherwise the one of the best
    quality, and with `max_decode_ms` alone what the policy chooses once lambda_compute is raised as little as it takes.

    Args:
        policy: a loaded policy.
        model: the codec it was trained for.
        pixels: uint8 (height, width).
        objective: what to minimise; its lambda_rate gives way to `min_psnr` and `max_bytes`, its lambda_compute grows where
            decoding would take too long.
        limits: what the stream keeps to.
        calibration: of this machine, where `limits.max_decode_ms` is given.

    Raises:
        OptionError: the objective lies outside what policies are trained for.
        MisfitError: the limits cannot be met, and the message names the nearest that can.
    """
    search = Search(model, pixels, limits, calibration)
    measure = int(MEASURE_OF[KINDS.index(objective.kind)])
    quality, of_rate = limits.min_psnr is not None, limits.min_psnr is not None or limits.max_bytes is not None

    def worth(attempt: Attempt) -> float:
        kmac = attempt.encoded.decoder_macs / MACS_PER_KMAC / pixels.size
        error = picture_error(attempt.encoded.picture, pixels, measure)
        return float(objective.value(error, 8 * attempt.size_bytes / pixels.size, kmac))

    def key(attempt: Attempt) -> tuple[float, ...]:
        return limits.order(attempt, (worth(attempt),))

    def choose(lambda_rate: float) -> Attempt:
        known = min(objective.lambda_compute, lambda_rate * 10 ** COMPUTE_RANGE[1])
        return _fast_enough(search, policy, Objective(objective.kind, lambda_rate, known))

    if not of_rate:
        attempt = _fast_enough(search, policy, objective)
        if not attempt.shortfalls(limits):
            return attempt.encoded
        search.with_fewer_rows(attempt, lambda a: not a.shortfalls(limits), most=True)
    _try_exact(search)
    exact_is_best = limits.min_psnr == math.inf or not quality
    if of_rate and not (exact_is_best and search.best(key)):
        _search_rate(search, choose, RATE_RANGE[objective.kind], "min_psnr" if quality else "max_bytes")
    _try_latents(search)
    found = search.best(key)
    if found is None:
        raise limits.refusal(search.tried)
    return found.encoded


def _try_exact(search: Search) -> None:
    """Every tier; without a scan, tier `lm` is tier `context`."""
    scan = search.with_tier(CONTEXT).encoded.scan
    for tier in (TABLE, LM) if scan else (TABLE,):
        search.with_tier(tier)


def _try_latents(search: Search) -> None:
    """Latents alone, of every budget; the smallest stream, of nothing at all, is the first."""
    model, (rows, columns) = search.model, search.pixels.shape
    per_slice = -(-rows // 4) * -(-columns // 4)
    for slices in model.preset.budget_slices:
        for tier in (TABLE, CONTEXT) if slices else (CONTEXT,):
            search.with_tier(tier, slices * per_slice, 0)


def _fast_enough(search: Search, policy: Policy, objective: Objective) -> Attempt:
    """What the policy chooses with lambda_compute raised as little as `max_decode_ms` takes, or as far as it goes."""
    return least_compute(
        objective,
        lambda chosen: search.add(encode_under_policy(policy, search.model, search.pixels, chosen)),
        lambda attempt: "max_decode_ms" in attempt.shortfalls(search.limits),
    )


def least_compute(objective: Objective, attempt: Callable[[Objective], T], slow: Callable[[T], bool]) -> T:
    """What comes of an objective whose lambda_compute is raised as little as it takes, or as far as policies know it.

    Args:
        objective: where to begin.
        attempt: encodes under an objective.
        slow: of an attempt, whether decoding it takes too long.
    """
    least, most = (objective.lambda_rate * 10**exponent for exponent in COMPUTE_RANGE)
    found = attempt(objective)
    if not slow(found) or objective.lambda_compute >= most:
        return found
    low, high = math.log10(max(objective.lambda_compute, least)), math.log10(most)
    found = attempt(dataclasses.replace(objective, lambda_compute=most))
    if slow(found):
        return found
    for _ in range(COMPUTE_STEPS):
        middle = (low + high) / 2
        tried = attempt(dataclasses.replace(objective, lambda_compute=10**middle))
        if slow(tried):
            low = middle
        else:
            found, high = tried, middle
    return found


def _search_rate(search: Search, choose: Callable[[float], Attempt], exponents: tuple[float, float], name: str) -> None:
    """Bisects lambda_rate to where the policy's streams only just keep to a limit, and cuts rows there.

    Args:
        search: keeps what is tried.
        choose: the policy's stream at a lambda_rate.
        exponents: log10 of the least and the greatest lambda_rate.
        name: "min_psnr", for the greatest lambda_rate that keeps to it, or "max_bytes", for the least.
    """

    def kept(attempt: Attempt) -> bool:
        return name not in attempt.shortfalls(search.limits)

    quality = name == "min_psnr"
    # From `inside`, whose streams keep to the limit, towards `outside`.
    inside, outside = exponents if quality else exponents[::-1]
    attempts = {end: choose(10**end) for end in (inside, outside)}
    if kept(attempts[inside]) and not kept(attempts[outside]):
        for _ in range(RATE_STEPS):
            middle = (inside + outside) / 2
            attempts[middle] = choose(10**middle)
            if kept(attempts[middle]):
                inside = middle
            else:
                outside = middle
    if quality:
        for end in (inside, outside):
            if kept(attempts[end]):
                search.with_fewer_rows(attempts[end], kept, most=False)
    else:
        for end in (inside, outside):
            if attempts[end].shortfalls(search.limits):
                search.with_fewer_rows(attempts[end], lambda a: not a.shortfalls(search.limits), most=True)
