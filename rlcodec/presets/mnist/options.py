"""Options of encoding with preset `mnist`."""

from dataclasses import dataclass

from rlcodec.control.constraints import Constraints
from rlcodec.core.segment_choice import TIERS
from rlcodec.errors import OptionError
from rlcodec.options import EncodeOptions, option


@dataclass(frozen=True, kw_only=True)
class MnistOptions(EncodeOptions):
    """Options of preset `mnist`.

    One of three ways to decide is chosen: `lossless`; `bit_budget`, `tier` and `rows`, which fix every decision; or a policy
    under an objective, which is the default. The constraints `max_bytes`, `min_psnr` and `max_decode_ms` can be added to the
    first and the last.

    Attributes:
        bit_budget: binary latents to keep; none if only `tier` or `rows` is given.
        tier: "table", "context" or "lm", for every segment; latent slices, which have no "lm", take "context" instead.
            "context" if only `bit_budget` or `rows` is given.
        rows: rows of pixels to send after the latents; all if only `bit_budget` or `tier` is given.

    Raises:
        OptionError: the options contradict each other, or there is no such tier.
    """

    bit_budget: int | None = option("Binary latents to keep.")
    tier: str | None = option("Tier of every segment: table, context or lm.")
    rows: int | None = option("Rows of pixels to send after the latents; all by default.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fixes_decisions + self.names_objective + self.lossless > 1:
            raise OptionError("choose one of: lossless; bit_budget, tier and rows; or policy, objective and lambdas")
        if self.fixes_decisions and self.constraints != Constraints():
            raise OptionError("max_bytes, min_psnr and max_decode_ms cannot be combined with bit_budget, tier and rows")
        if self.tier is not None and self.tier not in TIERS:
            raise OptionError(f"unknown tier {self.tier!r}; there are: {', '.join(TIERS)}")

    @property
    def fixes_decisions(self) -> bool:
        """Whether any of `bit_budget`, `tier` and `rows` is given."""
        return any(value is not None for value in (self.bit_budget, self.tier, self.rows))


OPTIONS = MnistOptions
