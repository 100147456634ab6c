"""Encoding a photograph within constraints: so many bytes, so many dB, so many milliseconds of decoding.

The search is over the gain, of which neighbours give files that differ by less than 2%, and, if even the coarsest has too many
bytes, over the slices that are sent. The policy's predictions say where to begin, so that few encodes are needed; each is
measured, and only measured streams are returned.
"""

import math

import numpy as np

from rlcodec.control.constraints import Candidate, Constraints, least_compute
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import Objective
from rlcodec.core.metrics import psnr_db
from rlcodec.presets.base import Encoded
from rlcodec.presets.photo.coding import settings_for
from rlcodec.presets.photo.decisions import ALLOCATION_OF, ENDINGS, GAIN_CHOICES, KINDS
from rlcodec.presets.photo.decode_cost import decode_work
from rlcodec.presets.photo.decoder import shown_pixels
from rlcodec.presets.photo.encoder import PolicyEncoder, stream_of
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.process import Choice
from rlcodec.presets.photo.quantiser import GAINS
from rlcodec.presets.photo.strips import CodedPicture
from rlcodec.presets.photo.transform import SLICES

DEFAULT_SYNTHESIS = "light"
"""Used if nothing else decides; "full" takes four times the compute for one or two per cent of the rate."""
TOLERANCE = {"max_bytes": 0.010, "min_psnr": 0.06}
"""The search ends at a stream that meets a constraint by less: natural logarithm of bytes, or dB."""
TOLERATED_BYTES = 8
"""Bytes that may always be left over."""
TRIALS = 7
"""The most encodes of a search once a stream meets the constraint; mostly two to four are needed."""
FREE_TRIALS = 4
"""Trials before the last gain of the axis is tried, if none meets the constraint."""
GAINS_APART = 8
"""Gains within which the finest that decodes in time is found."""


class ConstrainedSearch:
    """Encodes one picture again and again until a stream meets constraints.

    Args:
        encoder: of the picture; it keeps areas if there is a `min_psnr`.
        constraints: what the stream must meet.
        calibration: of this machine, if decoding time is limited.
        kind: of distortion, for which bits are allocated.
    """

    def __init__(self, encoder: PolicyEncoder, constraints: Constraints, calibration: Calibration | None, kind: str):
        self.encoder, self.constraints, self.calibration, self.kind = encoder, constraints, calibration, kind
        self.allocation = encoder.live.allocation(kind)
        self.tried: list[Candidate[Encoded]] = []
        self._coarsest: CodedPicture | None = None

    def encode(self, objective: Objective | None, synthesis: str | None) -> Encoded:
        """Encodes the picture.

        Args:
            objective: what the policy minimises; its stream is taken if it meets the constraints. If None, the stream comes as
                near to the constraints as possible: with `min_psnr` it is about as small as possible, else about as fine.
            synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`; if None the policy's choice, or without an objective the
                widest that decodes in time, or DEFAULT_SYNTHESIS if decoding time is not limited.

        Raises:
            MisfitError: the constraints cannot be met; the message names the nearest that can.
            OptionError: policies are not trained for the objective.
        """
        found = self._under_policy(objective, synthesis) if objective else None
        if found is None and (objective is None or self.constraints.limits_rate_or_quality):
            found = self._nearest(synthesis)
        if found is None:
            raise self.constraints.refusal(self.tried)
        return found.source

    def _under_policy(self, objective: Objective, synthesis: str | None) -> Candidate[Encoded] | None:
        """The policy's stream, with as little weight on compute as decoding in time takes; None if it violates a constraint."""

        def encode(objective: Objective) -> Candidate[Encoded]:
            choice, coded = self.encoder.choose(objective)
            return self._measured(coded, choice.with_synthesis(synthesis))

        if self.constraints.limits_rate_or_quality:
            found = encode(objective)
        else:
            found = least_compute(objective, encode, lambda candidate: not self.constraints.met_by(candidate))
        return found if self.constraints.met_by(found) else None

    def _nearest(self, synthesis: str | None) -> Candidate[Encoded] | None:
        """The stream that comes nearest to the constraints, with the widest synthesis that allows to meet them."""
        widest_first = list(reversed(ENDINGS)) if self.constraints.max_decode_ms is not None else [DEFAULT_SYNTHESIS]
        for used in [synthesis] if synthesis else widest_first:
            if self.constraints.min_psnr is not None:
                found = self._search("min_psnr", self.constraints.min_psnr, used)
            elif self.constraints.max_bytes is not None:
                found = self._search("max_bytes", -math.log(max(self.constraints.max_bytes, 1)), used)
            else:
                found = self._finest_in_time(used)
            if found is not None and self.constraints.met_by(found):
                return found
        return None

    def _search(self, name: str, wanted: float, synthesis: str) -> Candidate[Encoded] | None:
        """The stream that just meets one constraint; None if none was found.

        Scores grow along the search's axis: from the finest gain to the coarsest for bytes, the other way for dB.

        Args:
            name: "max_bytes" or "min_psnr".
            wanted: score to reach, see `_score`.
            synthesis: of the stream.
        """
        axis = np.arange(GAINS) if name == "max_bytes" else np.arange(GAINS)[::-1]
        predictions = np.maximum.accumulate(self._predicted_scores(name, synthesis)[axis])
        tolerance, found = TOLERANCE[name], None
        if name == "max_bytes":
            tolerance = max(tolerance, TOLERATED_BYTES * math.exp(wanted))
        low, high = -1, GAINS  # the last place that is known to miss the constraint, and the first to meet it
        scores: dict[int, float] = {}
        while high - low > 1 and low < GAINS - 1:
            if found is not None and (len(scores) >= TRIALS or scores[high] - wanted < tolerance):
                break
            if found is None and len(scores) >= FREE_TRIALS:
                place = GAINS - 1
            else:
                place = _next_place(low, high, scores, wanted + tolerance / 2, predictions)
            candidate = self._at(int(axis[place]), synthesis)
            scores[place] = _score(name, candidate)
            if scores[place] >= wanted:
                found, high = candidate, place
            else:
                low = place
        if found is None and name == "max_bytes":
            return self._in_fewer_slices(synthesis)
        return found

    def _in_fewer_slices(self, synthesis: str) -> Candidate[Encoded] | None:
        """The stream at the coarsest gain with the most slices that are few enough bytes."""
        coded = self._coarsest or self._coded(GAINS - 1)
        for slices in range(SLICES - 1, 0, -1):
            candidate = self._measured(coded, Choice(GAINS - 1, slices, synthesis))
            if self.constraints.met_by(candidate):
                return candidate
        return None

    def _predicted_scores(self, name: str, synthesis: str) -> np.ndarray:
        """Predicted score of every gain, float64 (GAINS,); beyond the policy's gains by a line."""
        predicted, psnr = self.encoder.process.predicted_before, KINDS.index("psnr")
        kinds = (KINDS.index(self.kind), psnr)
        ours, of_psnr = (np.log(predicted.rate_bpp[0, ALLOCATION_OF[kind], :, -1, 0]) for kind in kinds)
        if name == "max_bytes":
            scores = -ours - math.log(self.encoder.picture.pixels[..., 0].size / 8)
        else:  # PSNR is predicted of the allocation for it; others have nearly as much at the same rate
            decibels = -predicted.distortion[psnr, 0, ALLOCATION_OF[psnr], :, -1, ENDINGS.index(synthesis)]
            scores = np.interp(ours, of_psnr[::-1], decibels[::-1])
        gains, slope = np.arange(GAINS), (scores[-1] - scores[0]) / (GAIN_CHOICES[-1] - GAIN_CHOICES[0])
        return np.interp(gains, GAIN_CHOICES, scores) + slope * (gains - np.clip(gains, GAIN_CHOICES[0], GAIN_CHOICES[-1]))

    def _finest_in_time(self, synthesis: str) -> Candidate[Encoded]:
        """The finest stream that decodes in time, or else the fastest; finer gains take longer."""
        low, high = -1, GAINS - 1
        found = self._at(high, synthesis)
        while self.constraints.met_by(found) and high - low > GAINS_APART:
            middle = (low + high) // 2
            candidate = self._at(middle, synthesis)
            if self.constraints.met_by(candidate):
                found, high = candidate, middle
            else:
                low = middle
        return found

    def _at(self, gain: int, synthesis: str) -> Candidate[Encoded]:
        """The stream at a gain with a synthesis."""
        return self._measured(self._coded(gain), Choice(gain, SLICES, synthesis))

    def _coded(self, gain: int) -> CodedPicture:
        """The picture coded at a gain."""
        coded = self.encoder.live.coder.code(gain, self.allocation, self.encoder.live.keep)
        if gain == GAINS - 1:
            self._coarsest = coded
        return coded

    def _measured(self, coded: CodedPicture, choice: Choice) -> Candidate[Encoded]:
        """The stream of a coded picture, with what the constraints are about."""
        live, picture = self.encoder.live, self.encoder.picture
        encoded, size = stream_of(live.weights, coded, picture, self.allocation, choice), live.pixels.shape[:2]
        quality, decode_ms = math.nan, 0.0
        if self.constraints.min_psnr is not None:
            assert coded.areas is not None
            settings = settings_for(choice.gain, self.allocation, choice.synthesis, picture.gray)
            areas = coded.areas.of_slices(choice.slices)
            shown = shown_pixels(live.weights, areas, settings, coded.colors, size, choice.synthesis)
            quality = psnr_db(encoded.original, shown)
        if self.calibration is not None:
            work = decode_work(size, encoded.segments, choice.synthesis)
            decode_ms = self.calibration.predicted_ms(PHOTO.name, live.weights.digest, work)
        candidate = Candidate(len(encoded.data), quality, decode_ms, encoded)
        self.tried.append(candidate)
        return candidate


def _score(name: str, candidate: Candidate[Encoded]) -> float:
    """How well a stream does by a constraint, more is better: for bytes minus their logarithm; dB."""
    return -math.log(candidate.size_bytes) if name == "max_bytes" else candidate.psnr_db


def _next_place(low: int, high: int, scores: dict[int, float], target: float, predictions: np.ndarray) -> int:
    """Where to try next, inside of the bracket: where a line through the two best trials, or the predictions, reach the target.

    Args:
        low: the last place that is known to miss the constraint, or -1.
        high: the first place that is known to meet it, or the number of places.
        scores: of the places tried.
        target: score.
        predictions: score of every place, growing, as predicted; their error is taken to be that of the best trial.
    """
    best_first, slope = sorted(scores, key=lambda place: abs(scores[place] - target)), 0.0
    if len(best_first) > 1:
        best, second = best_first[:2]
        slope = (scores[second] - scores[best]) / (second - best)
    if slope > 0:
        place = round(best_first[0] + (target - scores[best_first[0]]) / slope)
    else:
        error = scores[best_first[0]] - predictions[best_first[0]] if best_first else 0.0
        place = int(np.searchsorted(predictions + error, target))
    # Inside of a bracket by a twentieth of it; beyond its only end by more with every trial.
    margin = (high - low) // 20 if low in scores and high in scores else 4 ** len(scores) // 8
    margin = min(max(margin, 1), (high - low) // 2)
    return min(max(place, low + margin), high - margin)
