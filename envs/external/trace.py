"""Traces of codecs outside of this package: what their settings cost and give, measured by the user.

`external_trace` makes a trace from tables; `rlcodec.envs.external.task` is the task of learning from it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from rlcodec.control.objective import SSIMULACRA2
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.presets.external.process import ExternalMeasurements, ExternalSpec


@dataclass(frozen=True)
class ExternalTrace:
    """What every setting of a codec costs and gives on n images.

    Attributes:
        digest: SHA-256 of the spec, hexadecimal.
        described: JSON of the spec, an array without dimensions.
        pixels: int64 (n,), number of pixels of each image.
        features: float64 (n, features), what is known before an image is coded.
        bits: float64 (n, settings, stops), of the streams.
        kmac: float64 (n, settings, stops), decoder kMAC per pixel.
        mse: float64 (n, settings, stops), mean squared error on the scale 0 to 255.
        ms_ssim: float64 (n, settings, stops); 0 if it was not measured.
        ssimulacra2: float64 (n, settings, stops); None if it was not measured.
    """

    digest: str
    described: np.ndarray
    pixels: np.ndarray
    features: np.ndarray
    bits: np.ndarray
    kmac: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray
    ssimulacra2: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @functools.cached_property
    def spec(self) -> ExternalSpec:
        """Of the codec."""
        return ExternalSpec.from_json(str(self.described))

    @property
    def measurements(self) -> ExternalMeasurements:
        """The measurements as the decision process takes them."""
        return ExternalMeasurements(self.features, self.pixels, self.bits, self.kmac, self.mse, self.ms_ssim, self.ssimulacra2)

    def take(self, index: np.ndarray | slice) -> Self:
        """The same for some of the images."""
        tables = (getattr(self, f.name) for f in fields(self)[2:])
        taken: list[Any] = [None if table is None else table[index] for table in tables]
        return type(self)(self.digest, self.described, *taken)


@dataclass(frozen=True)
class MeasuredStreams:
    """What was measured of a codec's streams on n images: tables (n, settings, stops), or (n, settings) if there is one stop.

    Attributes:
        bits: of the streams, positive.
        mse: mean squared error on the scale 0 to 255.
        ms_ssim: MS-SSIM; if None, there are no objectives in it.
        decoder_kmac_per_pixel: compute of decoding; 0 if None.
        ssimulacra2: SSIMULACRA2; if None, there are no objectives in it.
    """

    bits: Any
    mse: Any
    ms_ssim: Any = None
    decoder_kmac_per_pixel: Any = None
    ssimulacra2: Any = None


def external_trace(
    spec: ExternalSpec, pixels: Sequence[int] | np.ndarray, features: Sequence[Any] | np.ndarray, measured: MeasuredStreams
) -> ExternalTrace:
    """A trace of n images, from what was measured of a codec.

    Args:
        spec: of the codec. Traces and policies belong together if their specs are equal.
        pixels: n numbers of pixels.
        features: (n, features), in the order of `spec.features`.
        measured: tables of the streams.

    Raises:
        DataError: there are no images, or a table has another shape or an impossible value.
    """
    kinds = tuple(kind for kind in spec.kinds if measured.ms_ssim is not None or kind != "ms-ssim")
    if measured.ssimulacra2 is not None:
        kinds = tuple(dict.fromkeys((*kinds, SSIMULACRA2)))
    elif SSIMULACRA2 in kinds:
        raise DataError("the spec names ssimulacra2, but there is no table of it")
    if kinds != spec.kinds:
        spec = replace(spec, kinds=kinds)
    n, shape = len(pixels), (len(pixels), len(spec.settings), len(spec.stops))
    tables = {
        "bits": measured.bits,
        "kmac": np.zeros(shape) if measured.decoder_kmac_per_pixel is None else measured.decoder_kmac_per_pixel,
        "mse": measured.mse,
        "ms_ssim": np.zeros(shape) if measured.ms_ssim is None else measured.ms_ssim,
    }
    if measured.ssimulacra2 is not None:
        tables["ssimulacra2"] = measured.ssimulacra2
    trace = ExternalTrace(
        spec.digest,
        np.array(spec.to_json()),
        _numbers("pixels", pixels, (n,)).astype(np.int64),
        _numbers("features", features, (n, len(spec.features))),
        **{name: _numbers(name, values, shape) for name, values in tables.items()},
    )
    _check_values(trace)
    return trace


def _numbers(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Values as float64 of a shape, whose axis of stops may be missing if there is one stop; raises DataError."""
    try:
        array = np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} holds no numbers, or rows of different lengths ({error})") from error
    if len(shape) == 3 and array.shape == shape[:2] and shape[2] == 1:
        array = array[..., None]
    if array.shape != shape:
        raise DataError(f"{name} has shape {array.shape}, not {shape}")
    return array


def _check_values(trace: ExternalTrace) -> None:
    """Raises DataError if there are no images, or a table holds an impossible value."""
    if not len(trace):
        raise DataError("the trace has no images")
    possible = {
        "pixels": trace.pixels > 0,
        "bits": trace.bits > 0,
        "kmac": trace.kmac >= 0,
        "mse": (trace.mse >= 0) & (trace.mse <= 255.0**2),
        "ms_ssim": (trace.ms_ssim >= -1) & (trace.ms_ssim <= 1),
        "features": np.isfinite(trace.features),
    }
    if trace.ssimulacra2 is not None:
        possible["ssimulacra2"] = trace.ssimulacra2 <= 100
    for name, in_range in possible.items():
        values = getattr(trace, name)
        impossible = np.argwhere(~(in_range & np.isfinite(values)))
        if len(impossible):
            image = int(impossible[0][0])
            raise DataError(f"{name} of image {image} is impossible: {values[image]}")


def load_external_trace(path: Path) -> ExternalTrace:
    """Reads a trace of whatever codec; nothing in the file is executed.

    Raises:
        DataError: it is missing or broken.
    """
    trace = load_tables(path, ExternalTrace, None)
    try:
        spec = trace.spec
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a usable trace (its spec: {error})") from error
    except DataError as error:
        raise DataError(f"{path}: not a usable trace ({error})") from error
    if spec.digest != trace.digest:
        raise DataError(f"{path}: not a usable trace (its digest is not that of its spec)")
    n, shape = trace.pixels.size, (trace.pixels.size, len(spec.settings), len(spec.stops))
    shapes = {"pixels": (n,), "features": (n, len(spec.features)), **dict.fromkeys(("bits", "kmac", "mse", "ms_ssim"), shape)}
    if (trace.ssimulacra2 is not None) != (SSIMULACRA2 in spec.kinds):
        raise DataError(f"{path}: not a usable trace (its table of ssimulacra2 does not go with its spec)")
    if trace.ssimulacra2 is not None:
        shapes["ssimulacra2"] = shape
    check_shapes(path, trace, shapes)
    try:
        _check_values(trace)
    except (DataError, TypeError) as error:
        raise DataError(f"{path}: not a usable trace ({error})") from error
    return trace
