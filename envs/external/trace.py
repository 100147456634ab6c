"""Traces of codecs outside of this package: what their settings cost and give, measured by the user.

`external_trace` makes a trace from tables; `rlcodec.envs.external.task` is the task of learning from it.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from rlcodec.control.objective import KINDS
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.presets.external.process import RATE_RANGE, ExternalMeasurements, ExternalSpec


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
    """

    digest: str
    described: np.ndarray
    pixels: np.ndarray
    features: np.ndarray
    bits: np.ndarray
    kmac: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    @functools.cached_property
    def spec(self) -> ExternalSpec:
        """Of the codec."""
        return ExternalSpec.from_json(str(self.described))

    @property
    def measurements(self) -> ExternalMeasurements:
        """The measurements as the decision process takes them."""
        return ExternalMeasurements(self.features, self.pixels, self.bits, self.kmac, self.mse, self.ms_ssim)

    def take(self, index: np.ndarray | slice) -> Self:
        """The same for some of the images."""
        return type(self)(self.digest, self.described, *(getattr(self, f.name)[index] for f in fields(self)[2:]))


def external_trace(
    codec: str,
    settings: Sequence[str],
    features: Mapping[str, Sequence[float] | np.ndarray],
    pixels: Sequence[int] | np.ndarray,
    bits: Sequence[Any] | np.ndarray,
    mse: Sequence[Any] | np.ndarray,
    ms_ssim: Sequence[Any] | np.ndarray | None = None,
    decoder_kmac_per_pixel: Sequence[Any] | np.ndarray | None = None,
    stops: Sequence[str] = ("end",),
    baseline: int = 0,
    rate_range: Mapping[str, tuple[float, float]] | None = None,
) -> ExternalTrace:
    """A trace of n images, from what was measured of a codec with k settings.

    Args:
        codec: name of the codec. Traces and policies belong together if codec, settings, features, stops, kinds of distortion,
            ranges and baseline are the same.
        settings: k names, for instance "quality 10".
        features: n numbers by name: what is known of each image before it is coded.
        pixels: n numbers of pixels.
        bits: (n, k) or (n, k, stops), positive: bits of the streams.
        mse: of the same shape: mean squared error on the scale 0 to 255.
        ms_ssim: of the same shape: MS-SSIM; if None, there are no objectives in it.
        decoder_kmac_per_pixel: of the same shape; 0 if None.
        stops: names of where streams of a setting can end, from the coarsest.
        baseline: index of the setting that rewards are counted from.
        rate_range: log10 of the smallest and the largest lambda_rate to train for, by kind of distortion; for others that of
            `rlcodec.presets.external.process.RATE_RANGE`.

    Raises:
        DataError: there are no images, a table has another shape or an impossible value, or names occur twice.
    """
    kinds = tuple(kind for kind in KINDS if kind != "ms-ssim" or ms_ssim is not None)
    unknown = set(rate_range or ()) - set(KINDS)
    if unknown:
        raise DataError(f"rate_range has {', '.join(sorted(unknown))}; there are: {', '.join(KINDS)}")
    ranges = {kind: (float(low), float(high)) for kind, (low, high) in (RATE_RANGE | dict(rate_range or {})).items()}
    spec = ExternalSpec(codec, tuple(settings), tuple(features), tuple(stops), kinds, ranges, baseline)
    areas = _numbers("pixels", pixels, (len(pixels),)).astype(np.int64)
    n, shape = len(areas), (len(areas), len(spec.settings), len(spec.stops))
    columns = [_numbers(f"feature {name}", values, (n,)) for name, values in features.items()]
    tables = {
        "bits": bits,
        "kmac": np.zeros(shape) if decoder_kmac_per_pixel is None else decoder_kmac_per_pixel,
        "mse": mse,
        "ms_ssim": np.zeros(shape) if ms_ssim is None else ms_ssim,
    }
    arrays = {name: _numbers(name, values, shape) for name, values in tables.items()}
    trace = ExternalTrace(spec.digest, np.array(spec.to_json()), areas, np.stack(columns, 1), **arrays)
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
    check_shapes(path, trace, shapes)
    try:
        _check_values(trace)
    except (DataError, TypeError) as error:
        raise DataError(f"{path}: not a usable trace ({error})") from error
    return trace
