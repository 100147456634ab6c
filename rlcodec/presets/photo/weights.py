"""The weights of preset `photo`: integer networks that drive the range coder, and reconstruction offsets of magnitudes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.weights_file import Weights, digest_of, tuple_from_arrays, tuple_to_arrays
from rlcodec.errors import ModelError
from rlcodec.presets.photo._transform import PLANES, SIZES
from rlcodec.presets.photo.coefficient_coder import DIAGONALS, MAX_INPUT, PhotoNets

STORED_NAMES = {"luma": "light", "chroma": "color", "extent": "extent"}
"""How the arrays of each network are called in a weights file."""


@dataclass(frozen=True)
class PhotoWeights(Weights):
    """The weights, as coding uses them.

    Attributes:
        digest: SHA-256 over all arrays, hexadecimal.
        nets: networks of the coefficient coder.
        logs: logarithms of magnitudes, as `rlcodec.presets.photo.coefficient_coder.log_table` computes them.
        centroids: float32 (3, diagonals, 3): by how many quantiser steps the magnitudes 1, 2 and above shrink when they are
            dequantised, by plane and diagonal.
    """

    nets: PhotoNets
    logs: np.ndarray
    centroids: np.ndarray


def weights_to_arrays(nets: PhotoNets, logs: np.ndarray, centroids: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of a weights file by name; arguments as the attributes of `PhotoWeights`."""
    arrays = {"logs": logs, "centroids": centroids}
    for name, stored in STORED_NAMES.items():
        arrays |= tuple_to_arrays(stored, getattr(nets, name))
    return arrays


def weights_from_arrays(arrays: Mapping[str, np.ndarray]) -> PhotoWeights:
    """Inverse of `weights_to_arrays`.

    Raises:
        ModelError: an array is missing, or its shape does not fit this version.
    """
    try:
        nets = PhotoNets(**{name: tuple_from_arrays(ContextNet, stored, arrays) for name, stored in STORED_NAMES.items()})
        logs, centroids = arrays["logs"], arrays["centroids"]
    except KeyError as error:
        raise ModelError(f"the weights of preset photo lack the array {error}") from error
    if logs.ndim != 1 or not logs.size or logs.min() < 0 or logs.max() > MAX_INPUT:
        raise ModelError(f"the logarithms of preset photo are no list of numbers from 0 to {MAX_INPUT}")
    if centroids.shape != (PLANES, DIAGONALS, SIZES):
        raise ModelError(f"the centroids of preset photo have shape {centroids.shape}")
    return PhotoWeights(digest_of(arrays), nets, logs, centroids)
