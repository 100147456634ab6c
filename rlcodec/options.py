"""Options of encoding and decoding: one dataclass per preset over a common one.

`rlcodec.encode(image, preset=..., **keywords)`, the command line and the Pillow plugin all build the same dataclass. The
metadata of a field hold the help text of its command-line option and the smallest value that the command line accepts.
"""

import operator
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from rlcodec.control.constraints import Constraints
from rlcodec.control.objective import DEFAULT, KINDS, Objective
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.errors import OptionError

PathLike = str | os.PathLike[str]
LOSSLESS = "lossless"
"""Name of an objective that asks for every pixel exactly, without a policy."""


def option(help_text: str, default: Any = None, *, least: int | None = None, hidden: bool = False) -> Any:
    """A field of an options dataclass.

    Args:
        help_text: of the command-line option.
        default: of the field.
        least: smallest value that the command line accepts.
        hidden: whether the command line leaves the option out.
    """
    return field(default=default, metadata={"help": help_text, "least": least, "hidden": hidden})


class KeywordOptions:
    """Base class of dataclasses of options that `options_from` builds from keyword arguments.

    Fields whose type is int hold whole numbers; subclasses that check more call `super().__post_init__()` first.

    Raises:
        OptionError: a field that holds a whole number is given something else.
    """

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            if value is not None and f.type in (int, int | None):
                object.__setattr__(self, f.name, whole_number(f.name, value))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all options, in the order of their declaration."""
        return tuple(f.name for f in fields(cls))  # type: ignore[arg-type]

    def given(self) -> tuple[str, ...]:
        """Names of the options whose values differ from their defaults."""
        return tuple(
            f.name
            for f in fields(self)  # type: ignore[arg-type]
            if f.default is not MISSING and getattr(self, f.name) != f.default
        )


Options = TypeVar("Options", bound=KeywordOptions)


def options_from(
    keywords: Mapping[str, Any],
    preset: str,
    types: Mapping[str, type[Options]],
    error: type[OptionError] = OptionError,
) -> Options:
    """The options of a preset from keyword arguments; those that are None keep their defaults.

    Args:
        keywords: values by names of options; None stands for an option that is not given.
        preset: its name.
        types: options dataclasses of all presets, by their names.
        error: raised if only other presets have an option that is given.

    Raises:
        OptionError: no preset has an option, only others do, or a value is invalid.
    """
    known = types[preset].names()
    for name, value in keywords.items():
        if name in known:
            continue
        owners = [other for other, options in types.items() if name in options.names()]
        if not owners:
            raise OptionError(f"there is no option {name}; preset {preset} has: {', '.join(known)}")
        if value is not None:
            raise error(f"{name} is an option of preset{'s' * (len(owners) > 1)} {' and '.join(owners)}, not of {preset}")
    return types[preset](**{name: value for name, value in keywords.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(KeywordOptions):
    """Options of encoding that every preset has.

    Attributes:
        policy: file of the policy that makes the decisions; the preset's shipped policy if None.
        objective: name of an objective of the preset, for instance "small", "balanced" or "fast"; or "lossless".
        lambda_rate: distortion that one bit per pixel is worth; sets the objective by numbers.
        lambda_compute: distortion that one decoder kMAC per pixel is worth.
        distortion: kind of the distortion that the lambdas weigh against, for instance "mse", "psnr", "ms-ssim" or
            "ssimulacra2"; presets differ in which they take.
        lossless: every pixel is coded exactly.
        max_bytes: largest size of the whole stream.
        min_psnr: smallest PSNR of the decoded picture, in dB; infinity asks for every pixel exactly.
        max_decode_ms: largest predicted time of decoding on this machine, in milliseconds.
        max_pixels: larger images are refused before they are read.
        workers: threads; as many as there are cores if None.

    Raises:
        OptionError: a value has the wrong type or is out of range.
    """

    policy: PathLike | None = option("Policy file written by `rlcodec export`; the shipped policy by default.")
    objective: str | None = option("Named objective: small, balanced, fast or lossless.")
    lambda_rate: float | None = option("Distortion that one bit per pixel is worth.")
    lambda_compute: float | None = option("Distortion that one decoder kMAC per pixel is worth.")
    distortion: str | None = option(
        "Kind of distortion that the lambdas weigh against: mse, psnr, ms-ssim or, where the preset has it, ssimulacra2."
    )
    lossless: bool = option("Code every pixel exactly.", False)
    max_bytes: int | None = option("Largest size of a stream in bytes.")
    min_psnr: float | None = option("Smallest PSNR of a decoded picture in dB.")
    max_decode_ms: float | None = option("Largest decoding time on this machine in ms, predicted from `rlcodec calibrate`.")
    max_pixels: int = option("Refuse larger images; 2**28 is the maximum.", MAX_PIXELS, least=1)
    workers: int | None = option("Threads; all cores by default.", hidden=True)

    @property
    def constraints(self) -> Constraints:
        """The limits that the stream must meet."""
        return Constraints(self.max_bytes, self.min_psnr, self.max_decode_ms)

    @property
    def asks_for_exact_pixels(self) -> bool:
        """Whether lossless coding is asked for, by option or by the name of the objective."""
        by_numbers = any(value is not None for value in (self.lambda_rate, self.lambda_compute, self.distortion))
        return self.lossless or (self.objective == LOSSLESS and not by_numbers)

    @property
    def names_objective(self) -> bool:
        """Whether any option asks for decisions by a policy or under an objective."""
        named = (self.policy, self.objective, self.lambda_rate, self.lambda_compute, self.distortion)
        return any(value is not None for value in named)

    def resolve(self, named: Mapping[str, Objective]) -> Objective:
        """The objective that the options mean.

        Args:
            named: the preset's named objectives.

        Raises:
            OptionError: an unknown name, or a name together with numbers.
        """
        if self.lambda_rate is None and self.lambda_compute is None and self.distortion is None:
            name = self.objective or DEFAULT
            if name not in named:
                raise OptionError(f"unknown objective {name!r}; there are: {', '.join([*named, LOSSLESS])}")
            return named[name]
        if self.objective is not None:
            raise OptionError("give either an objective's name or lambda_rate and lambda_compute, not both")
        if self.lambda_rate is None:
            raise OptionError("lambda_compute and distortion need lambda_rate beside them")
        return Objective(self.distortion or KINDS[0], self.lambda_rate, self.lambda_compute or 0.0)


@dataclass(frozen=True, kw_only=True)
class DecodeOptions(KeywordOptions):
    """Options of decoding that every preset has.

    Attributes:
        workers: threads; as many as there are cores if None.
    """

    workers: int | None = option("Threads; all cores by default.", hidden=True)


def whole_number(name: str, value: Any) -> int | None:
    """The value as an int; None stays None.

    Raises:
        OptionError: it is no whole number.
    """
    if value is None:
        return None
    try:
        return operator.index(value)
    except TypeError:
        raise OptionError(f"{name} is {value!r}; give a whole number") from None
