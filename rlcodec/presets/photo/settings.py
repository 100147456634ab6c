"""The settings in the header of a photograph's stream: the quantiser, synthesis, and whether there are colours."""

from dataclasses import dataclass
from typing import Self

from rlcodec.errors import DamagedStreamError, OptionError
from rlcodec.presets.base import Settings
from rlcodec.presets.photo.colors import FIXED
from rlcodec.presets.photo.quantiser import CHROMA_FACTORS, GAINS, SHAPES, Quantiser
from rlcodec.presets.photo.repair import WIDTHS

PREDICTORS = ("table", "context", "network")
"""Names of the predictors, by the tier of a segment: one adaptive counter for each decision, a mixture of several, or
a mixture with the prediction of a network."""
DEFAULT_PREDICTOR = "context"


@dataclass(frozen=True)
class PhotoSettings(Settings):
    """The settings of a stream.

    The number in the header is `(((((gain * 8 + shape) * 4 + chroma) * 2 + fixed) * 3 + synthesis) * 2 + gray) * 2 + alpha`,
    the synthesis as its index in WIDTHS.

    Attributes:
        gain: index of the quantiser's step, 0 the finest.
        shape: level of the growth of the step with frequency.
        chroma: level of the steps of chroma.
        fixed: index of the fixed basis of colours, see `rlcodec.presets.photo.colors`.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
        gray: the picture has no colours.
        alpha: it is transparent in places.
    """

    gain: int
    shape: int
    chroma: int
    fixed: int
    synthesis: str
    gray: bool
    alpha: bool = False

    @property
    def quantiser(self) -> Quantiser:
        """The steps of the picture."""
        return Quantiser(self.gain, self.fixed, self.shape, self.chroma)

    def to_number(self) -> int:
        steps = (self.gain * SHAPES + self.shape) * len(CHROMA_FACTORS) + self.chroma
        shown = (steps * len(FIXED) + self.fixed) * len(WIDTHS) + WIDTHS.index(self.synthesis)
        return (shown * 2 + self.gray) * 2 + self.alpha

    @classmethod
    def from_number(cls, number: int) -> Self:
        """Inverse of `to_number`; raises DamagedStreamError if no settings have this number."""
        rest, alpha = divmod(number, 2)
        rest, gray = divmod(rest, 2)
        rest, synthesis = divmod(rest, len(WIDTHS))
        rest, fixed = divmod(rest, len(FIXED))
        rest, chroma = divmod(rest, len(CHROMA_FACTORS))
        gain, shape = divmod(rest, SHAPES)
        if gain >= GAINS:
            raise DamagedStreamError(f"the header names setting {number}; there is none")
        return cls(gain, shape, chroma, fixed, WIDTHS[synthesis], bool(gray), bool(alpha))


def check_gain(gain: int | None) -> None:
    """Raises OptionError unless this is the index of a gain, or None."""
    if gain is not None and not 0 <= gain < GAINS:
        raise OptionError(f"gain is {gain}; there are 0 to {GAINS - 1}")


def check_synthesis(synthesis: str | None) -> None:
    """Raises OptionError unless this is the name of a synthesis, or None."""
    if synthesis is not None and synthesis not in WIDTHS:
        raise OptionError(f"unknown synthesis {synthesis!r}; there are: {', '.join(WIDTHS)}")


def check_predictor(predictor: str) -> None:
    """Raises OptionError unless this is the name of a predictor."""
    if predictor not in PREDICTORS:
        raise OptionError(f"unknown predictor {predictor!r}; there are: {', '.join(PREDICTORS)}")
