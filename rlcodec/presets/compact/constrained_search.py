"""Finds the best stream of a picture under an objective or within constraints, of all that an episode can lead to.

There are few choices: a budget of channels and a tier or a stop for each group of them (`rlcodec.presets.compact.choices`), or
nothing at all. Coding the latent once in each tier tells exactly what every choice costs: bytes, compute and milliseconds. What
decoders show depends on the number of channels alone. The search bounds what each number of channels can be worth by a perfect
picture, and measures in the order of these bounds until none can beat the best choice so far. So the result is optimal, and the
synthesis runs at most len(COUNTS) times.
"""

import math
from dataclasses import dataclass

import numpy as np

from rlcodec.control.constraints import Candidate, Constraints
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import Objective, distortion
from rlcodec.core.container import header_bytes
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.segment_choice import STOP
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.base import Encoded
from rlcodec.presets.compact.choices import (
    BUDGETS,
    COUNT_AT,
    COUNTS,
    DEPTH,
    NODES,
    PATHS,
    choices_at,
    payload_bytes_at_nodes,
    sums_at_nodes,
)
from rlcodec.presets.compact.decode_cost import decode_work
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.compact.settings import CompactSettings
from rlcodec.presets.compact.transform import synthesis_macs

NOTHING = len(BUDGETS) * NODES
"""The choice of sending nothing; any other is `budget * NODES + node`."""
CHOICES = NOTHING + 1
COUNT_OF_CHOICE = np.append(COUNT_AT[:, DEPTH].reshape(-1), 0)
"""Index in COUNTS of the channels that each choice sends."""


@dataclass(frozen=True)
class Quality:
    """Quality of what decoders show.

    Attributes:
        psnr_db: infinite if it is exact.
        distortion: D in the objective's kind; 0 if there is no objective.
    """

    psnr_db: float
    distortion: float


def choice_of(budget: int, node: int) -> int:
    """The number of the choice of an episode's end."""
    return budget * NODES + node


class ChoiceSearch:
    """The search for the best choice about one picture.

    Args:
        source: the picture.
        objective: what to minimise; None if only the constraints count.
        constraints: what the stream must meet.
        calibration: of this machine, if decoding time is limited.
    """

    def __init__(
        self,
        source: AnalysedPicture,
        objective: Objective | None,
        constraints: Constraints,
        calibration: Calibration | None,
    ):
        self.source, self.objective, self.constraints = source, objective, constraints
        self._perfect = Quality(math.inf, 0.0 if objective is None else float(distortion(objective.kind, 0.0)))
        self._qualities: dict[int, Quality] = {}
        cost, macs = source.channel_costs
        height, width = source.picture.original.shape[:2]
        payload_bytes = np.append(payload_bytes_at_nodes(cost[None]), 0)
        macs_by_tier = sums_at_nodes(macs[None]).reshape(len(macs), -1)
        macs_of_choice = np.append(macs_by_tier.sum(0), 0) + synthesis_macs(*source.latent.shape[1:])
        self._size_bytes = payload_bytes + [
            header_bytes(COMPACT, height, width, self._settings(choice).to_number(), int(size))
            for choice, size in enumerate(payload_bytes)
        ]
        self._rate_bpp = 8 * payload_bytes / (height * width)
        self._decoder_kmac_per_pixel = macs_of_choice / MACS_PER_KMAC / (height * width)
        self._decode_ms = np.zeros(CHOICES)
        if calibration is not None:
            for choice in range(CHOICES):
                tiers = set(PATHS[choice % NODES].tolist()) - {STOP} if choice != NOTHING else set()
                work = decode_work(height, width, {tier: int(macs_by_tier[tier, choice]) for tier in tiers})
                self._decode_ms[choice] = calibration.predicted_ms(COMPACT.name, source.weights.digest, work)

    def _settings(self, choice: int) -> CompactSettings:
        channels = 0 if choice == NOTHING else BUDGETS[choice // NODES]
        return CompactSettings(channels * self.source.latent[0].size, self.source.picture.gray)

    def _quality(self, count: int) -> Quality:
        """Measured quality of what decoders show of COUNTS[count] channels."""
        if count not in self._qualities:
            original = self.source.picture.original
            picture = self.source.show(int(COUNTS[count]) * self.source.latent[0].size)
            measured = 0.0
            if self.objective is not None:
                in_loss = self.objective.kind == "ms-ssim"
                error = 1 - ms_ssim(original, picture) if in_loss else np.square(picture.astype(np.int64) - original).mean()
                measured = float(distortion(self.objective.kind, error))
            self._qualities[count] = Quality(psnr_db(original, picture), measured)
        return self._qualities[count]

    def _candidate(self, choice: int, quality: Quality | None = None) -> Candidate[int]:
        """A choice as a candidate, with measured quality unless another is assumed."""
        psnr = (quality or self._quality(int(COUNT_OF_CHOICE[choice]))).psnr_db
        return Candidate(int(self._size_bytes[choice]), psnr, float(self._decode_ms[choice]), choice)

    def _key(self, candidate: Candidate[int], lost: float) -> tuple[float, ...]:
        """Sort key: the best choice minimises it."""
        if self.objective is None:
            tie_break = -candidate.psnr_db, candidate.size_bytes, candidate.decode_ms
            return self.constraints.sort_key(candidate, tie_break)
        rate, kmac = self._rate_bpp[candidate.source], self._decoder_kmac_per_pixel[candidate.source]
        return float(self.objective.value(lost, rate, kmac)), candidate.size_bytes

    def meets_constraints(self, choice: int) -> bool:
        """Whether a choice's stream meets all constraints."""
        return self.constraints.met_by(self._candidate(choice))

    def best(self) -> int:
        """The best of the choices whose streams meet all constraints.

        Raises:
            MisfitError: there is none; the message names the nearest that can be met.
        """
        perfect = filter(self.constraints.met_by, (self._candidate(choice, self._perfect) for choice in range(CHOICES)))
        best: tuple[tuple[float, ...], int] | None = None
        for bound, choice in sorted(
            (self._key(candidate, self._perfect.distortion), candidate.source) for candidate in perfect
        ):
            if best and best[0] < bound:
                break
            candidate = self._candidate(choice)
            if self.constraints.met_by(candidate):
                keyed = self._key(candidate, self._quality(int(COUNT_OF_CHOICE[choice])).distortion), choice
                best = min(keyed, best or keyed)
        if best is None:
            raise self.constraints.refusal([self._candidate(choice) for choice in range(CHOICES)])
        return best[1]

    def encode(self, choice: int) -> Encoded:
        """Encodes the picture as a choice says."""
        tiers = np.empty(0, np.int64) if choice == NOTHING else choices_at(*divmod(choice, NODES))
        return self.source.encode(self._settings(choice).bit_budget, tiers)
