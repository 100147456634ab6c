"""The weights of preset `compact`: what drives the coder of its latent, and which synthesis they belong to."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from rlcodec.core.binary_latent import StaticTables
from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.known_answers import check_known_answers
from rlcodec.core.preset_ids import COMPACT, Preset
from rlcodec.core.weights_file import WEIGHTS, context_net_of, digest_of, fingerprint_of, load_arrays, tuple_to_arrays
from rlcodec.errors import ModelError
from rlcodec.presets.compact.transform import FILES, LATENT_CHANNELS

NEIGHBOURS = ((0, 0), (0, -1), (-1, 0))
"""Positions, (down, across), that a bit's context holds of its own slice and of all before it."""


@dataclass(frozen=True)
class CompactModel:
    """Everything that coding needs.

    Attributes:
        digest: SHA-256 over all arrays, of which one is the SHA-256 of the synthesis; hexadecimal.
        net: `context` tier of the latent, whose node i predicts slice i.
        tables: `table` tier of the latent; its other tables are empty.
        folder: of the transforms.
    """

    digest: str
    net: ContextNet
    tables: StaticTables
    folder: Path

    preset: ClassVar[Preset] = COMPACT

    @property
    def fingerprint(self) -> bytes:
        """The first bytes of the digest, as streams carry them."""
        return fingerprint_of(self.digest)


def synthesis_digest(folder: Path) -> np.ndarray:
    """SHA-256 of the synthesis, uint8 (32,).

    Raises:
        ModelError: it is missing.
    """
    try:
        return np.frombuffer(hashlib.sha256((folder / FILES["synthesis"]).read_bytes()).digest(), np.uint8)
    except OSError as error:
        raise ModelError(f"{folder / FILES['synthesis']}: cannot be read ({error.strerror})") from error


def compact_arrays(net: ContextNet, ones: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """Arrays by name, as they are stored; `ones` (slices, 1, 1) int32, frequency of +1 in each slice in 1/65536."""
    return tuple_to_arrays("latents", net) | {"tables.latent": ones, "synthesis": synthesis_digest(folder)}


def compact_model_from_arrays(arrays: dict[str, np.ndarray], folder: Path) -> CompactModel:
    """Inverse of `compact_arrays`.

    Raises:
        ModelError: an array is missing or does not fit this version, or the folder holds another synthesis.
    """
    try:
        net = context_net_of(arrays, "latents")
        ones, digest = arrays["tables.latent"], arrays["synthesis"]
    except KeyError as error:
        raise ModelError(f"the weights of preset compact lack the array {error}") from error
    if len(net.first) != LATENT_CHANNELS * len(NEIGHBOURS) or ones.shape != (LATENT_CHANNELS, 1, 1):
        raise ModelError("the weights of preset compact do not fit this version")
    if not np.array_equal(digest, synthesis_digest(folder)):
        raise ModelError(f"the weights of preset compact belong to another synthesis than {folder / FILES['synthesis']}")
    pixel, trivial, escape = (np.empty((0,) * dimensions, np.int32) for dimensions in (2, 3, 1))
    return CompactModel(digest_of(arrays), net, StaticTables(pixel, trivial, escape, ones), folder)


@functools.cache
def load_compact_model(folder: Path = WEIGHTS) -> CompactModel:
    """The shipped weights, or those that a training left in a folder, loaded once, and found to be computed as they should be.

    Raises:
        ModelError: they are missing or broken, the synthesis is another's, or this machine computes their known answers
            differently.
    """
    from rlcodec.presets.compact.decoder import decoded_latent  # which coding with a model needs, and its weights alone do not

    path = folder / "compact.safetensors"
    model = compact_model_from_arrays(load_arrays(path), folder)
    check_known_answers(path, functools.partial(decoded_latent, model))
    return model
