"""The weights of preset `photo`: integer networks that drive the coder, and what its synthesis adds."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from rlcodec.core.known_answers import check_known_answers
from rlcodec.core.preset_ids import PHOTO, Preset
from rlcodec.core.weights_file import WEIGHTS, context_net_of, digest_of, fingerprint_of, load_arrays, tuple_to_arrays
from rlcodec.errors import ModelError
from rlcodec.presets.photo.coefficient_coder import EXTENT_INPUTS, EXTENT_ROWS, INPUTS, ROWS, PhotoNets

NETS = PhotoNets._fields


@dataclass(frozen=True)
class PhotoModel:
    """Everything that coding photographs needs.

    Attributes:
        digest: SHA-256 over all arrays, hexadecimal.
        nets: of the raster-encoder.
        logs: logarithms of magnitudes, as `rlcodec.presets.photo.coefficient_coder.log_table`.
        centroids: float32 (3, diagonals, 3), by how much magnitudes 1, 2 and above shrink when they are given back, in steps.
    """

    digest: str
    nets: PhotoNets
    logs: np.ndarray
    centroids: np.ndarray

    preset: ClassVar[Preset] = PHOTO

    @property
    def fingerprint(self) -> bytes:
        """The first bytes of the digest, as streams carry them."""
        return fingerprint_of(self.digest)


def photo_arrays(nets: PhotoNets, logs: np.ndarray, centroids: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays by name, as they are stored."""
    arrays = {"logs": logs, "centroids": centroids}
    for name in NETS:
        arrays |= tuple_to_arrays(name, getattr(nets, name))
    return arrays


def photo_model_from_arrays(arrays: dict[str, np.ndarray]) -> PhotoModel:
    """Inverse of `photo_arrays`.

    Raises:
        ModelError: an array is missing, or has a shape that this version's contexts do not fit.
    """
    try:
        nets = PhotoNets(*(context_net_of(arrays, name) for name in NETS))
        for name, inputs, rows in (("light", INPUTS, ROWS), ("color", INPUTS, ROWS), ("extent", EXTENT_INPUTS, EXTENT_ROWS)):
            net = getattr(nets, name)
            if (len(net.first), len(net.rows)) != (inputs, rows):
                raise ModelError(f"the weights of preset photo do not fit this version: {name} has {len(net.first)} inputs")
        return PhotoModel(digest_of(arrays), nets, arrays["logs"], arrays["centroids"])
    except KeyError as error:
        raise ModelError(f"the weights of preset photo lack the array {error}") from error


@functools.cache
def load_photo_model(path: Path = WEIGHTS / "photo.safetensors") -> PhotoModel:
    """The shipped weights, loaded once, and found to be computed as they should be.

    Raises:
        ModelError: they are missing or broken, or this machine computes their known answers differently.
    """
    from rlcodec.presets.photo.decoder import decoded_values  # which coding with a model needs, and its weights alone do not

    model = photo_model_from_arrays(load_arrays(path))
    check_known_answers(path, functools.partial(decoded_values, model))
    return model
