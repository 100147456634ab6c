"""The installed weights of preset `mnist`, loaded once and checked by their known answers."""

import functools

from rlcodec.core.known_answers import check_known_answers
from rlcodec.core.weights_file import WEIGHTS, load_arrays
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import MnistWeights, weights_from_arrays

WEIGHTS_FILE = WEIGHTS / f"{MNIST.name}.safetensors"


@functools.cache
def installed_weights() -> MnistWeights:
    """The weights that come with the package.

    Raises:
        ModelError: the file is missing or broken, or this machine decodes its known answers differently.
    """
    weights = weights_from_arrays(load_arrays(WEIGHTS_FILE))
    check_known_answers(WEIGHTS_FILE, functools.partial(decoded_pixels, weights))
    return weights
