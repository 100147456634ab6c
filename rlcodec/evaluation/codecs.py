"""Codecs at named settings, all behind one interface: rlcodec's presets, policies, and the formats that people use."""

import functools
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from rlcodec.api import decode, encode, inspect
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import load_policy, policy_file, preset_of_policy
from rlcodec.core.preset_ids import COMPACT, MNIST, PHOTO, Preset, preset_by_name
from rlcodec.envs.tasks import task_of
from rlcodec.errors import OptionError
from rlcodec.presets.photo.decoder import check_width

SHIPPED = "shipped"
OWN, POLICY = "rlcodec:", "policy:"
FRUGAL = "/frugal"
QUALITIES = (10, 25, 45, 65, 80, 90)
GAINS = (6, 12, 18, 24, 30, 36)
BUDGETS = (49, 98, 196, 392)
TIERS = ("table", "context", "lm")
RATES: Mapping[str, tuple[str, tuple[float, ...]]] = {
    MNIST.name: ("psnr", (1.6, 1.75, 1.9, 2.05, 2.2)),
    PHOTO.name: ("psnr", (0.45, 0.65, 0.85, 1.05, 1.3, 1.55)),
    COMPACT.name: ("psnr", (1.0, 1.3, 1.6, 1.9, 2.2, 2.5)),
}
"""Kind of the objectives that a preset's policies are tried under, and log10 of their lambda_rate."""
COMPUTE = {"": -4.4, FRUGAL: -2.35}
"""log10 of lambda_compute / lambda_rate: where compute is nearly free, and where it is dear."""


@dataclass(frozen=True)
class Format:
    """A format that Pillow writes.

    Attributes:
        kind: Pillow's name of it.
        options: of every file.
        settings: by name, what else is given to Pillow.
        library: what Pillow's `features` call the library behind it, or the package that does.
    """

    kind: str
    options: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    library: str


def _qualities(*qualities: int) -> dict[str, dict[str, Any]]:
    return {f"quality {quality}": {"quality": quality} for quality in qualities}


JXL_PLUGIN = "pillow_jxl"
FORMATS: Mapping[str, Format] = {
    "jpeg": Format("JPEG", {"optimize": True, "progressive": True}, _qualities(*QUALITIES), "libjpeg_turbo"),
    "webp": Format("WEBP", {"method": 6}, _qualities(*QUALITIES), "webp"),
    "avif": Format("AVIF", {"speed": 6}, _qualities(*QUALITIES), "avif"),
    "jxl": Format("JXL", {"effort": 7}, _qualities(*QUALITIES), JXL_PLUGIN),
    "jp2": Format(
        "JPEG2000",
        {"irreversible": True, "quality_mode": "dB"},
        {f"{db} dB": {"quality_layers": [db]} for db in (26, 29, 32, 35, 38, 41)},
        "jpg_2000",
    ),
    "png": Format("PNG", {"optimize": True}, {"lossless": {}}, "zlib"),
}
"""The formats people use, by the names of the command line; jpeg, webp and avif halve the resolution of colours."""


@dataclass(frozen=True)
class Codec:
    """A codec and the settings that it is measured at.

    Attributes:
        name: as on the command line.
        about: how it runs, and a digest or versions that tell when it has changed.
        settings: from coarse to fine or the other way; options of `encode`.
        encode: from a picture, uint8 (height, width) or (height, width, 3), and a setting's options to the whole file.
        decode: back, to Pillow's mode "L" or "RGB", which that of the picture was.
        inside: from the file to decoder kMAC per pixel and, where the encoder chose, what; NaN and "" if unknown.
    """

    name: str
    about: str
    settings: Mapping[str, Mapping[str, Any]]
    encode: Callable[[np.ndarray, Mapping[str, Any]], bytes]
    decode: Callable[[bytes, str], np.ndarray]
    inside: Callable[[bytes], tuple[float, str]]


@functools.cache
def codec_by_name(name: str, folder: Path = Path()) -> Codec:
    """The codec of a name as on the command line.

    Names are those of `FORMATS`; rlcodec:mnist, rlcodec:photo or rlcodec:compact, photo also with a width of its synthesis,
    as rlcodec:photo/full; policy:FILE or policy:shipped, also with /frugal behind it, where compute is dear. The shipped
    policy is that of preset photo; policy:shipped:mnist is the other.

    Args:
        name: of the codec.
        folder: in which a policy's FILE is looked for, unless it is an absolute path.

    Raises:
        OptionError: there is no such codec, or what it needs is not installed.
        PolicyError: the policy cannot be used.
    """
    if name.startswith(POLICY):
        return _policy(name, folder)
    if name.startswith(OWN):
        return _own(name)
    if name not in FORMATS:
        raise OptionError(f"unknown codec {name!r}; there are: rlcodec:PRESET, {', '.join(FORMATS)}, and policies")
    return _classical(name, FORMATS[name])


def preset_of_codec(name: str) -> Preset | None:
    """The preset that a codec's name means, None of formats; errors as `codec_by_name`."""
    if name.startswith(OWN):
        return preset_by_name(name.removeprefix(OWN).partition("/")[0])
    return _policy_of(name)[1] if name.startswith(POLICY) else None


def decode_own(data: bytes, mode: str) -> np.ndarray:
    """As `open_picture`, of one of rlcodec's streams."""
    return np.asarray(decode(data).convert(mode))


def register_formats() -> None:
    """Makes Pillow know all formats that it can have here, those of installed plugins among them."""
    if find_spec(JXL_PLUGIN):
        import_module(JXL_PLUGIN)
    Image.init()


def save_picture(picture: np.ndarray, kind: str, options: Mapping[str, Any]) -> bytes:
    """A picture, uint8 (height, width) or (height, width, 3), as a file of a format that Pillow knows."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def open_picture(data: bytes, mode: str) -> np.ndarray:
    """What a file that Pillow wrote holds in a mode: "L", uint8 (height, width), or "RGB", (height, width, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))


def _classical(name: str, made: Format) -> Codec:
    register_formats()
    if made.kind not in Image.SAVE:
        how = "pip install rlcodec[jxl]" if made.library == JXL_PLUGIN else "this Pillow was built without it"
        raise OptionError(f"Pillow cannot write {name} here: {how}")
    about = f"Pillow {version('pillow')}, {_library(made.library)}" + "".join(f", {k} {v}" for k, v in made.options.items())
    return Codec(
        name,
        about,
        made.settings,
        lambda picture, options: save_picture(picture, made.kind, {**made.options, **options}),
        open_picture,
        lambda data: (float("nan"), ""),
    )


def _library(name: str) -> str:
    if name == JXL_PLUGIN:
        return f"pillow-jxl-plugin {version('pillow-jxl-plugin')}"
    found = features.version(name)
    return f"{name} {found}" if found else name


def _own(name: str) -> Codec:
    preset, _, width = name.removeprefix(OWN).partition("/")
    named = preset_by_name(preset)
    if width and named is not PHOTO:
        raise OptionError(f"unknown codec {name!r}; only {OWN}{PHOTO.name} has widths of the synthesis")
    options: dict[str, Any] = {"preset": preset} | ({"synthesis": width} if width else {})
    settings: dict[str, dict[str, Any]]
    if named is PHOTO:
        check_width(width or None)
        settings = {f"gain {gain}": {"gain": gain} for gain in GAINS}
    elif named is COMPACT:
        settings = {f"tier {tier}": {"tier": tier} for tier in TIERS[:2]}
    else:
        settings = {f"{bits} bits": {"bit_budget": bits, "rows": 0} for bits in BUDGETS}
        settings |= {f"lossless, {tier}": {"tier": tier} for tier in TIERS}
    return Codec(
        name,
        f"rlcodec {version('rlcodec')}, model {task_of(preset).model.digest[:16]}" + (f", synthesis {width}" if width else ""),
        settings,
        lambda picture, given: encode(picture, **options, **given),
        decode_own,
        lambda data: (inspect(data).decoder_kmac_per_pixel, ""),
    )


def _policy_of(name: str, folder: Path = Path()) -> tuple[Path | None, Preset, str]:
    """File of a policy, None of a shipped one; its preset; and how dear compute is, a key of `COMPUTE`."""
    frugal = FRUGAL if name.endswith(FRUGAL) else ""
    which = name.removeprefix(POLICY).removesuffix(FRUGAL)
    shipped, _, preset = which.partition(":")
    if shipped == SHIPPED:
        return None, preset_by_name(preset or PHOTO.name), frugal
    path = folder / which
    return path, preset_by_name(preset_of_policy(path)), frugal


def _policy(name: str, folder: Path) -> Codec:
    path, preset, frugal = _policy_of(name, folder)
    policy = load_policy(path, task_of(preset.name).model)
    kind, rates = RATES[preset.name]
    objectives = {
        f"{kind}, lambda_rate 10^{rate:g}": Objective(kind, 10**rate, 10 ** (rate + COMPUTE[frugal])) for rate in rates
    }
    settings = {
        title: {"distortion": kind, "lambda_rate": goal.lambda_rate, "lambda_compute": goal.lambda_compute}
        for title, goal in objectives.items()
    }
    digest = hashlib.sha256(policy_file(path, preset).read_bytes()).hexdigest()[:16]
    about = (
        f"rlcodec {version('rlcodec')}, model {policy.codec_digest[:16]}, policy {digest}, "
        f"lambda_compute 10^{COMPUTE[frugal]:g} of lambda_rate"
    )

    def inside(data: bytes) -> tuple[float, str]:
        found = inspect(data)
        return found.decoder_kmac_per_pixel, found.choice

    return Codec(
        name,
        about,
        settings,
        lambda picture, options: encode(picture, preset=preset.name, policy=path, **options),
        decode_own,
        inside,
    )
