"""Traces of preset `mnist`: measurements of many images, complete, by the codec's own kernels.

An episode's bits, compute and distortion are sums of table entries and equal those of the real encoder exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rlcodec.core.segment_choice import TIERS
from rlcodec.envs.measure import MeasureOptions, Tables, measure_all
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.measurements import MEASURED_TIERS, ImageMeasurer, MnistMeasurements, table_shapes
from rlcodec.presets.mnist.segments import BUDGET_SLICES
from rlcodec.presets.mnist.weights import MnistWeights

CHUNK_IMAGES = 32
"""Images that a process measures at a time."""


@dataclass(frozen=True)
class MnistTrace(MnistMeasurements):
    """Measurements of n images, and the images.

    Attributes:
        images: uint8 (n, height, width).
    """

    images: np.ndarray


def measure_image(weights: MnistWeights, pixels: np.ndarray) -> Tables:
    """All tables of `MnistMeasurements` of one image.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).

    Returns:
        Arrays by the name of the table, without their first axis.
    """
    image = ImageMeasurer(weights, pixels)
    latents = [image.latent_costs(tier) for tier in MEASURED_TIERS]
    rows = [[image.row_costs(slices, tier) for tier in range(len(TIERS))] for slices in BUDGET_SLICES]
    stops = range(weights.slices + 1)
    return {
        "latent_cost": np.stack([costs.cost for costs in latents]),
        "latent_macs": np.stack([costs.macs for costs in latents]),
        "latent_sse": np.array([image.slice_sse(slices) for slices in stops]),
        "latent_loss": np.array([image.slice_loss(slices) for slices in stops]),
        "pixel_cost": np.array([[costs.cost for costs in tiers] for tiers in rows]),
        "pixel_macs": np.array([[costs.macs for costs in tiers] for tiers in rows]),
        "stop_sse": np.array([image.stop_sse(slices) for slices in BUDGET_SLICES]),
        "stop_loss": np.array([image.stop_losses(slices) for slices in BUDGET_SLICES]),
        "row_busy": np.array([image.nontrivial_pixels(slices) for slices in BUDGET_SLICES], np.int16),
        "statistics": image.statistics(),
    }


def _measure_chunk(images: np.ndarray) -> Tables:
    weights = installed_weights()
    measured = [measure_image(weights, image) for image in images]
    return {name: np.stack([tables[name] for tables in measured]) for name in measured[0]}


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


def load_trace(path: Path, weights: MnistWeights) -> MnistTrace:
    """Reads a trace; nothing in it is executed.

    Args:
        path: of the file.
        weights: of the preset.

    Raises:
        DataError: the file is missing or broken, or was written by another codec.
    """
    trace = load_tables(path, MnistTrace, weights.digest)
    shapes = table_shapes(weights.slices, trace.images.shape[1])
    check_shapes(path, trace, {name: (len(trace.images), *shape) for name, shape in shapes.items()})
    return trace
