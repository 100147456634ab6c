"""What the header of a stream of preset `mnist` says: the bit budget."""

from dataclasses import dataclass
from typing import Self

from rlcodec.core.container import Header
from rlcodec.presets.base import Settings


@dataclass(frozen=True)
class MnistSettings(Settings):
    """What a stream of preset `mnist` says in its header.

    Attributes:
        bit_budget: binary latents that the encoder kept.
    """

    bit_budget: int

    def to_number(self) -> int:
        """The number in the header."""
        return self.bit_budget

    @classmethod
    def from_header(cls, header: Header) -> Self:
        """The settings of a stream; whether an image of its size has so many latents is not checked."""
        return cls(header.settings)
