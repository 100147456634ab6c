"""The presets: those that come with the package, which are loaded when they are first used, and those that others register.

Names, formats and options of the shipped presets are known without loading them, so that `rlcodec --help` stays quick.
"""

import functools
import importlib
from collections.abc import Iterable
from typing import Any

from rlcodec.core.container import Header
from rlcodec.core.preset_format import PresetFormat, register_format, unregister_format
from rlcodec.errors import OptionError
from rlcodec.options import DecodeOptions, EncodeOptions
from rlcodec.presets import SHIPPED
from rlcodec.presets.base import Preset

_presets: dict[str, Preset] = {}


@functools.cache
def _module(preset: str, name: str) -> Any:
    """A module of a shipped preset."""
    return importlib.import_module(f"rlcodec.presets.{preset}.{name}")


def register_preset(preset: Preset) -> None:
    """Adds a preset, under its name and id, to everything that takes the name of one.

    Raises:
        OptionError: the name or the id is taken.
    """
    if preset.name in preset_names():
        raise OptionError(f"there is a preset {preset.name} already")
    register_format(preset.format)
    _presets[preset.name] = preset


def unregister_preset(name: str) -> None:
    """Removes a preset that `register_preset` added; one that comes with the package stays."""
    if name in _presets and name not in SHIPPED:
        unregister_format(_presets.pop(name).format)


def preset_names() -> tuple[str, ...]:
    """Names of all presets, the shipped ones first."""
    return tuple(dict.fromkeys((*SHIPPED, *_presets)))


def preset_by_name(name: str) -> Preset:
    """The preset of a name.

    Raises:
        OptionError: there is none.
    """
    if name not in preset_names():
        raise OptionError(f"unknown preset {name!r}; there are: {', '.join(preset_names())}")
    if name not in _presets:
        _presets[name] = _module(name, "preset").PRESET
    return _presets[name]


def encode_option_types() -> dict[str, type[EncodeOptions]]:
    """Dataclasses of the encoding options of all presets by name; no preset is loaded for that."""
    shipped = {name: _module(name, "options").OPTIONS for name in SHIPPED}
    return shipped | {name: preset.options for name, preset in _presets.items()}


def decode_option_types() -> dict[str, type[DecodeOptions]]:
    """Dataclasses of the decoding options of all presets by name; no preset is loaded for that."""
    shipped = {name: getattr(_module(name, "options"), "DECODE_OPTIONS", DecodeOptions) for name in SHIPPED}
    return shipped | {name: preset.decode_options for name, preset in _presets.items()}


def preset_for(mode: str, size: tuple[int, int], options: Iterable[str] = ()) -> str:
    """Name of the first preset that suits an image and has all of some options.

    Args:
        mode: Pillow's mode of the image.
        size: width and height, in pixels.
        options: names of options of encoding.

    Raises:
        OptionError: there is none.
    """
    wanted = set(options)
    for name, options_type in encode_option_types().items():
        if wanted <= set(options_type.names()) and preset_by_name(name).suits(mode, size):
            return name
    given = ", ".join(sorted(wanted)) or "no options"
    raise OptionError(f"no preset takes an image of mode {mode} and {size[0]}x{size[1]} pixels with {given}")


def preset_of(what: Header | PresetFormat) -> Preset:
    """The preset of a stream's header, or of a format."""
    return preset_by_name(what.format.name if isinstance(what, Header) else what.name)
