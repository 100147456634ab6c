"""The installed weights of preset `photo`, checked by their known answers when they are loaded."""

import functools
from pathlib import Path

from rlcodec.core.known_answers import load_checked
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.weights import PhotoWeights, weights_from_arrays


@functools.cache
def installed_weights(path: Path = WEIGHTS / "photo.safetensors") -> PhotoWeights:
    """Loads weights once.

    Raises:
        ModelError: the file is missing or broken, or this machine does not reproduce the file's known answers.
    """
    return load_checked(path, weights_from_arrays, decoded_values)
