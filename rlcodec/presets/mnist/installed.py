"""The installed weights of preset `mnist`, loaded once and checked by their known answers."""

import functools

from rlcodec.core.known_answers import load_checked
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import MnistWeights, weights_from_arrays


@functools.cache
def installed_weights() -> MnistWeights:
    """The weights that come with the package.

    Raises:
        ModelError: the file is missing or broken, or this machine decodes its known answers differently.
    """
    return load_checked(WEIGHTS / f"{MNIST.name}.safetensors", weights_from_arrays, decoded_pixels)
