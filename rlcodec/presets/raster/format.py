"""Id, name and sizes of preset `raster`, as the container knows it."""

from rlcodec.core.preset_format import PresetFormat

RASTER = PresetFormat(id=4, name="raster", native=(28, 28), max_side=1 << 16, block=1)
