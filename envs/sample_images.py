"""Sample images that come with scikit-learn: handwritten digits, and parts of photographs."""

import importlib
from typing import Any

import numpy as np

from rlcodec.errors import DataError

SAMPLE_SIDE = 128
"""Height and width of the parts of photographs, in pixels."""


def scikit_learn_datasets() -> Any:
    """The module `sklearn.datasets`; raises DataError if scikit-learn is not installed."""
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise DataError("sample images come with scikit-learn; install rlcodec[train]") from error


def sample_images(count: int = 64) -> np.ndarray:
    """Handwritten digits, resampled to 28x28, uint8 (count, 28, 28).

    Args:
        count: number of digits, 1,797 at most.

    Raises:
        DataError: scikit-learn is not installed.
    """
    from PIL import Image

    out = []
    for digit in scikit_learn_datasets().load_digits().images[:count]:
        small = Image.fromarray((digit * 255 / 16).astype(np.uint8))
        array = np.zeros((28, 28), np.float64)
        array[4:24, 4:24] = np.asarray(small.resize((20, 20), Image.Resampling.BICUBIC))
        # The contrast is stretched so that backgrounds are black and strokes white, as in MNIST.
        out.append(np.clip((array - 48) * 255 / 160, 0, 255).astype(np.uint8))
    return np.stack(out)


def sample_pictures() -> list[np.ndarray]:
    """Eight parts of two photographs, uint8 (SAMPLE_SIDE, SAMPLE_SIDE, 3) each.

    Raises:
        DataError: scikit-learn is not installed.
    """
    parts = []
    for picture in scikit_learn_datasets().load_sample_images().images:
        height, width = picture.shape[:2]
        corners = [(0, 0), (0, width - SAMPLE_SIDE), (height - SAMPLE_SIDE, 0), (height - SAMPLE_SIDE, width - SAMPLE_SIDE)]
        parts += [np.ascontiguousarray(picture[y : y + SAMPLE_SIDE, x : x + SAMPLE_SIDE]) for y, x in corners]
    return parts
