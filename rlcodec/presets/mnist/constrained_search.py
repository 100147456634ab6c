"""Encoding an image under constraints: at most so many bytes, at least so many dB, at most so many milliseconds of decoding.

A policy makes the decisions; the search is over the objectives that it makes them for. Constraints on bytes or quality
determine lambda_rate, a constraint on decoding time raises lambda_compute. What a policy decides is not monotonic in the
objective, and some constraints lie beyond what it was trained for. So its streams are also tried with fewer rows, and with them
lossless streams and streams of latents alone. Every stream is measured, and the best that meets all constraints is returned.
"""

import bisect
import math
from collections.abc import Callable
from typing import cast

import numpy as np

from rlcodec.control.constraints import Candidate, Constraints, least_compute, narrowed
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import COMPUTE_RANGE, DISTORTIONS, Objective
from rlcodec.control.onnx_policy import OnnxPolicy
from rlcodec.core.segment_choice import CONTEXT, LM, PIXELS, STOP, TABLE
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.decode_cost import decode_work
from rlcodec.presets.mnist.encoder import Chooser, constant_choices, encode_with
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.live import encode_under_policy
from rlcodec.presets.mnist.objectives import RATE_RANGE
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice
from rlcodec.presets.mnist.settings import MnistSettings
from rlcodec.presets.mnist.weights import MnistWeights

RATE_STEPS = 7
"""Bisections of the trained range of lambda_rate: to 0.013 of a power of ten."""

MnistCandidate = Candidate[Encoded]


class ConstrainedSearch:
    """Encodes one image again and again until a stream meets constraints.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        constraints: on the stream.
        calibration: of this machine; needed if decoding time is limited.

    Attributes:
        tried: every stream so far.
    """

    def __init__(self, weights: MnistWeights, pixels: np.ndarray, constraints: Constraints, calibration: Calibration | None):
        self.weights, self.pixels, self.constraints, self.calibration = weights, pixels, constraints, calibration
        self.tried: list[MnistCandidate] = []
        self._has_source = source_of(weights.source_tables, pixels) is not None

    def encode_lossless(self) -> Encoded:
        """The smallest lossless stream that meets the constraints.

        Raises:
            MisfitError: no tier meets the constraints.
        """
        self._try_lossless()
        return self._best(lambda candidate: (candidate.size_bytes, candidate.decode_ms))

    def encode(self, policy: OnnxPolicy, objective: Objective) -> Encoded:
        """The best stream that meets the constraints.

        With `min_psnr` the smallest stream is best, otherwise with `max_bytes` the one of the best quality. With
        `max_decode_ms` alone it is the policy's stream with lambda_compute raised as little as necessary.

        Args:
            policy: of the preset, trained for its weights.
            objective: what to minimise. `min_psnr` and `max_bytes` override its lambda_rate; its lambda_compute is raised if
                decoding would take too long.

        Raises:
            OptionError: policies are not trained for the objective.
            MisfitError: the constraints cannot be met; the message names the nearest that can.
        """
        met_by, area = self.constraints.met_by, self.pixels.size

        def key(candidate: MnistCandidate) -> tuple[float, ...]:
            rate, kmac = 8 * candidate.size_bytes / area, candidate.source.decoder_macs / MACS_PER_KMAC / area
            distortion = DISTORTIONS[objective.kind](self.pixels, candidate.source.picture)
            return self.constraints.sort_key(candidate, (float(objective.value(distortion, rate, kmac)),))

        if self.constraints.limits_rate_or_quality:
            self._try_lossless()
            lossless_is_best = self.constraints.min_psnr in (None, math.inf)
            if not (lossless_is_best and any(map(met_by, self.tried))):
                self._search_rate(policy, objective)
        else:
            candidate = self._try_policy(policy, objective)
            if met_by(candidate):
                return candidate.source
            self._try_fewer_rows(candidate, met_by)
            self._try_lossless()
        self._try_latents()
        return self._best(key)

    def _best(self, key: Callable[[MnistCandidate], tuple[float, ...]]) -> Encoded:
        """The best of the streams so far; raises MisfitError if none meets the constraints."""
        best = self.constraints.best(self.tried, key)
        if best is None:
            raise self.constraints.refusal(self.tried)
        return best.source

    def _add(self, encoded: Encoded) -> MnistCandidate:
        """Measures a stream and keeps it."""
        decode_ms = 0.0
        if self.calibration is not None:
            work = decode_work(self.weights, self.pixels.shape, _bit_budget(encoded), encoded.segments, self._has_source)
            decode_ms = self.calibration.predicted_ms(MNIST.name, self.weights.digest, work)
        self.tried.append(Candidate(len(encoded.data), encoded.psnr_db, decode_ms, encoded))
        return self.tried[-1]

    def _try_policy(self, policy: OnnxPolicy, objective: Objective) -> MnistCandidate:
        """The policy's stream with lambda_compute raised as little as `max_decode_ms` takes, or as far as it goes."""
        return least_compute(
            objective,
            lambda tried: self._add(encode_under_policy(policy, self.weights, self.pixels, tried)),
            lambda candidate: "max_decode_ms" in self.constraints.violated_by(candidate),
        )

    def _try_lossless(self) -> None:
        """Tries lossless streams in every tier; without a bilevel source, tier `lm` is tier `context`."""
        for tier in (CONTEXT, TABLE, LM) if self._has_source else (CONTEXT, TABLE):
            self._try_choices(0, constant_choices(tier))

    def _try_latents(self) -> None:
        """Tries latents alone, of every bit budget; the smallest stream, of nothing at all, is the first."""
        for slices in BUDGET_SLICES:
            for tier in (TABLE, CONTEXT) if slices else (CONTEXT,):
                self._try_choices(slices * bits_per_slice(*self.pixels.shape), constant_choices(tier, 0))

    def _try_choices(self, bit_budget: int, choose: Chooser) -> MnistCandidate:
        return self._add(encode_with(self.weights, self.pixels, bit_budget, choose))

    def _try_fewer_rows(self, candidate: MnistCandidate, takes_more: Callable[[MnistCandidate], bool]) -> None:
        """Tries a stream's choices with fewer rows of pixels, by bisection.

        Args:
            candidate: the stream.
            takes_more: whether more rows are tried than those of a stream, rather than fewer.
        """
        sent = [s for s in candidate.source.segments if s.tier != STOP]
        rows = sum(s.segment.kind == PIXELS for s in sent)

        def is_enough(dropped: int) -> bool:
            choices = [s.tier for s in sent[: len(sent) - dropped]] + [STOP]
            return takes_more(self._try_choices(_bit_budget(candidate.source), lambda _: choices))

        bisect.bisect_left(range(1, rows + 1), True, key=is_enough)

    def _search_rate(self, policy: OnnxPolicy, objective: Objective) -> None:
        """Bisects lambda_rate to where the policy's streams only just meet `min_psnr`, or else `max_bytes`; tries fewer rows
        there."""
        met_by, by_quality = self.constraints.met_by, self.constraints.min_psnr is not None
        name = "min_psnr" if by_quality else "max_bytes"

        def violates(candidate: MnistCandidate) -> bool:
            return name in self.constraints.violated_by(candidate)

        def encode_at(exponent: float) -> MnistCandidate:
            lambda_compute = min(objective.lambda_compute, 10**exponent * 10 ** COMPUTE_RANGE[1])
            return self._try_policy(policy, Objective(objective.kind, 10**exponent, lambda_compute))

        # The first end meets the constraint if any does: the greatest quality, or the fewest bytes.
        first, last = RATE_RANGE[objective.kind][:: 1 if by_quality else -1]
        inside, outside = (first, encode_at(first)), (last, encode_at(last))
        candidates = inside[1], outside[1]
        if not violates(inside[1]) and violates(outside[1]):
            candidates = narrowed(encode_at, inside, outside, RATE_STEPS, lambda candidate: not violates(candidate))
        for candidate in candidates:
            if by_quality and not violates(candidate):
                self._try_fewer_rows(candidate, violates)
            elif not by_quality and not met_by(candidate):
                self._try_fewer_rows(candidate, met_by)


def _bit_budget(encoded: Encoded) -> int:
    return cast(MnistSettings, encoded.settings).bit_budget
