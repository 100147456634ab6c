"""The installed weights of preset `photo`, checked by their known answers when they are loaded."""

import functools
from pathlib import Path

from rlcodec.core.known_answers import check_known_answers
from rlcodec.core.weights_file import WEIGHTS, load_arrays
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.weights import PhotoWeights, photo_weights_from_arrays


@functools.cache
def photo_weights(path: Path = WEIGHTS / "photo.safetensors") -> PhotoWeights:
    """Loads weights once.

    Raises:
        ModelError: the file is missing or broken, or this machine does not reproduce the file's known answers.
    """
    weights = photo_weights_from_arrays(load_arrays(path))
    check_known_answers(path, functools.partial(decoded_values, weights))
    return weights
