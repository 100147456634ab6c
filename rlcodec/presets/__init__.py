"""The codecs: the protocol that every preset implements, the registry of presets, and one folder for each preset.

Importing the package makes the container read streams of the shipped presets.
"""

from rlcodec.core.preset_format import register_format
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.raster.format import RASTER

SHIPPED = {preset_format.name: preset_format for preset_format in (MNIST, PHOTO, COMPACT, RASTER)}
"""Formats of the shipped presets by name. The package of the name has a module `preset` with the constant PRESET, and a module
`options`, which is quick to import, with OPTIONS, and with DECODE_OPTIONS if it has more than every preset has."""

for _format in SHIPPED.values():
    register_format(_format)
