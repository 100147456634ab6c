"""Traces of preset `mnist`: measurements of many images, complete, by the codec's own kernels.

An episode's bits, compute and distortion are sums of table entries and equal those of the real encoder exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from rlcodec.envs.measure import MeasureOptions, Tables, measure_all
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.measurements import ImageMeasurer, MnistMeasurements, table_shapes

CHUNK_IMAGES = 32
"""Images that a process measures at a time."""


@dataclass(frozen=True)
class MnistTrace(MnistMeasurements):
    """Measurements of n images, and the images.

    Attributes:
        images: uint8 (n, height, width).
    """

    images: np.ndarray


def _measure_chunk(images: np.ndarray) -> Tables:
    measurers = [ImageMeasurer(installed_weights(), image) for image in images]
    for measurer in measurers:
        measurer.measure_all()
    names = [f.name for f in fields(MnistMeasurements)[1:]]
    return {name: np.concatenate([getattr(m.measurements, name) for m in measurers]) for name in names}


def measure_images(images: Sequence[np.ndarray], options: MeasureOptions = MeasureOptions()) -> MnistTrace:
    """The trace of some images, measured by several processes.

    Args:
        images: uint8 (height, width) each, of one size.
        options: workers, progress, folder and backend.

    Raises:
        DataError: there are no images, or they differ in size.
        OutputError: the folder cannot be written to.
    """
    if not len(images):
        raise DataError("there are no images to trace")
    if len({image.shape for image in images}) > 1:
        raise DataError("the images of a trace of preset mnist must have one size")
    stacked, report = np.asarray(images), options.report

    def report_images(chunks: int, _: int) -> None:
        if report:
            report(min(chunks * CHUNK_IMAGES, len(stacked)), len(stacked))

    parts = [stacked[at : at + CHUNK_IMAGES] for at in range(0, len(stacked), CHUNK_IMAGES)]
    digest = installed_weights().digest
    chunks = measure_all(_measure_chunk, parts, digest, replace(options, report=report_images))
    tables = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return MnistTrace(digest=digest, images=stacked, **tables)


def load_trace(path: Path) -> MnistTrace:
    """Reads a trace; nothing in it is executed.

    Args:
        path: of the file.

    Raises:
        DataError: the file is missing or broken, or was written by another codec.
    """
    weights = installed_weights()
    trace = load_tables(path, MnistTrace, weights.digest)
    shapes = table_shapes(weights.slices, trace.images.shape[1])
    check_shapes(path, trace, {name: (len(trace.images), *shape) for name, shape in shapes.items()})
    return trace
