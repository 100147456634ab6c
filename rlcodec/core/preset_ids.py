"""The presets: stable ids, names and limits. An id is written into every stream and never changes its meaning."""

from dataclasses import dataclass

from rlcodec.errors import OptionError


@dataclass(frozen=True)
class Preset:
    """What a preset can code.

    Attributes:
        id: stands in the stream's header, 4 bits.
        name: what users write.
        native: height and width whose size costs no header bytes; (0, 0) for none.
        max_side: largest height and width, pixels.
        block: decoders compute whole blocks of so many pixels a side.
        budget_slices: the bit budgets that a policy chooses among, in whole latent slices; none where no policy runs yet.
    """

    id: int
    name: str
    native: tuple[int, int]
    max_side: int
    block: int
    budget_slices: tuple[int, ...]


MNIST = Preset(id=1, name="mnist", native=(28, 28), max_side=64, block=4, budget_slices=(0, 1, 2, 3, 4, 6, 8, 12, 16))
PHOTO = Preset(id=2, name="photo", native=(0, 0), max_side=1 << 16, block=16, budget_slices=())
COMPACT = Preset(id=3, name="compact", native=(0, 0), max_side=1 << 16, block=64, budget_slices=())
PRESETS = (MNIST, PHOTO, COMPACT)
MAX_PIXELS = 1 << 26
"""More are refused before anything is allocated, unless more are allowed by name: `max_pixels`."""
MOST_PIXELS = 1 << 28
"""More are refused whatever is allowed."""


def preset_by_name(name: str) -> Preset:
    """Raises: OptionError: no such preset."""
    for preset in PRESETS:
        if preset.name == name:
            return preset
    raise OptionError(f"unknown preset {name!r}; there are: {', '.join(p.name for p in PRESETS)}")


def preset_by_id(identity: int) -> Preset | None:
    """The preset with this id, None where this version has none."""
    return next((preset for preset in PRESETS if preset.id == identity), None)
