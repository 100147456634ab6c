"""Segments: the parts of a stream that an encoder decides on one by one, and what each costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import STOP, TIERS

MACS_PER_KMAC = 1000


@dataclass(frozen=True)
class Segment:
    """A place in the stream: a slice of latents, a row of pixels, a slice of a strip of a photograph, or a strip of a picture.

    Attributes:
        kind: "latent", "pixels", "slice" or "strip".
        index: of the slice, row or strip.
        symbols: bits of the slice that the budget keeps, or pixels of the row; 0 if they are not counted.
        strip: of a picture, from the top.
    """

    kind: str
    index: int
    symbols: int
    strip: int = 0


@dataclass(frozen=True)
class CodedSegment:
    """What a segment cost, its own choice included.

    Attributes:
        segment: which.
        tier: index into `TIERS`; STOP for the mark that ends a stream early.
        cost: code length in 1/COST_UNIT bit.
        macs: multiply-accumulates that the decoder spends on it.
        complete: False where a cut stream ended inside it.
    """

    segment: Segment
    tier: int
    cost: int
    macs: int
    complete: bool = True

    @property
    def bits(self) -> float:
        """Code length in bits."""
        return self.cost / COST_UNIT

    @property
    def tier_name(self) -> str:
        """Name of the tier, or "stop"."""
        return "stop" if self.tier == STOP else TIERS[self.tier]


def coded_segments(
    segments: Sequence[Segment], choices: np.ndarray, costs: np.ndarray, macs: np.ndarray, exhausted: bool
) -> list[CodedSegment]:
    """What each segment of a run cost; other arguments as the attributes of `CodedSegment`, int64 (n,).

    Args:
        segments: n of them.
        choices: STOP or a tier of each.
        costs: of each.
        macs: of each.
        exhausted: whether the data ended inside the last.
    """
    complete = [True] * (len(segments) - 1) + [not exhausted]
    return list(map(CodedSegment, segments, choices.tolist(), costs.tolist(), macs.tolist(), complete))


def describe_tiers(segments: Iterable[CodedSegment]) -> str:
    """The tiers that some segments were sent in, in words."""
    tiers = {s.tier for s in segments if s.tier != STOP}
    return ", ".join(f"tier {TIERS[tier]}" for tier in sorted(tiers)) or "nothing sent"
