"""Limits that people name, whatever the preset: so many bytes at most, so many dB at least, so many milliseconds of decoding.

Which streams keep to them, which of those is wanted, and what is said where none does.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real

from rlcodec.errors import MisfitError, OptionError


@dataclass(frozen=True)
class Figures:
    """What limits are about, of one stream.

    Attributes:
        size_bytes: of the whole stream.
        psnr_db: of the decoded picture; infinite where it is exact.
        decode_ms: predicted milliseconds of decoding; 0 where nobody limits them.
    """

    size_bytes: int
    psnr_db: float
    decode_ms: float


@dataclass(frozen=True)
class Limits:
    """What a stream should keep to; None where anything goes.

    Attributes:
        max_bytes: of the whole stream, at most.
        min_psnr: of the decoded picture, at least, in dB; infinity asks for every pixel exactly.
        max_decode_ms: predicted milliseconds of decoding on the calibrated machine, at most.
    """

    max_bytes: int | None = None
    min_psnr: float | None = None
    max_decode_ms: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and (not isinstance(value, Real) or math.isnan(value)):
                raise OptionError(f"{name} is {value!r}; give a number")

    def shortfalls(self, size_bytes: int, psnr_db: float, decode_ms: float) -> set[str]:
        """Names of the limits that a stream of these figures does not keep to."""
        kept = {
            "max_bytes": self.max_bytes is None or size_bytes <= self.max_bytes,
            "min_psnr": self.min_psnr is None or psnr_db >= self.min_psnr,
            "max_decode_ms": self.max_decode_ms is None or decode_ms <= self.max_decode_ms,
        }
        return {name for name, fine in kept.items() if not fine}

    def missed_by(self, figures: Figures) -> set[str]:
        """Names of the limits that a stream does not keep to."""
        return self.shortfalls(figures.size_bytes, figures.psnr_db, figures.decode_ms)

    def order(self, figures: Figures, worth: tuple[float, ...]) -> tuple[float, ...]:
        """What is least of the stream that is wanted: with `min_psnr` its bytes, else with `max_bytes` the finest is wanted;
        where neither is named or streams are alike, the least `worth`.
        """
        if self.min_psnr is not None:
            return figures.size_bytes, *worth
        return (-figures.psnr_db, *worth) if self.max_bytes is not None else worth

    def refusal(self, tried: Sequence[Figures]) -> MisfitError:
        """Says that no stream keeps to them: for each limit, how near one of those tried comes that keeps to the others."""
        one_off = {name: [f for f in tried if self.missed_by(f) == {name}] for name in vars(self)}
        nearest = " or ".join(_nearest(name, figures) for name, figures in one_off.items() if figures)
        if not nearest:
            least = min(tried, key=lambda figures: len(self.missed_by(figures)))
            nearest = " with ".join(_nearest(name, [least]) for name in sorted(self.missed_by(least)))
        asked = " and ".join(f"{name} {value:g}" for name, value in vars(self).items() if value is not None)
        return MisfitError(f"no stream of this image was found with {asked}; the nearest that can be met: {nearest}")


def _nearest(name: str, figures: Iterable[Figures]) -> str:
    if name == "max_bytes":
        return f"max_bytes {min(f.size_bytes for f in figures)}"
    if name == "max_decode_ms":  # rounded so that it can be asked for
        return f"max_decode_ms {math.ceil(1e4 * min(f.decode_ms for f in figures)) / 1e4:.4f}"
    return f"min_psnr {math.floor(100 * max(f.psnr_db for f in figures)) / 100:.2f}"
