"""Id, name and sizes of preset `photo`, as the container knows it."""

from rlcodec.core.preset_format import PresetFormat

PHOTO = PresetFormat(id=2, name="photo", native=(0, 0), max_side=1 << 16, block=32)
