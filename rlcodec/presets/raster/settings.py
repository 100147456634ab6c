"""The settings in the header of a stream of preset `raster`: channels, predictor and the largest error."""

from dataclasses import dataclass
from typing import Self

from rlcodec.errors import DamagedStreamError, OptionError
from rlcodec.presets.base import Settings

MODES = ("L", "LA", "RGB", "RGBA")
"""Pillow's modes of pictures, by the number of channels less one."""
PREDICTORS = ("table", "context", "ensemble")
"""Names of the predictors, by the tier of a segment: one adaptive counter for each decision, a mixture of four beside a fitted
linear prediction, or a mixture of eight beside two of these, which are fitted more often."""
DEFAULT_PREDICTOR = "context"
MOST_ERROR = 8
"""The largest `max_error`."""


@dataclass(frozen=True)
class RasterSettings(Settings):
    """The settings of a stream.

    The number in the header is `(max_error * 3 + predictor) * 4 + mode`, predictor and mode as their indices.

    Attributes:
        mode: one of MODES.
        predictor: one of PREDICTORS.
        max_error: the largest difference of a decoded sample from the original; 0 if the stream is lossless.
    """

    mode: str
    predictor: str
    max_error: int

    @property
    def channels(self) -> int:
        """Channels of a pixel."""
        return MODES.index(self.mode) + 1

    @property
    def tier(self) -> int:
        """Index of the predictor."""
        return PREDICTORS.index(self.predictor)

    def to_number(self) -> int:
        return (self.max_error * len(PREDICTORS) + self.tier) * len(MODES) + MODES.index(self.mode)

    @classmethod
    def from_number(cls, number: int) -> Self:
        """Inverse of `to_number`; raises DamagedStreamError if no settings have this number."""
        rest, mode = divmod(number, len(MODES))
        max_error, tier = divmod(rest, len(PREDICTORS))
        if max_error > MOST_ERROR:
            raise DamagedStreamError(f"the header names setting {number}; there is none")
        return cls(MODES[mode], PREDICTORS[tier], max_error)


def check_predictor(predictor: str) -> None:
    """Raises OptionError unless this is the name of a predictor."""
    if predictor not in PREDICTORS:
        raise OptionError(f"unknown predictor {predictor!r}; there are: {', '.join(PREDICTORS)}")


def check_max_error(max_error: int) -> None:
    """Raises OptionError unless a stream can have this bound on the error of a sample."""
    if not 0 <= max_error <= MOST_ERROR:
        raise OptionError(f"max_error is {max_error}; give 0 for a lossless stream, to {MOST_ERROR}")
