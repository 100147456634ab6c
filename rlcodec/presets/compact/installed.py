"""Loads the weights of preset `compact`, and checks that this machine computes what it should with them."""

import functools
from pathlib import Path

from rlcodec.core.known_answers import check_known_answers
from rlcodec.core.weights_file import WEIGHTS, load_arrays
from rlcodec.presets.compact.latent_coder import latent_of_stream
from rlcodec.presets.compact.weights import CompactWeights, weights_from_arrays

FILE = "compact.safetensors"


@functools.cache
def load_weights(folder: Path = WEIGHTS) -> CompactWeights:
    """The weights in a folder, loaded once.

    Args:
        folder: of the installed weights, or where a training left others.

    Raises:
        ModelError: they are missing or broken, belong to another synthesis, or this machine computes their known answers
            differently.
    """
    path = folder / FILE
    weights = weights_from_arrays(load_arrays(path), folder)
    check_known_answers(path, functools.partial(latent_of_stream, weights))
    return weights
