"""Constraints on a stream, whatever the preset: size, quality and decoding time; and which of the streams that meet them is
best."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Generic, TypeVar

from rlcodec.control.objective import COMPUTE_RANGE, Objective
from rlcodec.errors import MisfitError, OptionError

T = TypeVar("T")
COMPUTE_STEPS = 6
"""Bisections of the trained range of lambda_compute: to 0.05 of a power of ten."""


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """A stream that a constrained search has measured.

    Attributes:
        size_bytes: of the whole stream.
        psnr_db: of the decoded picture; infinite if it is exact, NaN if nobody asked.
        decode_ms: predicted milliseconds of decoding; 0 if they are not limited.
        source: what the preset needs to write the stream, for instance the stream itself.
    """

    size_bytes: int
    psnr_db: float
    decode_ms: float
    source: T


@dataclass(frozen=True)
class Constraints:
    """What a stream must meet; None where nothing is asked.

    Attributes:
        max_bytes: largest size of the whole stream.
        min_psnr: smallest PSNR of the decoded picture, in dB; infinity asks for every pixel exactly.
        max_decode_ms: largest predicted time of decoding on the calibrated machine, in milliseconds.

    Raises:
        OptionError: a value is no number.
    """

    max_bytes: int | None = None
    min_psnr: float | None = None
    max_decode_ms: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and (not isinstance(value, Real) or math.isnan(value)):
                raise OptionError(f"{name} is {value!r}; give a number")

    def __bool__(self) -> bool:
        return any(value is not None for value in vars(self).values())

    @property
    def limits_rate_or_quality(self) -> bool:
        """Whether size or quality is limited, which lambda_rate can meet."""
        return self.max_bytes is not None or self.min_psnr is not None

    def violated_by(self, candidate: Candidate) -> set[str]:
        """Names of the constraints that a stream does not meet."""
        met = {
            "max_bytes": self.max_bytes is None or candidate.size_bytes <= self.max_bytes,
            "min_psnr": self.min_psnr is None or candidate.psnr_db >= self.min_psnr,
            "max_decode_ms": self.max_decode_ms is None or candidate.decode_ms <= self.max_decode_ms,
        }
        return {name for name, fine in met.items() if not fine}

    def met_by(self, candidate: Candidate) -> bool:
        """Whether a stream meets all constraints."""
        return not self.violated_by(candidate)

    def sort_key(self, candidate: Candidate, tie_break: tuple[float, ...]) -> tuple[float, ...]:
        """Sort key: the best stream minimises it.

        With `min_psnr` the smallest stream is best, else with `max_bytes` the one of the best quality. `tie_break` decides
        between streams that are alike, and alone where neither is asked for."""
        if self.min_psnr is not None:
            return candidate.size_bytes, *tie_break
        return (-candidate.psnr_db, *tie_break) if self.max_bytes is not None else tie_break

    def best(self, candidates: Iterable[Candidate[T]], key: Callable[[Candidate[T]], tuple[float, ...]]) -> Candidate[T] | None:
        """The candidate with the smallest key of those that meet all constraints; None if none does."""
        return min((c for c in candidates if self.met_by(c)), key=key, default=None)

    def refusal(self, tried: Sequence[Candidate]) -> MisfitError:
        """The error that no stream meets the constraints.

        It names for each constraint the nearest value that one of the tried streams reaches which meets all others.
        """
        one_off = {name: [c for c in tried if self.violated_by(c) == {name}] for name in vars(self)}
        nearest = " or ".join(_nearest(name, candidates) for name, candidates in one_off.items() if candidates)
        if not nearest:
            least = min(tried, key=lambda candidate: len(self.violated_by(candidate)))
            nearest = " with ".join(_nearest(name, [least]) for name in sorted(self.violated_by(least)))
        asked = " and ".join(f"{name} {value:g}" for name, value in vars(self).items() if value is not None)
        return MisfitError(f"no stream of this image was found with {asked}; the nearest that can be met: {nearest}")


def _nearest(name: str, candidates: Iterable[Candidate]) -> str:
    if name == "max_bytes":
        return f"max_bytes {min(c.size_bytes for c in candidates)}"
    if name == "max_decode_ms":  # rounded up, so that it can be asked for
        return f"max_decode_ms {math.ceil(1e4 * min(c.decode_ms for c in candidates)) / 1e4:.4f}"
    return f"min_psnr {math.floor(100 * max(c.psnr_db for c in candidates)) / 100:.2f}"


def least_compute(objective: Objective, encode: Callable[[Objective], T], is_slow: Callable[[T], bool]) -> T:
    """What is encoded under an objective whose lambda_compute is raised as little as fast decoding takes, or as far as it goes.

    Args:
        objective: where to begin.
        encode: encodes under an objective.
        is_slow: whether decoding a result takes too long.
    """
    least, most = (objective.lambda_rate * 10**exponent for exponent in COMPUTE_RANGE)
    found = encode(objective)
    if not is_slow(found) or objective.lambda_compute >= most:
        return found
    slow = math.log10(max(objective.lambda_compute, least)), found
    fast = math.log10(most), encode(dataclasses.replace(objective, lambda_compute=most))
    if is_slow(fast[1]):
        return fast[1]
    return narrowed(
        lambda exponent: encode(dataclasses.replace(objective, lambda_compute=10**exponent)),
        fast, slow, COMPUTE_STEPS, lambda tried: not is_slow(tried),
    )[0]  # fmt: skip


def narrowed(
    encode: Callable[[float], T], inside: tuple[float, T], outside: tuple[float, T], steps: int, meets: Callable[[T], bool]
) -> tuple[T, T]:
    """Halves the bracket of the place from which on results meet a condition.

    Args:
        encode: the result at a place.
        inside: a place, and its result, which meets the condition.
        outside: a place, and its result, which does not.
        steps: bisections.
        meets: whether a result meets the condition.

    Returns:
        The results at both ends of the last bracket, the one that meets the condition first.
    """
    for _ in range(steps):
        middle = (inside[0] + outside[0]) / 2
        tried = middle, encode(middle)
        if meets(tried[1]):
            inside = tried
        else:
            outside = tried
    return inside[1], outside[1]
