"""Encoding an image under constraints: at most so many bytes, at least so many dB, at most so many milliseconds of decoding.

A policy makes the decisions; the search is over the objectives that it makes them for. Constraints on bytes or quality
determine lambda_rate, a constraint on decoding time raises lambda_compute. What a policy decides is not monotonic in the
objective, and some constraints lie beyond what it was trained for. So its streams are also tried with fewer rows, and with them
lossless streams and streams of latents alone. Every stream is measured, and the best that meets all constraints is returned.
"""

import math
from collections.abc import Callable

import numpy as np

from rlcodec.control.constraints import Candidate, Constraints, least_compute
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import COMPUTE_RANGE, DISTORTIONS, Objective
from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.core.segment_choice import CONTEXT, LM, PIXELS, STOP, TABLE
from rlcodec.core.segments import MACS_PER_KMAC, Segment
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.decode_cost import decode_work
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.live import encode_under_policy
from rlcodec.presets.mnist.objectives import RATE_RANGE
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice
from rlcodec.presets.mnist.settings import MnistSettings
from rlcodec.presets.mnist.weights import MnistWeights

RATE_STEPS = 7
"""Bisections of the trained range of lambda_rate: to 0.013 of a power of ten."""

MnistCandidate = Candidate[Encoded]


def encode_lossless(
    weights: MnistWeights, pixels: np.ndarray, constraints: Constraints, calibration: Calibration | None
) -> Encoded:
    """The smallest lossless stream that meets the constraints.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        constraints: on the stream.
        calibration: of this machine; needed if decoding time is limited.

    Raises:
        MisfitError: no tier meets the constraints.
    """
    search = _Search(weights, pixels, constraints, calibration)
    search.try_lossless()
    return search.result(lambda candidate: (candidate.size_bytes, candidate.decode_ms))


def encode_constrained(
    policy: OnnxPolicy,
    weights: MnistWeights,
    pixels: np.ndarray,
    objective: Objective,
    constraints: Constraints,
    calibration: Calibration | None,
) -> Encoded:
    """The best stream that meets the constraints.

    With `min_psnr` the smallest stream is best, otherwise with `max_bytes` the one of the best quality. With `max_decode_ms`
    alone it is the policy's stream with lambda_compute raised as little as necessary.

    Args:
        policy: of the preset.
        weights: those that it was trained for.
        pixels: uint8 (height, width).
        objective: what to minimise. `min_psnr` and `max_bytes` override its lambda_rate; its lambda_compute is raised if
            decoding would take too long.
        constraints: on the stream.
        calibration: of this machine; needed if decoding time is limited.

    Raises:
        OptionError: policies are not trained for the objective.
        MisfitError: the constraints cannot be met; the message names the nearest that can.
    """
    search = _Search(weights, pixels, constraints, calibration)
    limits_quality = constraints.min_psnr is not None

    def key(candidate: MnistCandidate) -> tuple[float, ...]:
        encoded = candidate.source
        rate, kmac = 8 * candidate.size_bytes / pixels.size, encoded.decoder_macs / MACS_PER_KMAC / pixels.size
        distortion = DISTORTIONS[objective.kind](pixels, encoded.picture)
        return constraints.sort_key(candidate, (float(objective.value(distortion, rate, kmac)),))

    def encode_at(lambda_rate: float) -> MnistCandidate:
        lambda_compute = min(objective.lambda_compute, lambda_rate * 10 ** COMPUTE_RANGE[1])
        return search.try_policy(policy, Objective(objective.kind, lambda_rate, lambda_compute))

    if not constraints.limits_rate_or_quality:
        candidate = search.try_policy(policy, objective)
        if constraints.met_by(candidate):
            return candidate.source
        search.try_fewer_rows(candidate, constraints.met_by, most=True)
    search.try_lossless()
    lossless_is_best = constraints.min_psnr == math.inf or not limits_quality
    if constraints.limits_rate_or_quality and not (lossless_is_best and constraints.best(search.tried, key)):
        _search_rate(search, encode_at, RATE_RANGE[objective.kind], "min_psnr" if limits_quality else "max_bytes")
    search.try_latents()
    return search.result(key)


class _Search:
    """Encodes one image again and again.

    Attributes:
        constraints: on the stream.
        tried: every stream so far.
    """

    def __init__(self, weights: MnistWeights, pixels: np.ndarray, constraints: Constraints, calibration: Calibration | None):
        self.constraints = constraints
        self.tried: list[MnistCandidate] = []
        self._weights, self._pixels, self._calibration = weights, pixels, calibration
        self._has_source = source_of(weights.source_tables, pixels) is not None

    def result(self, key: Callable[[MnistCandidate], tuple[float, ...]]) -> Encoded:
        """The best of the streams so far; raises MisfitError if none meets the constraints."""
        best = self.constraints.best(self.tried, key)
        if best is None:
            raise self.constraints.refusal(self.tried)
        return best.source

    def _add(self, encoded: Encoded) -> MnistCandidate:
        """Measures a stream and keeps it."""
        decode_ms = 0.0
        if self._calibration is not None:
            bit_budget = _bit_budget(encoded)
            work = decode_work(self._weights, self._pixels.shape, bit_budget, encoded.segments, self._has_source)
            decode_ms = self._calibration.predicted_ms(MNIST.name, self._weights.digest, work)
        self.tried.append(Candidate(len(encoded.data), encoded.psnr_db, decode_ms, encoded))
        return self.tried[-1]

    def try_policy(self, policy: OnnxPolicy, objective: Objective) -> MnistCandidate:
        """The policy's stream with lambda_compute raised as little as `max_decode_ms` takes, or as far as it goes."""
        return least_compute(
            objective,
            lambda tried: self._add(encode_under_policy(policy, self._weights, self._pixels, tried)),
            lambda candidate: "max_decode_ms" in self.constraints.violated_by(candidate),
        )

    def try_lossless(self) -> None:
        """Tries lossless streams in every tier; without a bilevel source, tier `lm` is tier `context`."""
        for tier in (CONTEXT, TABLE, LM) if self._has_source else (CONTEXT, TABLE):
            self._try_tier(tier, 0, None)

    def try_latents(self) -> None:
        """Tries latents alone, of every bit budget; the smallest stream, of nothing at all, is the first."""
        for slices in BUDGET_SLICES:
            for tier in (TABLE, CONTEXT) if slices else (CONTEXT,):
                self._try_tier(tier, slices * bits_per_slice(*self._pixels.shape), 0)

    def _try_tier(self, tier: int, bit_budget: int, rows: int | None) -> None:
        self._add(encode_with(self._weights, self._pixels, bit_budget, constant_choices(tier, rows)))

    def try_fewer_rows(
        self, candidate: MnistCandidate, is_enough: Callable[[MnistCandidate], bool], most: bool
    ) -> None:  # fmt: skip
        """Tries a stream's choices with fewer rows of pixels, by bisection.

        Args:
            candidate: the stream.
            is_enough: whether a stream is acceptable.
            most: whether to look for the most rows that are acceptable, rather than for the fewest.
        """
        tiers = [s.tier for s in candidate.source.segments if s.tier != STOP]
        latents = sum(s.segment.kind != PIXELS for s in candidate.source.segments if s.tier != STOP)

        def with_rows(rows: int) -> MnistCandidate:
            def choose(segments: tuple[Segment, ...]) -> list[int]:
                kept = tiers[: latents + rows]
                return kept + [STOP] * (len(segments) - len(kept))

            return self._add(encode_with(self._weights, self._pixels, _bit_budget(candidate.source), choose))

        low, high = -1, len(tiers) - latents
        while high - low > 1:
            middle = (low + high) // 2
            if is_enough(with_rows(middle)) == most:
                low = middle
            else:
                high = middle


def _bit_budget(encoded: Encoded) -> int:
    assert isinstance(encoded.settings, MnistSettings)
    return encoded.settings.bit_budget


def _search_rate(
    search: _Search, encode_at: Callable[[float], MnistCandidate], exponents: tuple[float, float], name: str
) -> None:
    """Bisects lambda_rate to where the policy's streams only just meet a constraint, and tries fewer rows there.

    Args:
        search: keeps what is tried.
        encode_at: gives the policy's stream at a lambda_rate.
        exponents: log10 of the least and the greatest lambda_rate.
        name: "min_psnr", for the greatest lambda_rate that meets it, or "max_bytes", for the least.
    """
    constraints = search.constraints

    def meets_it(candidate: MnistCandidate) -> bool:
        return name not in constraints.violated_by(candidate)

    by_quality = name == "min_psnr"
    # From `inside`, whose streams meet the constraint, towards `outside`.
    inside, outside = exponents if by_quality else exponents[::-1]
    candidates = {end: encode_at(10**end) for end in (inside, outside)}
    if meets_it(candidates[inside]) and not meets_it(candidates[outside]):
        for _ in range(RATE_STEPS):
            middle = (inside + outside) / 2
            candidates[middle] = encode_at(10**middle)
            if meets_it(candidates[middle]):
                inside = middle
            else:
                outside = middle
    for end in (inside, outside):
        if by_quality and meets_it(candidates[end]):
            search.try_fewer_rows(candidates[end], meets_it, most=False)
        elif not by_quality and not constraints.met_by(candidates[end]):
            search.try_fewer_rows(candidates[end], constraints.met_by, most=True)
