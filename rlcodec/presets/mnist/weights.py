"""A preset's weights: transforms, raster-encoder networks and static tables, in one safetensors file of integers."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlcodec.core.integer_conv import ConvLayer
from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.known_answers import check_known_answers
from rlcodec.core.preset_ids import Preset, preset_by_name
from rlcodec.core.weights_file import (
    WEIGHTS,
    context_net_of,
    digest_of,
    fingerprint_of,
    layers_from_arrays,
    load_arrays,
    stored_fields,
)
from rlcodec.errors import ModelError
from rlcodec.presets.mnist.bilevel.context import ScanTables
from rlcodec.presets.mnist.bilevel.transformer import LmNet, lm_net
from rlcodec.presets.mnist.static_tables import StaticTables


@dataclass(frozen=True)
class Model:
    """Everything that coding needs.

    Attributes:
        preset: whose weights these are.
        digest: SHA-256 over all arrays, hexadecimal.
        analysis: layers from image to latent.
        synthesis: layers from latent to reconstruction.
        pixel_net: `context` tier of the pixels.
        latent_net: `context` tier of the latents.
        tables: `table` tier.
        scan_net: `context` tier of the scans that digits were made from.
        scan_lm: `lm` tier of the scans.
        scan_tables: `table` tier of the scans, and what renders them.
        fill: int32 (slices + 1, rows); how much of the last sent row's correction carries on into the rows below it, in
            1/256, by budget index and distance.
    """

    preset: Preset
    digest: str
    analysis: tuple[ConvLayer, ...]
    synthesis: tuple[ConvLayer, ...]
    pixel_net: ContextNet
    latent_net: ContextNet
    tables: StaticTables
    scan_net: ContextNet
    scan_lm: LmNet
    scan_tables: ScanTables
    fill: np.ndarray

    @property
    def slices(self) -> int:
        """Latent slices (channels)."""
        return self.tables.latent.shape[0]

    @property
    def fingerprint(self) -> bytes:
        """The first bytes of the digest, as streams carry them."""
        return fingerprint_of(self.digest)


def model_from_arrays(preset: Preset, arrays: Mapping[str, np.ndarray]) -> Model:
    """Builds a model.

    Raises:
        ModelError: an array is missing.
    """
    try:
        return Model(
            preset=preset,
            digest=digest_of(arrays),
            analysis=layers_from_arrays("analysis", arrays),
            synthesis=layers_from_arrays("synthesis", arrays),
            pixel_net=context_net_of(arrays, "pixels"),
            latent_net=context_net_of(arrays, "latents"),
            tables=StaticTables(*(arrays[f"tables.{field}"] for field in StaticTables._fields)),
            scan_net=context_net_of(arrays, "scans"),
            scan_lm=lm_net(**{field: arrays[f"lm.{field}"] for field in stored_fields(LmNet)}),
            scan_tables=ScanTables(*(arrays[f"scan.{field}"] for field in ScanTables._fields)),
            fill=arrays["fill"],
        )
    except KeyError as error:
        raise ModelError(f"the weights of preset {preset.name} lack the array {error}") from error


@functools.cache
def load_model(name: str = "mnist") -> Model:
    """The shipped weights of a preset, loaded once, and found to be computed as they should be.

    Raises:
        OptionError: no such preset.
        ModelError: the weights are missing or broken, or this machine computes their known answers differently.
    """
    from rlcodec.presets.mnist.session import decoded_pixels  # which coding with a model needs, and its weights alone do not

    preset = preset_by_name(name)
    path = WEIGHTS / f"{preset.name}.safetensors"
    model = model_from_arrays(preset, load_arrays(path))
    check_known_answers(path, functools.partial(decoded_pixels, model))
    return model
