"""The presets that there are: those that come with the package, loaded when they are first asked for, and those that others add."""

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rlcodec.core.container import Header
from rlcodec.core.preset_format import PresetFormat, register_format, unregister_format
from rlcodec.errors import OptionError
from rlcodec.presets.base import Preset
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.photo.format import PHOTO

_MODULES = {
    MNIST.name: "rlcodec.presets.mnist.preset",
    PHOTO.name: "rlcodec.presets.photo.preset",
    COMPACT.name: "rlcodec.presets.compact.preset",
}
"""Modules of the shipped presets, each with a constant `PRESET`."""
_presets: dict[str, Preset] = {}

for _format in (MNIST, PHOTO, COMPACT):
    register_format(_format)


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
    if name in _presets and name not in _MODULES:
        unregister_format(_presets.pop(name).format)


@contextmanager
def registered(preset: Preset) -> Iterator[Preset]:
    """Adds a preset for the duration of a block."""
    register_preset(preset)
    try:
        yield preset
    finally:
        unregister_preset(preset.name)


def preset_names() -> tuple[str, ...]:
    """Names of all presets."""
    return tuple(dict.fromkeys((*_MODULES, *_presets)))


def preset_by_name(name: str) -> Preset:
    """The preset of a name.

    Raises:
        OptionError: there is none.
    """
    if name not in _presets and name in _MODULES:
        _presets[name] = importlib.import_module(_MODULES[name]).PRESET
    if name not in _presets:
        raise OptionError(f"unknown preset {name!r}; there are: {', '.join(preset_names())}")
    return _presets[name]


def preset_for(mode: str, size: tuple[int, int], options: Iterable[str] = ()) -> str:
    """Name of the first preset that suits an image and has all of some options.

    Args:
        mode: Pillow's mode of the image.
        size: width and height, in pixels.
        options: names of options of encoding.

    Raises:
        OptionError: there is none.
    """
    for name in preset_names():
        preset = preset_by_name(name)
        if preset.suits(mode, size) and set(options) <= set(preset.options.names()):
            return name
    raise OptionError(
        f"no preset takes an image of mode {mode} and {size[0]}x{size[1]} pixels with {', '.join(options) or 'no options'}"
    )


def preset_of(what: Header | PresetFormat) -> Preset:
    """The preset of a stream's header, or of a format."""
    return preset_by_name(what.format.name if isinstance(what, Header) else what.name)
