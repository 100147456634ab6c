"""Options of encoding with preset `compact`."""

from dataclasses import dataclass

from rlcodec.core.segment_choice import LATENT_TIERS, TIERS
from rlcodec.errors import OptionError
from rlcodec.options import EncodeOptions, option

TIER_NAMES = TIERS[:LATENT_TIERS]
"""Names of the tiers that latents can be coded in."""


@dataclass(frozen=True, kw_only=True)
class CompactOptions(EncodeOptions):
    """Options of encoding with preset `compact`.

    `bit_budget` and `tier` set the choices by hand; an objective, a policy or constraints make them otherwise.

    Attributes:
        bit_budget: binary latents to keep, channel by channel; all if None.
        tier: of all channels, "table" or "context"; "context" if None.

    Raises:
        OptionError: a value has the wrong type, or there is no such tier.
    """

    bit_budget: int | None = option("Binary latents to keep; all by default.")
    tier: str | None = option("Tier of all segments: table or context.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tier is not None and self.tier not in TIER_NAMES:
            raise OptionError(f"unknown tier {self.tier!r}; preset compact has: {', '.join(TIER_NAMES)}")


OPTIONS = CompactOptions
