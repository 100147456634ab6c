"""The installed weights of preset `raster`, checked by their known answers when they are loaded."""

import functools
from pathlib import Path

from rlcodec.core.known_answers import load_checked
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.presets.raster.coding import decoded_pixels
from rlcodec.presets.raster.weights import RasterWeights, weights_from_arrays


@functools.cache
def installed_weights(path: Path = WEIGHTS / "raster.safetensors") -> RasterWeights:
    """Loads weights once.

    Raises:
        ModelError: the file is missing or broken, or this machine does not reproduce the file's known answers.
    """
    return load_checked(path, weights_from_arrays, decoded_pixels)
