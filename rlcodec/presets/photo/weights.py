"""The weights of preset `photo`: integer networks that drive the range coder, and reconstruction offsets of magnitudes."""

from dataclasses import dataclass

import numpy as np

from rlcodec.core.weights_file import Weights, context_net_of, digest_of, tuple_to_arrays
from rlcodec.errors import ModelError
from rlcodec.presets.photo.coefficient_coder import EXTENT_INPUTS, EXTENT_ROWS, INPUTS, ROWS, PhotoNets

STORED_NAMES = {"luma": "light", "chroma": "color", "extent": "extent"}
"""How the arrays of each network are called in a weights file."""
SHAPES = {"luma": (INPUTS, ROWS), "chroma": (INPUTS, ROWS), "extent": (EXTENT_INPUTS, EXTENT_ROWS)}
"""Inputs and learned rows of each network."""


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


def weights_from_arrays(arrays: dict[str, np.ndarray]) -> PhotoWeights:
    """Inverse of `weights_to_arrays`.

    Raises:
        ModelError: an array is missing, or its shape does not fit this version.
    """
    try:
        nets = PhotoNets(**{name: context_net_of(arrays, stored) for name, stored in STORED_NAMES.items()})
        for name, shape in SHAPES.items():
            net = getattr(nets, name)
            if (len(net.first), len(net.rows)) != shape:
                raise ModelError(f"the weights of preset photo do not fit this version: {name} has {len(net.first)} inputs")
        return PhotoWeights(digest_of(arrays), nets, arrays["logs"], arrays["centroids"])
    except KeyError as error:
        raise ModelError(f"the weights of preset photo lack the array {error}") from error
