"""Weights files: named arrays in safetensors, their digest, and the fingerprint in the header of streams."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from rlcodec.core.container import Header
from rlcodec.core.files import write_bytes
from rlcodec.core.integer_conv import ConvLayer
from rlcodec.errors import ModelError, UnknownModelError

T = TypeVar("T")
WEIGHTS = Path(__file__).parents[1] / "weights"
"""Folder of the installed weights and policies."""
FINGERPRINT_BYTES = 2
"""Bytes of the digest in the header of a stream; policy files hold all of it."""
LAYER_FIELDS = ("shift", "low", "high", "stride", "shuffle")


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of a preset.

    Attributes:
        digest: SHA-256 over all arrays, hexadecimal.
    """

    digest: str

    @property
    def fingerprint(self) -> bytes:
        """The first bytes of the digest, as streams carry them."""
        return fingerprint_of(self.digest)


def fingerprint_of(digest: str) -> bytes:
    """The first bytes of a digest, as streams have them."""
    return bytes.fromhex(digest)[:FINGERPRINT_BYTES]


def check_fingerprint(header: Header, digest: str) -> None:
    """Raises UnknownModelError if a stream was coded with other weights."""
    if header.fingerprint != fingerprint_of(digest):
        raise UnknownModelError(
            f"the stream was coded with weights {header.fingerprint.hex()} of preset {header.format.name}; "
            f"these are {fingerprint_of(digest).hex()}"
        )


def checked_arrays(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[tuple[int, ...], type]], preset: str
) -> dict[str, np.ndarray]:
    """The arrays of a weights file that a preset uses, contiguous.

    Args:
        arrays: of the file, by name.
        shapes: shape and type of the arrays that there must be, by name.
        preset: name of the preset, for messages.

    Raises:
        ModelError: an array is missing, or its shape or type does not fit this version.
    """
    for name, (shape, kind) in shapes.items():
        if name not in arrays:
            raise ModelError(f"the weights of preset {preset} lack the array {name!r}")
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ModelError(f"the weights of preset {preset} do not fit this version: {name} has shape {arrays[name].shape}")
    return {name: np.ascontiguousarray(arrays[name]) for name in shapes}


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and values of arrays in the order of their names, hexadecimal."""
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
    """Arrays of a named tuple, a network or tables, named `prefix.field`."""
    return {f"{prefix}.{name}": np.asarray(getattr(values, name)) for name in stored_fields(type(values))}


def stored_fields(kind: Any) -> tuple[str, ...]:
    """Names of the arrays that are stored: of a named tuple all, of a compiled class those that it lists in `stored`."""
    return tuple(getattr(kind, "_fields", None) or kind.stored)


def tuple_from_arrays(kind: Callable[..., T], prefix: str, arrays: Mapping[str, np.ndarray]) -> T:
    """Inverse of `tuple_to_arrays`, for a class of named tuples, networks or tables; raises KeyError if an array is missing."""
    return kind(**{field: np.ascontiguousarray(arrays[f"{prefix}.{field}"]) for field in stored_fields(kind)})


def save_model(path: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Writes arrays as safetensors, whole or not at all.

    Args:
        path: of the file.
        arrays: by name.
        metadata: texts by name, for instance from `rlcodec.core.known_answers.known_answers`.

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
