"""The settings in the header of a photograph's stream: gain of the quantiser, synthesis, and whether there are colours."""

from dataclasses import dataclass
from typing import Self

from rlcodec.errors import DamagedStreamError, OptionError
from rlcodec.presets.base import Settings
from rlcodec.presets.photo.coefficient_coder import GAINS
from rlcodec.presets.photo.repair import PLAIN, REPAIRS, WIDTHS

PLAIN_BASE = 2 * GAINS * len(REPAIRS)
"""Numbers from here on stand for streams without a repair network."""


@dataclass(frozen=True)
class PhotoSettings(Settings):
    """The settings of a stream.

    The number in the header is `(gain * 2 + synthesis) * 2 + gray`, the synthesis as its index among the repair networks;
    without a repair network it is `PLAIN_BASE + 4 * gain + gray`.

    Attributes:
        gain: index of the quantiser's step, 0 the finest.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
        gray: the picture has no colours.
    """

    gain: int
    synthesis: str
    gray: bool

    def to_number(self) -> int:
        if self.synthesis == PLAIN:
            return PLAIN_BASE + 4 * self.gain + self.gray
        return (self.gain * len(REPAIRS) + REPAIRS.index(self.synthesis)) * 2 + self.gray

    @classmethod
    def from_number(cls, number: int) -> Self:
        """Inverse of `to_number`; raises DamagedStreamError if no settings have this number."""
        plain, rest = divmod(number, PLAIN_BASE)
        gain, repair = divmod(rest >> 1, len(REPAIRS))
        if plain > 1 or (plain and repair):
            raise DamagedStreamError(f"the header names setting {number}; there is none")
        return cls(gain, PLAIN if plain else REPAIRS[repair], bool(number & 1))


def check_gain(gain: int | None) -> None:
    """Raises OptionError unless this is the index of a gain, or None."""
    if gain is not None and not 0 <= gain < GAINS:
        raise OptionError(f"gain is {gain}; there are 0 to {GAINS - 1}")


def check_synthesis(synthesis: str | None) -> None:
    """Raises OptionError unless this is the name of a synthesis, or None."""
    if synthesis is not None and synthesis not in WIDTHS:
        raise OptionError(f"unknown synthesis {synthesis!r}; there are: {', '.join(WIDTHS)}")
