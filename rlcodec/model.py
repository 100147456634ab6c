"""A preset's weights: transforms, raster-encoder networks and static tables, in one safetensors file of integers."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from rlcodec.errors import ModelError, UnknownModelError
from rlcodec.files import write_bytes
from rlcodec.integer_net import ContextNet, context_net
from rlcodec.known_answers import check_known_answers
from rlcodec.pairs import PAIRS
from rlcodec.presets import Preset, preset_by_name
from rlcodec.raster import StaticTables
from rlcodec.raster_lm import LmNet, lm_net
from rlcodec.scan_context import ScanTables
from rlcodec.stream import Header
from rlcodec.transform import ConvLayer

WEIGHTS = Path(__file__).parent / "weights"
FINGERPRINT_BYTES = 2
"""So many bytes of the SHA-256 stand in a stream's header; a policy file names all of it."""
LAYER_FIELDS = ("shift", "low", "high", "stride", "shuffle")


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


def fingerprint_of(digest: str) -> bytes:
    """What streams carry of a model's digest."""
    return bytes.fromhex(digest)[:FINGERPRINT_BYTES]


def check_fingerprint(header: Header, digest: str) -> None:
    """Raises UnknownModelError where a stream was coded with other weights."""
    if header.fingerprint != fingerprint_of(digest):
        raise UnknownModelError(
            f"the stream was coded with weights {header.fingerprint.hex()} of preset {header.preset.name}; "
            f"these are {fingerprint_of(digest).hex()}"
        )


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and values in the order of the names, hexadecimal."""
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        state.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        state.update(array.tobytes())
    return state.hexdigest()


def layers_to_arrays(prefix: str, layers: tuple[ConvLayer, ...]) -> dict[str, np.ndarray]:
    """Arrays of a transform, named `prefix.0.weight` and so on."""
    arrays = {}
    for i, layer in enumerate(layers):
        arrays[f"{prefix}.{i}.weight"] = layer.weight
        arrays[f"{prefix}.{i}.bias"] = layer.bias
        arrays[f"{prefix}.{i}.settings"] = np.array([getattr(layer, f) for f in LAYER_FIELDS], np.int64)
    return arrays


def layers_from_arrays(prefix: str, arrays: Mapping[str, np.ndarray]) -> tuple[ConvLayer, ...]:
    """Inverse of `layers_to_arrays`."""
    layers: list[ConvLayer] = []
    while (name := f"{prefix}.{len(layers)}") + ".weight" in arrays:
        settings = (int(v) for v in arrays[f"{name}.settings"])
        layers.append(
            ConvLayer(arrays[f"{name}.weight"], arrays[f"{name}.bias"], **dict(zip(LAYER_FIELDS, settings, strict=True)))
        )
    return tuple(layers)


def tuple_to_arrays(prefix: str, values: Any) -> dict[str, np.ndarray]:
    """Arrays of a named tuple, named `prefix.field`, but for those that are made when it is loaded."""
    return {f"{prefix}.{name}": getattr(values, name) for name in stored_fields(type(values))}


def stored_fields(kind: Any) -> tuple[str, ...]:
    """Fields of a named tuple of arrays that are stored."""
    return tuple(name for name in kind._fields if not name.endswith(PAIRS))


def context_net_of(arrays: Mapping[str, np.ndarray], prefix: str) -> ContextNet:
    """Inverse of `tuple_to_arrays` for networks; raises KeyError where an array is missing."""
    return context_net(**{field: arrays[f"{prefix}.{field}"] for field in stored_fields(ContextNet)})


def save_model(path: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Writes arrays as safetensors, whole or not at all; metadata as `rlcodec.known_answers.known_answers`.

    Raises:
        OutputError: the file cannot be written.
    """
    write_bytes(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata))


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads a safetensors file.

    Raises:
        ModelError: it is missing or broken.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: not a usable weights file ({error})") from error


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
    from rlcodec.session import decoded_pixels  # which coding with a model needs, and its weights alone do not

    preset = preset_by_name(name)
    path = WEIGHTS / f"{preset.name}.safetensors"
    model = model_from_arrays(preset, load_arrays(path))
    check_known_answers(path, functools.partial(decoded_pixels, model))
    return model
