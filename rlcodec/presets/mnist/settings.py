"""What the header of a stream of preset `mnist` says: the bit budget."""

from dataclasses import dataclass
from typing import Self

from rlcodec.core.container import Header
from rlcodec.errors import DamagedStreamError
from rlcodec.presets.base import Settings
from rlcodec.presets.mnist.segments import max_bit_budget
from rlcodec.presets.mnist.weights import MnistWeights


@dataclass(frozen=True)
class MnistSettings(Settings):
    """What a stream of preset `mnist` says in its header.

    Attributes:
        bit_budget: binary latents that the encoder kept.
    """

    bit_budget: int

    def to_number(self) -> int:
        return self.bit_budget

    @classmethod
    def of(cls, header: Header, weights: MnistWeights) -> Self:
        """The settings of a stream; raises DamagedStreamError if an image of its size has fewer latents."""
        if header.settings > max_bit_budget(weights, header.height, header.width):
            raise DamagedStreamError(f"the header declares {header.settings} latent bits, more than such an image has")
        return cls(header.settings)
