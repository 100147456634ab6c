"""Encoding a photograph within constraints: so many bytes, so many dB, so many milliseconds of decoding.

The search is over one number: the gain and, between two gains, the weight of bits with which the encoder rounds coefficients,
which decoders need not know. The policy's predictions say where to begin, so that few encodes are needed; each is measured, and
only measured streams are returned.
"""

import math
from collections.abc import Callable

import numpy as np

from rlcodec.control.constraints import Candidate, Constraints, least_compute
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import KINDS, Objective
from rlcodec.core.metrics import psnr_db
from rlcodec.presets.base import Encoded
from rlcodec.presets.photo.coefficient_coder import GAINS, SLICE_COUNT
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES
from rlcodec.presets.photo.decode_cost import decode_work
from rlcodec.presets.photo.decoder import shown_pixels
from rlcodec.presets.photo.encoder import PolicyEncoder, stream_of
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.process import Choice
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import BIT_WEIGHT, CodedPicture, encode_photo

DEFAULT_SYNTHESIS = "light"
"""Used if nothing else decides; "full" takes four times the compute for one or two per cent of the rate."""
WEIGHT_OF_GAIN = {"max_bytes": 0.68, "min_psnr": 1.3}
"""Factor by which the weight of bits changes where it replaces a whole step of the gain, by constraint."""
TOLERANCE = {"max_bytes": 0.010, "min_psnr": 0.06}
"""The search ends at a stream that meets a constraint by less: natural logarithm of bytes, or dB."""
TRIALS = 5
"""The most encodes of a search once a stream meets the constraint."""
PLACES_PER_GAIN = 16
"""Resolution at which predictions are searched."""


class ConstrainedSearch:
    """Encodes one picture again and again until a stream meets constraints.

    Args:
        encoder: of the picture; it keeps coefficients if there is a `min_psnr`.
        constraints: what the stream must meet.
        calibration: of this machine, if decoding time is limited.
    """

    def __init__(self, encoder: PolicyEncoder, constraints: Constraints, calibration: Calibration | None):
        self.encoder, self.constraints, self.calibration = encoder, constraints, calibration
        self.tried: list[Candidate[Encoded]] = []

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
        """The stream that just meets one constraint; None if no gain meets it.

        Scores grow along the search's axis: from the finest gain to the coarsest for bytes, the other way for dB. A place
        between two gains stands for the one that meets the constraint, with the weight of bits changed towards the other.

        Args:
            name: "max_bytes" or "min_psnr".
            wanted: score to reach, see `_score`.
            synthesis: of the stream.
        """
        axis = list(range(GAINS)) if name == "max_bytes" else list(range(GAINS - 1, -1, -1))
        predictions = np.maximum.accumulate(self._predicted_scores(name, synthesis)[axis])
        tolerance, target = TOLERANCE[name], wanted + TOLERANCE[name] / 2
        error = 0.0
        """Of the predictions at the last trial."""

        def predicted(place: float) -> float:
            return float(np.interp(place, np.arange(GAINS), predictions)) + error

        low, high, found = -1.0, float(GAINS - 1), None
        scores: dict[float, float] = {}
        for trial in range(GAINS + TRIALS):
            if high - low < 1e-3 or (found is not None and (trial >= TRIALS or scores[high] - wanted < tolerance)):
                break
            place = _next_place(low, high, scores, target, predicted, trial)
            step = math.ceil(place)
            candidate = self._at(axis[step], synthesis, BIT_WEIGHT * WEIGHT_OF_GAIN[name] ** (step - place))
            scores[place] = _score(name, candidate)
            error += scores[place] - predicted(place)
            if scores[place] >= wanted:
                found, high = candidate, place
            else:
                low = place
        return found

    def _predicted_scores(self, name: str, synthesis: str) -> np.ndarray:
        """Predicted score of every gain, float64 (GAINS,)."""
        predicted = self.encoder.process.predicted_before
        if name == "max_bytes":
            scores = -np.log(predicted.rate_bpp[0, :, -1, 0] * self.encoder.picture.pixels[..., 0].size / 8)
        else:
            scores = -predicted.distortion[KINDS.index("psnr"), 0, :, -1, ENDINGS.index(synthesis)]
        return np.interp(np.arange(GAINS), GAIN_CHOICES, scores)

    def _finest_in_time(self, synthesis: str) -> Candidate[Encoded]:
        """The finest stream that decodes in time, or else the fastest; finer gains take longer."""
        low, high = -1, GAINS - 1
        found = self._at(high, synthesis)
        while self.constraints.met_by(found) and high - low > 1:
            middle = (low + high) // 2
            candidate = self._at(middle, synthesis)
            if self.constraints.met_by(candidate):
                found, high = candidate, middle
            else:
                low = middle
        return found

    def _at(self, gain: int, synthesis: str, bit_weight: float = BIT_WEIGHT) -> Candidate[Encoded]:
        """The stream at a gain, a synthesis and a weight of bits."""
        live = self.encoder.live
        coded = encode_photo(live.weights, live.strips, gain, bit_weight, live.workers, live.kept)
        return self._measured(coded, Choice(gain, SLICE_COUNT, synthesis))

    def _measured(self, coded: CodedPicture, choice: Choice) -> Candidate[Encoded]:
        """The stream of a coded picture, with what the constraints are about."""
        live = self.encoder.live
        encoded, size = stream_of(live.weights, coded, self.encoder.picture, choice), live.pixels.shape[:2]
        quality, decode_ms = math.nan, 0.0
        if self.constraints.min_psnr is not None:
            settings = PhotoSettings(choice.gain, choice.synthesis, self.encoder.picture.gray)
            shown = shown_pixels(live.weights, coded.values_of(choice.slices), settings, size, choice.synthesis)
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


def _next_place(
    low: float,
    high: float,
    scores: dict[float, float],
    target: float,
    predicted: Callable[[float], float],
    trial: int,
) -> float:
    """Where to try next: where a line through the ends, or the predictions, reach the target, well inside of the bracket.

    Args:
        low: the largest place that is known to miss the constraint, or -1.
        high: the smallest place that is known to meet it, or the last place.
        scores: of the places tried.
        target: score.
        predicted: score of a place.
        trial: number of places tried.
    """
    if low in scores and high in scores:
        slope = max((scores[high] - scores[low]) / (high - low), 1e-6)
        place = low + (target - scores[low]) / slope
    else:
        places = np.linspace(max(low, 0.0), high, PLACES_PER_GAIN * GAINS)
        enough = np.flatnonzero([predicted(p) >= target for p in places])
        place = float(places[enough[0]]) if len(enough) else high
        if trial > 2:  # the predictions are of no use here
            place = (max(low, 0.0) + high) / 2 if high - low > 1 else high
    margin = min((high - max(low, 0.0)) / 20, 0.05)
    lowest = 0.0 if low < 0 else low + margin
    highest = high - margin if high in scores else high
    return min(max(place, lowest), highest)
