"""What the header of a stream of preset `compact` says: `2 * bit_budget + gray`."""

from dataclasses import dataclass
from typing import Self

from rlcodec.core.container import Header
from rlcodec.errors import DamagedStreamError
from rlcodec.presets.base import Settings, check_padded_size
from rlcodec.presets.compact.transform import LATENT_CHANNELS, latent_size


@dataclass(frozen=True)
class CompactSettings(Settings):
    """Settings of a stream.

    Attributes:
        bit_budget: binary latents that the encoder kept, channel by channel.
        gray: whether decoders show a gray picture.
    """

    bit_budget: int
    gray: bool

    def to_number(self) -> int:
        return 2 * self.bit_budget + self.gray

    @classmethod
    def from_header(cls, header: Header) -> Self:
        """The settings of a stream; raises DamagedStreamError if no such picture can be decoded."""
        rows, columns = latent_size(header.height, header.width)
        check_padded_size(header)
        bit_budget, gray = divmod(header.settings, 2)
        if bit_budget > LATENT_CHANNELS * rows * columns:
            raise DamagedStreamError(f"the header declares {bit_budget} latent bits, more than such a picture has")
        return cls(bit_budget, bool(gray))
