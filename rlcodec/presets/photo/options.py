"""Options of encoding and decoding with preset `photo`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rlcodec.control.objective import Objective
from rlcodec.errors import OptionError
from rlcodec.options import DecodeOptions, EncodeOptions, option
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.decisions import DEFAULT_KIND
from rlcodec.presets.photo.settings import DEFAULT_PREDICTOR, check_gain, check_predictor, check_synthesis

MOST_AQ_STRENGTH = 4.0


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(EncodeOptions):
    """Options of encoding with preset `photo`; with constraints but no objective the stream comes as near to them as possible.

    The kind of distortion, "ssimulacra2" by default, also says how bits are allocated to frequencies, colours and areas: for
    "mse" and "psnr" evenly. It can be named beside a gain, constraints or the name of an objective, which is then the one of
    that name and kind.

    Attributes:
        gain: index of the quantiser's step, 0 the finest to 511, instead of an objective and constraints.
        aq_strength: factor of how much the quantiser's step depends on what an area holds, 0 to 4; 1 is best for the kind of
            distortion, and 0 gives all areas the same step.
        synthesis: "plain", "light" or "full": the repair that decoders should use, by which quality is judged; the policy's
            choice if None, or "light" with a gain or with constraints but no objective.
        predictor: "table", one adaptive counter for each decision, which decodes fastest; "context", a mixture of several,
            which saves 1 to 2% of the bytes; or "network", a mixture with the prediction of a network, which saves as much
            again.
        raster_areas: whether areas of text, lines and flat colours may be coded pixel by pixel, exactly, where that costs less.
    """

    gain: int | None = option("Quantiser setting, 0 the finest to 511, instead of an objective and constraints.")
    aq_strength: float = option("Strength of adaptive quantisation, 0 to 4; 0 quantises all areas alike.", 1.0)
    synthesis: str | None = option("Repair in the decoder, plain, light or full; the policy's choice by default.")
    predictor: str = option(
        "Predictor of the entropy coder: table decodes fastest, context takes fewer bytes, network the fewest.",
        DEFAULT_PREDICTOR,
    )
    raster_areas: bool = option("Code areas of text, lines and flat colours pixel by pixel where that costs less.", True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_predictor(self.predictor)
        check_gain(self.gain)
        check_synthesis(self.synthesis)
        strength: object = self.aq_strength
        if not isinstance(strength, int | float) or not 0 <= strength <= MOST_AQ_STRENGTH:
            raise OptionError(f"aq_strength is {strength!r}; give a number from 0 to {MOST_AQ_STRENGTH:g}")
        if self.distortion is not None and self.distortion not in ALLOCATIONS:
            raise OptionError(f"preset photo has no objectives in {self.distortion}; it has: {', '.join(ALLOCATIONS)}")

    @property
    def kind(self) -> str:
        """Kind of distortion, by which bits are allocated."""
        return self.distortion or DEFAULT_KIND

    @property
    def names_objective(self) -> bool:
        """As `EncodeOptions.names_objective`; a kind of distortion alone is no objective."""
        named = (self.policy, self.objective, self.lambda_rate, self.lambda_compute)
        return any(value is not None for value in named)

    def resolve(self, named: Mapping[str, Objective]) -> Objective:
        """The objective that the options mean; as `EncodeOptions.resolve`, with the named objectives of the kind."""
        by_name = self.lambda_rate is None and self.lambda_compute is None
        return super(PhotoOptions, replace(self, distortion=None if by_name else self.kind)).resolve(named)


@dataclass(frozen=True, kw_only=True)
class PhotoDecodeOptions(DecodeOptions):
    """Options of decoding streams of preset `photo`.

    Attributes:
        synthesis: "plain", "light" or "full", instead of the synthesis that the stream names.
    """

    synthesis: str | None = option("Repair to use, plain, light or full; the one that the stream names by default.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_synthesis(self.synthesis)


OPTIONS = PhotoOptions
DECODE_OPTIONS = PhotoDecodeOptions
