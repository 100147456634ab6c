"""Weights of preset `mnist`: transforms, networks of the raster-encoder and static tables, all of them integers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.core.integer_conv import ConvLayer
from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.weights_file import Weights, digest_of, layers_from_arrays, tuple_from_arrays
from rlcodec.errors import ModelError
from rlcodec.presets.mnist.bilevel._coder import SourceNet
from rlcodec.presets.mnist.bilevel.context import SourceTables
from rlcodec.presets.mnist.bilevel.transformer import LmNet
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.static_tables import StaticTables


@dataclass(frozen=True, eq=False)
class MnistWeights(Weights):
    """Everything that coding needs beside the code.

    Attributes:
        digest: SHA-256 over all arrays, hexadecimal.
        analysis: layers from image to latent.
        synthesis: layers from latent to reconstruction.
        pixel_net: `context` tier of pixels.
        latent_net: `context` tier of latents.
        tables: `table` tier of pixels and latents.
        source_net: `context` tier of bilevel sources.
        source_lm: `lm` tier of bilevel sources.
        source_tables: `table` tier of bilevel sources, and what renders them.
        fill: int32 (slices + 1, rows), how much of the last sent row's correction carries on into the rows below it, in 1/256,
            by budget index and distance.
    """

    analysis: tuple[ConvLayer, ...]
    synthesis: tuple[ConvLayer, ...]
    pixel_net: ContextNet
    latent_net: ContextNet
    tables: StaticTables
    source_net: SourceNet
    source_lm: LmNet
    source_tables: SourceTables
    fill: np.ndarray

    @property
    def slices(self) -> int:
        """Number of latent slices (channels)."""
        return self.tables.latent.shape[0]


def weights_from_arrays(arrays: Mapping[str, np.ndarray]) -> MnistWeights:
    """Builds weights from the arrays of a weights file.

    Args:
        arrays: by the names under which the file stores them.

    Raises:
        ModelError: an array is missing.
    """
    try:
        return MnistWeights(
            digest=digest_of(arrays),
            analysis=layers_from_arrays("analysis", arrays),
            synthesis=layers_from_arrays("synthesis", arrays),
            pixel_net=tuple_from_arrays(ContextNet, "pixels", arrays),
            latent_net=tuple_from_arrays(ContextNet, "latents", arrays),
            tables=tuple_from_arrays(StaticTables, "tables", arrays),
            source_net=tuple_from_arrays(SourceNet, "scans", arrays),
            source_lm=tuple_from_arrays(LmNet, "lm", arrays),
            source_tables=tuple_from_arrays(SourceTables, "scan", arrays),
            fill=arrays["fill"],
        )
    except KeyError as error:
        raise ModelError(f"the weights of preset {MNIST.name} lack the array {error}") from error
