"""The weights of preset `compact`: what drives the coder of its latent, and the synthesis that they belong to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.core.binary_latent import Neighbours
from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.weights_file import Weights, digest_of, tuple_from_arrays, tuple_to_arrays
from rlcodec.errors import ModelError
from rlcodec.presets.compact.transform import FILES, LATENT_CHANNELS

NEIGHBOURS: Neighbours = ((0, 0), (0, -1), (-1, 0))
"""Positions whose bits, in a bit's own channel and in all before it, are its context."""


@dataclass(frozen=True, eq=False)
class CompactWeights(Weights):
    """Everything that coding needs.

    Attributes:
        digest: SHA-256 over all arrays, one of which is the SHA-256 of the synthesis; hexadecimal.
        net: `context` tier of the latent, whose node i predicts channel i.
        frequencies: `table` tier of the latent, int32 (LATENT_CHANNELS, 1, 1), of +1 in each channel in 1/65536.
        folder: of the transforms.
    """

    net: ContextNet
    frequencies: np.ndarray
    folder: Path


def synthesis_digest(folder: Path) -> np.ndarray:
    """SHA-256 of the synthesis, uint8 (32,); raises ModelError if it is missing."""
    path = folder / FILES["synthesis"]
    try:
        return np.frombuffer(hashlib.sha256(path.read_bytes()).digest(), np.uint8)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


def weights_to_arrays(net: ContextNet, frequencies: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """Arrays by name, as they are stored; arguments as the attributes of `CompactWeights`."""
    return tuple_to_arrays("latents", net) | {"tables.latent": frequencies, "synthesis": synthesis_digest(folder)}


def weights_from_arrays(arrays: Mapping[str, np.ndarray], folder: Path) -> CompactWeights:
    """Inverse of `weights_to_arrays`.

    Raises:
        ModelError: an array is missing or does not fit this version, or the folder holds another synthesis.
    """
    try:
        net = tuple_from_arrays(ContextNet, "latents", arrays)
        frequencies, digest = arrays["tables.latent"], arrays["synthesis"]
    except KeyError as error:
        raise ModelError(f"the weights of preset compact lack the array {error}") from error
    if len(net.first) != LATENT_CHANNELS * len(NEIGHBOURS) or frequencies.shape != (LATENT_CHANNELS, 1, 1):
        raise ModelError("the weights of preset compact do not fit this version")
    if not np.array_equal(digest, synthesis_digest(folder)):
        raise ModelError(f"the weights of preset compact belong to another synthesis than {folder / FILES['synthesis']}")
    return CompactWeights(digest_of(arrays), net, frequencies, folder)
