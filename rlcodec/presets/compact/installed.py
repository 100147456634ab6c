"""Loads the weights of preset `compact`, and checks that this machine computes what it should with them."""

import functools
from pathlib import Path

from rlcodec.core.known_answers import load_checked
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.presets.compact.latent_coder import latent_of_stream
from rlcodec.presets.compact.weights import CompactWeights, weights_from_arrays

FILE = "compact.safetensors"


@functools.cache
def installed_weights(folder: Path = WEIGHTS) -> CompactWeights:
    """The weights in a folder, loaded once.

    Args:
        folder: of the installed weights, or where a training left others.

    Raises:
        ModelError: they are missing or broken, belong to another synthesis, or this machine computes their known answers
            differently.
    """
    return load_checked(folder / FILE, lambda arrays: weights_from_arrays(arrays, folder), latent_of_stream)
