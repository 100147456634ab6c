"""Codecs at named settings behind one interface: presets of rlcodec, policies, and the formats that people use instead.

Everything that compares codecs takes them from here: `rlcodec evaluate`, reports, published comparisons and benchmarks. A name
is that of a preset, a policy or a format, and may end in options of the encoder, as in `avif:444:speed=4`.
"""

import functools
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image, features

from rlcodec.api import decode, encode, inspect
from rlcodec.control.onnx_policy import preset_of_policy
from rlcodec.errors import ImageError, OptionError
from rlcodec.images.saving import image_bytes
from rlcodec.presets.base import Preset
from rlcodec.presets.policies import policy_file, policy_of
from rlcodec.presets.registry import preset_by_name, preset_for

PRESET, POLICY = "rlcodec:", "policy:"
"""What the names of presets and of policies begin with."""
SHIPPED = "shipped"
LOW_COMPUTE = "/low-compute"
LOG10_COMPUTE_WEIGHT = {"": -4.4, LOW_COMPUTE: -2.35}
"""log10 of lambda_compute / lambda_rate by what follows a policy's name: compute is nearly free, or expensive."""
QUALITIES = (10, 25, 45, 65, 80, 90)
FINEST_QUALITY = 95
DECIBELS, FINE_DECIBELS = (26, 29, 32, 35, 38, 41), range(10, 61)

Options = Mapping[str, Any]
Settings = Mapping[str, Options]
"""Options by the name of the setting, from coarse to fine or the other way."""
Values = range | Mapping[str, Any]
"""The values that an option accepts: a range of numbers, or words and the values that Pillow takes for them."""
YES_NO: Values = {"true": True, "false": False}
SUBSAMPLING, SUBSAMPLINGS = "subsampling", {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}
"""The option that says at which resolution colours are stored, whose name may be left out, and its values."""


@dataclass(frozen=True)
class Format:
    """A format that Pillow writes.

    Attributes:
        title: how people write its name.
        pillow_name: Pillow's name of it.
        library: what Pillow's `features` call the library behind it, or the package that brings it.
        options: of every file, unless the name of the codec says otherwise.
        accepts: options, by Pillow's names, that the name of a codec may set, beside those that settings vary.
        settings: options beside these at which the format is measured.
        fine_settings: all settings from coarse to fine, for searches by size or quality.
        default: the setting that Pillow uses if none is named.
        lossless: options that make it lossless, if it can be and `settings` are not.
        tiny: options that make files of a few hundred pixels smaller.
    """

    title: str
    pillow_name: str
    library: str
    options: Options
    accepts: Mapping[str, Values]
    settings: Settings
    fine_settings: Settings
    default: str = ""
    lossless: Options | None = None
    tiny: Options = field(default_factory=dict)


def _qualities(values: tuple[int, ...] | range) -> Settings:
    return {f"quality {value}": {"quality": value} for value in values}


def _decibels(values: tuple[int, ...] | range) -> Settings:
    return {f"{value} dB": {"quality_layers": [value]} for value in values}


def _words(*values: str) -> Values:
    return {value: value for value in values}


JXL_PLUGIN = "pillow_jxl"
_COARSE_TO_FINE = _qualities(range(1, FINEST_QUALITY + 1))
_EXACT: Settings = {"lossless": {}}
FORMATS: Mapping[str, Format] = {
    "jpeg": Format(
        "JPEG", "JPEG", "libjpeg_turbo", {"optimize": True, "progressive": True},
        {SUBSAMPLING: SUBSAMPLINGS, "optimize": YES_NO, "progressive": YES_NO, "smooth": range(101), "keep_rgb": YES_NO},
        _qualities(QUALITIES), _COARSE_TO_FINE, "quality 75", tiny={"progressive": False},
    ),
    "webp": Format(
        "WebP", "WEBP", "webp", {"method": 6}, {"method": range(7)},
        _qualities(QUALITIES), _qualities(range(FINEST_QUALITY + 1)), "quality 80", {"lossless": True, "exact": True},
    ),
    "avif": Format(
        "AVIF", "AVIF", "avif", {SUBSAMPLING: SUBSAMPLINGS["444"], "speed": 4},
        {
            SUBSAMPLING: SUBSAMPLINGS, "speed": range(11), "codec": _words("auto", "aom", "rav1e", "svt"),
            "range": _words("full", "limited"), "max_threads": range(1, 257), "autotiling": YES_NO,
            "tile_rows": range(7), "tile_cols": range(7),
        },
        _qualities(QUALITIES), _COARSE_TO_FINE, "quality 75",
    ),
    "jxl": Format(
        "JPEG XL", "JXL", JXL_PLUGIN, {"effort": 7},
        {"effort": range(1, 11), "decoding_speed": range(5), "num_threads": range(-1, 257), "use_container": YES_NO},
        _qualities(QUALITIES), _COARSE_TO_FINE, lossless={"lossless": True, "effort": 9},
    ),
    "jp2": Format(
        "JPEG 2000", "JPEG2000", "jpg_2000", {"irreversible": True, "quality_mode": "dB"},
        {"irreversible": YES_NO, "mct": range(2), "num_resolutions": range(33),
         "progression": _words("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")},
        _decibels(DECIBELS), _decibels(FINE_DECIBELS), lossless={"irreversible": False},
    ),
    "png": Format(
        "PNG", "PNG", "zlib", {"optimize": True}, {"optimize": YES_NO, "compress_level": range(10)}, _EXACT, _EXACT
    ),
}  # fmt: skip
"""The formats by the names of the command line. AVIF stores colours at full resolution, JPEG and WebP at half of it."""
PHOTO_FORMATS = ("jpeg", "webp", "avif")
"""The formats that photographs are shown beside, in figures and benchmarks."""


@dataclass(frozen=True)
class Summary:
    """What a file tells of itself.

    Attributes:
        decoder_kmac_per_pixel: compute of decoding; NaN if unknown.
        choice: what the encoder decided, in words; "" if unknown.
    """

    decoder_kmac_per_pixel: float = float("nan")
    choice: str = ""


@dataclass(frozen=True)
class Codec:
    """A codec and the settings at which it is measured.

    Attributes:
        name: as on the command line.
        about: how it runs, with versions or digests that change when the codec does.
        settings: options of `encode` by the name of the setting.
        encode: from a picture, uint8 (height, width) or (height, width, 3), and a setting's options to the whole file.
        decode: from the file to pixels of Pillow's mode "L" or "RGB", which was that of the picture.
        summarise: what the file tells of itself.
        fine_settings: all settings from coarse to fine, for searches by size or quality; empty if there are only `settings`.
        size_options: options to which `max_bytes` can be added; None if the codec takes no such limit.
        lossless: options of lossless coding, of formats for which they are no setting.
        by_policy: a policy makes the decisions.
    """

    name: str
    about: str
    settings: Settings
    encode: Callable[[np.ndarray, Options], bytes]
    decode: Callable[[bytes, str], np.ndarray]
    summarise: Callable[[bytes], Summary]
    fine_settings: Settings = field(default_factory=dict)
    size_options: Options | None = None
    lossless: Options | None = None
    by_policy: bool = False


@functools.cache
def codec_by_name(name: str, folder: Path = Path()) -> Codec:
    """The codec of a name as on the command line.

    Names are those of `FORMATS`; `rlcodec:PRESET`, with a variant of the preset as in `rlcodec:photo/full`; and `policy:FILE`,
    `policy:shipped` or `policy:shipped:PRESET`, with `/low-compute` behind it for objectives in which compute is expensive.
    `policy:shipped` is the policy of the preset that pictures in colour are coded with by default.

    Options of the encoder follow formats and presets, each after a colon, as OPTION=VALUE: for formats by the names that Pillow
    has for them, as in `avif:444:speed=4`, `webp:method=4`, `jxl:effort=9`, `jpeg:420:progressive=false`, where 444, 422 and
    420 are values of `subsampling`; for presets those of `rlcodec.encode`, as in `rlcodec:photo:synthesis=plain`.

    Args:
        name: of the codec.
        folder: where a policy's FILE lies, unless it is an absolute path.

    Raises:
        OptionError: there is no such codec or option, or what it needs is not installed.
        PolicyError: the policy cannot be used.
    """
    if name.startswith(POLICY):
        return _policy_codec(name, folder)
    if name.startswith(PRESET):
        return _preset_codec(name)
    made = format_of(name)
    if made is None:
        raise OptionError(f"unknown codec {name!r}; there are: rlcodec:PRESET, {', '.join(FORMATS)}, and policies")
    return _format_codec(name, made)


def format_of(name: str) -> Format | None:
    """The format that a codec's name begins with, None for presets, policies and unknown names."""
    return FORMATS.get(name.partition(":")[0])


def is_rlcodec(name: str) -> bool:
    """Whether a codec's name is that of a preset or a policy, so that it writes streams of rlcodec."""
    return name.startswith((PRESET, POLICY))


def preset_of_codec(name: str) -> Preset | None:
    """The preset that a codec's name means, None for formats; raises as `codec_by_name`."""
    if name.startswith(PRESET):
        return preset_by_name(_parts_of_preset(name)[0])
    return _policy_of(name)[1] if name.startswith(POLICY) else None


def takes_colours(preset: Preset) -> bool:
    """Whether a preset codes pictures in colour."""
    try:
        preset.read_pixels(np.zeros((16, 16, 3), np.uint8), preset.options())
    except ImageError:
        return False
    return True


def mode_of(pixels: np.ndarray) -> str:
    """Pillow's mode of a picture, uint8 (height, width) or (height, width, 3)."""
    return "L" if pixels.ndim == 2 else "RGB"


def register_formats() -> None:
    """Makes Pillow know all formats that are installed, those of plugins among them."""
    if find_spec(JXL_PLUGIN):
        import_module(JXL_PLUGIN)
    Image.init()


def installed_formats() -> list[str]:
    """Names of the formats that Pillow can write on this machine."""
    register_formats()
    return [name for name, made in FORMATS.items() if made.pillow_name in Image.SAVE]


def _format_codec(name: str, made: Format) -> Codec:
    short, *parts = name.split(":")
    named = _options_of_format(short, made, parts)
    if short not in installed_formats():
        how = "pip install rlcodec[jxl]" if made.library == JXL_PLUGIN else "this Pillow was built without it"
        raise OptionError(f"Pillow cannot write {short} here: {how}")
    always = {**made.options, **named}

    def save(picture: np.ndarray, options: Options) -> bytes:
        given = {**always, **options, **named}
        if picture.ndim == 2:  # a picture in gray has no colours to store at any resolution
            given.pop(SUBSAMPLING, None)
        return image_bytes(Image.fromarray(picture), made.pillow_name, **given)

    def load(data: bytes, mode: str) -> np.ndarray:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert(mode))

    about = f"Pillow {version('pillow')}, {_library(made.library)}" + "".join(f", {k} {v}" for k, v in always.items())
    return Codec(
        name, about, made.settings, save, load, lambda data: Summary(), made.fine_settings, lossless=made.lossless
    )  # fmt: skip


def _options_of_format(name: str, made: Format, parts: Iterable[str]) -> Options:
    """Pillow's options from the parts of a codec's name; raises OptionError if the format has no such option or value."""
    options: dict[str, Any] = {}
    for part in parts:
        key, text = (SUBSAMPLING, part) if part in SUBSAMPLINGS else _split_option(name, part)
        if any(key in setting for setting in made.settings.values()):
            raise OptionError(f"{name}: {key} cannot be set; its curve is measured at several of them")
        if key not in made.accepts:
            raise OptionError(f"{name} has no option {key}; it has: {', '.join(made.accepts)}")
        if key in options:
            raise OptionError(f"{name}: {key} is given twice")
        options[key] = _value_of(f"{name}: {key}", text, made.accepts[key])
    return options


def _split_option(name: str, part: str) -> tuple[str, str]:
    key, equals, text = part.partition("=")
    if not (key and equals and text):
        raise OptionError(f"{name}: {part!r} is no option; write OPTION=VALUE, or 444, 422 or 420 for the colours")
    return key, text


def _value_of(what: str, text: str, values: Values) -> Any:
    if isinstance(values, range):
        try:
            if (number := int(text)) in values:
                return number
        except ValueError:
            pass
        raise OptionError(f"{what} is {text!r}; give a whole number from {values[0]} to {values[-1]}")
    if text not in values:
        raise OptionError(f"{what} is {text!r}; it can be: {', '.join(values)}")
    return values[text]


def _library(name: str) -> str:
    if name == JXL_PLUGIN:
        return f"pillow-jxl-plugin {version('pillow-jxl-plugin')}"
    found = features.version(name)
    return f"{name} {found}" if found else name


def _decode_stream(data: bytes, mode: str) -> np.ndarray:
    return np.asarray(decode(data).convert(mode))


def _summarise_stream(data: bytes) -> Summary:
    info = inspect(data)
    return Summary(info.decoder_kmac_per_pixel, info.choice)


def _parts_of_preset(name: str) -> tuple[str, str, list[str]]:
    """Name, variant and options of the preset that a codec's name means."""
    first, *parts = name.removeprefix(PRESET).split(":")
    preset, _, variant = first.partition("/")
    return preset, variant, parts


def _options_of_preset(preset: Preset, parts: Iterable[str]) -> Options:
    """Options of encoding from the parts of a codec's name; raises OptionError if the preset has no such option or value."""
    types = {option.name: option.type for option in fields(preset.options)}
    options: dict[str, Any] = {}
    for part in parts:
        key, text = _split_option(preset.name, part)
        if key not in types:
            raise OptionError(f"preset {preset.name} has no option {key}; it has: {', '.join(types)}")
        kinds = get_args(types[key]) or (types[key],)
        try:
            if bool in kinds:
                options[key] = _value_of(key, text, YES_NO)
            else:
                options[key] = next((kind(text) for kind in (int, float) if kind in kinds), text)
        except ValueError:
            raise OptionError(f"{key} is {text!r}; give a number") from None
    return options


def _preset_codec(name: str) -> Codec:
    preset_name, variant, parts = _parts_of_preset(name)
    preset = preset_by_name(preset_name)
    given = _options_of_preset(preset, parts)
    compared = preset.compared_settings(variant)
    fixed, fine = (
        {setting: {**options, **given} for setting, options in settings.items()} for settings in (compared.fixed, compared.fine)
    )
    first, *others = fixed.values()
    preset.options(**first)  # raises OptionError
    shared = {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}
    return Codec(
        name,
        f"rlcodec {version('rlcodec')}, model {preset.weights().digest[:16]}"
        + "".join(f", {part}" for part in (variant, *parts) if part),
        fixed,
        lambda picture, options: encode(picture, preset=preset_name, **options),
        _decode_stream,
        _summarise_stream,
        fine,
        shared,
    )


def _policy_of(name: str, folder: Path = Path()) -> tuple[Path | None, Preset]:
    """The policy that a codec's name means: its file, None for the shipped one, and its preset."""
    which = name.removeprefix(POLICY).removesuffix(LOW_COMPUTE)
    shipped, _, preset = which.partition(":")
    if shipped == SHIPPED:
        return None, preset_by_name(preset or preset_for("RGB", (1024, 1024)))
    return folder / which, preset_by_name(preset_of_policy(folder / which))


def _policy_codec(name: str, folder: Path) -> Codec:
    path, preset = _policy_of(name, folder)
    policy = policy_of(preset, path)
    compared, weight = preset.compared_settings(""), LOG10_COMPUTE_WEIGHT[LOW_COMPUTE if name.endswith(LOW_COMPUTE) else ""]
    settings = {
        f"{compared.kind}, lambda_rate 10^{rate:g}": {
            "distortion": compared.kind,
            "lambda_rate": 10**rate,
            "lambda_compute": 10 ** (rate + weight),
        }
        for rate in compared.log10_lambda_rate
    }
    digest = hashlib.sha256(policy_file(preset, path).read_bytes()).hexdigest()[:16]
    return Codec(
        name,
        f"rlcodec {version('rlcodec')}, model {policy.codec_digest[:16]}, policy {digest}, "
        f"lambda_compute 10^{weight:g} of lambda_rate",
        settings,
        lambda picture, options: encode(picture, preset=preset.name, policy=path, **options),
        _decode_stream,
        _summarise_stream,
        size_options=next(iter(settings.values())),
        by_policy=True,
    )
