"""What the container knows of a preset: its stable id, its name and the sizes of pictures that its streams may declare.

An id is written into every stream and never changes its meaning. `rlcodec.presets.registry` registers the formats of the
shipped presets; anybody else's preset registers its own.
"""

from dataclasses import dataclass

from rlcodec.errors import OptionError

MOST_ID = 15
"""The largest id that a stream's header holds."""
MAX_PIXELS = 1 << 26
"""Default of `max_pixels`: streams and images with more pixels are refused before anything is allocated."""
MOST_PIXELS = 1 << 28
"""No more pixels can be allowed by `max_pixels`."""


@dataclass(frozen=True)
class PresetFormat:
    """How streams of a preset are recognised, and how large their pictures may be.

    Attributes:
        id: number in the stream's header, 1 to 15.
        name: what users write.
        native: height and width, in pixels, of pictures whose size takes no header bytes; (0, 0) if there are none.
        max_side: largest height and width, in pixels.
        block: decoders compute whole blocks of so many pixels a side.
    """

    id: int
    name: str
    native: tuple[int, int]
    max_side: int
    block: int


_FORMATS: dict[int, PresetFormat] = {}


def register_format(preset_format: PresetFormat) -> None:
    """Makes the container read streams of a preset.

    Raises:
        OptionError: the id is out of range, or another format has the id or the name.
    """
    if not 1 <= preset_format.id <= MOST_ID:
        raise OptionError(f"preset {preset_format.name}: id is {preset_format.id}; it must be from 1 to {MOST_ID}")
    for other in _FORMATS.values():
        if other != preset_format and (other.id == preset_format.id or other.name == preset_format.name):
            raise OptionError(f"preset {preset_format.name} (id {preset_format.id}) clashes with {other.name} (id {other.id})")
    _FORMATS[preset_format.id] = preset_format


def unregister_format(preset_format: PresetFormat) -> None:
    """Makes the container forget a format; it is no error if the format is not registered."""
    _FORMATS.pop(preset_format.id, None)


def format_by_id(identity: int) -> PresetFormat | None:
    """The registered format with this id, or None."""
    return _FORMATS.get(identity)
