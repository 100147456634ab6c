"""Id, name and sizes of preset `compact`, as the container knows it."""

from rlcodec.core.preset_format import PresetFormat

COMPACT = PresetFormat(id=3, name="compact", native=(0, 0), max_side=1 << 16, block=64)
