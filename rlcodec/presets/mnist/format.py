"""Id, name and sizes of preset `mnist`, as the container knows it."""

from rlcodec.core.preset_format import PresetFormat

MNIST = PresetFormat(id=1, name="mnist", native=(28, 28), max_side=64, block=4)
