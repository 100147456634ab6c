"""Options of encoding and decoding with preset `photo`."""

from dataclasses import dataclass

from rlcodec.options import DecodeOptions, EncodeOptions, option
from rlcodec.presets.photo.settings import check_gain, check_synthesis


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(EncodeOptions):
    """Options of encoding with preset `photo`; with constraints but no objective the stream comes as near to them as possible.

    Attributes:
        gain: index of the quantiser's step, 0 the finest to 47, instead of an objective and constraints.
        synthesis: "plain", "light" or "full": the repair that decoders should use, by which quality is judged; the policy's
            choice if None, or "light" with a gain or with constraints but no objective.
    """

    gain: int | None = option("Quantiser setting, 0 the finest to 47, instead of an objective and constraints.")
    synthesis: str | None = option("Repair in the decoder, plain, light or full; the policy's choice by default.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_gain(self.gain)
        check_synthesis(self.synthesis)


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
