"""Traces: what every segment of every image costs under every tier, and the error at every stop, as tables.

Built by the codec's own kernels, exactly: an episode's bits, compute and distortion are sums of table entries.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rlcodec.control.objective import LOSS
from rlcodec.core.integer_conv import analyse, keep_bits, synthesise
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, LM, TIERS
from rlcodec.envs.measure import Report, Tables, measure_all
from rlcodec.envs.trace_file import check_shapes, load_tables, save_tables
from rlcodec.errors import DataError
from rlcodec.parallel.backends import LOCAL
from rlcodec.presets.mnist.bilevel.coder import scan_of
from rlcodec.presets.mnist.measurements import STATISTICS, budget_facts, image_facts, measure_rows, stop_losses, stop_sse
from rlcodec.presets.mnist.weights import Model, load_model

CHUNK_IMAGES = 32


@dataclass(frozen=True)
class Trace:
    """Tables over n images, b bit budgets, t tiers, s latent slices, h rows. Costs are in 1/COST_UNIT bit.

    Attributes:
        digest: of the model that made it.
        images: uint8 (n, h, w).
        latent_cost: int64 (n, LATENT_TIERS, s), without the coding of the choice itself.
        latent_macs: int64 (n, LATENT_TIERS, s).
        latent_sse: int64 (n, s + 1): squared error when stopped after so many slices.
        latent_loss: float32 (n, s + 1): 1 - MS-SSIM there.
        pixel_cost: int64 (n, b, t, h).
        pixel_macs: int64 (n, b, t, h).
        stop_sse: int64 (n, b, h + 1): squared error when stopped after all latents and so many rows.
        stop_loss: float32 (n, b, h + 1): 1 - MS-SSIM there.
        row_busy: int16 (n, b, h): pixels with anything but background in their context.
        statistics: float64 (n, len(STATISTICS)).
    """

    digest: str
    images: np.ndarray
    latent_cost: np.ndarray
    latent_macs: np.ndarray
    latent_sse: np.ndarray
    latent_loss: np.ndarray
    pixel_cost: np.ndarray
    pixel_macs: np.ndarray
    stop_sse: np.ndarray
    stop_loss: np.ndarray
    row_busy: np.ndarray
    statistics: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray | slice) -> "Trace":
        """The same tables for some of the images."""
        return Trace(self.digest, *(getattr(self, f.name)[index] for f in fields(self)[1:]))

    def errors(self, measure: int) -> tuple[np.ndarray, np.ndarray]:
        """Errors in a measure of `rlcodec.control.objective` at stops in latents and in rows, float64 (n, s + 1) and (n, b, h + 1)."""
        if measure == LOSS:
            return self.latent_loss.astype(np.float64), self.stop_loss.astype(np.float64)
        pixels = self.images[0].size
        return self.latent_sse / pixels, self.stop_sse / pixels


def trace_image(model: Model, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """All tables of one image, uint8 (h, w): the fields of `Trace` from `latent_cost` on, without their first axis."""
    latent = analyse(model.analysis, pixels)
    facts = image_facts(model, pixels, latent)
    per_slice = latent[0].size
    pictures = [synthesise(model.synthesis, keep_bits(latent, s * per_slice), *pixels.shape) for s in range(model.slices + 1)]
    pixel_cost, pixel_macs, sse, losses, busy = [], [], [], [], []
    scanned = scan_of(model.scan_tables, pixels) is not None
    # The rows of a scan cost the same under every reconstruction; those of an image without one are tier `context`.
    lm = measure_rows(model, pixels, pictures[0], 0, LM) if scanned else None
    for slices in model.preset.budget_slices:
        bits = slices * per_slice
        known = budget_facts(model, pixels, pictures[slices], bits)
        context = measure_rows(model, pixels, pictures[slices], bits, CONTEXT)
        tiers = (known.table, context, lm or context)
        pixel_cost.append([found.cost for found in tiers])
        pixel_macs.append([found.macs for found in tiers])
        sse.append(stop_sse(model, pixels, pictures[slices], bits))
        losses.append(stop_losses(model, pixels, pictures[slices], bits))
        busy.append(known.busy)
    return {
        "latent_cost": facts.latent_cost,
        "latent_macs": facts.latent_macs,
        "latent_sse": np.array([squared_error(picture, pixels) for picture in pictures], np.int64),
        "latent_loss": np.array([ms_ssim_loss(picture, pixels) for picture in pictures], np.float32),
        "pixel_cost": np.array(pixel_cost, np.int64),
        "pixel_macs": np.array(pixel_macs, np.int64),
        "stop_sse": np.array(sse, np.int64),
        "stop_loss": np.array(losses, np.float32),
        "row_busy": np.array(busy, np.int16),
        "statistics": facts.statistics,
    }


def squared_error(picture: np.ndarray, pixels: np.ndarray) -> int:
    """Exact sum of squared errors of two uint8 images."""
    return int(np.square(picture.astype(np.int64) - pixels).sum())


def _trace_chunk(images: np.ndarray) -> Tables:
    model = load_model()
    traced = [trace_image(model, image) for image in images]
    return {name: np.stack([t[name] for t in traced]) for name in traced[0]}


def build_trace(
    images: np.ndarray, workers: int | None = None, report: Report | None = None, kept: Path | None = None, engine: str = LOCAL
) -> Trace:  # fmt: skip
    """The trace of some images, computed by several processes, `CHUNK_IMAGES` at a time.

    Args:
        images: uint8 (n, h, w).
        workers: as `rlcodec.envs.measure.measure_all`.
        report: called with (images done, images in all).
        kept: as `rlcodec.envs.measure.measure_all`.
        engine: as `rlcodec.envs.measure.measure_all`.

    Raises:
        DataError: there are no images.
        OutputError: `kept` cannot be written to.
    """
    if not len(images):
        raise DataError("there are no images to trace")

    def of_images(chunks: int, _: int) -> None:
        if report:
            report(min(chunks * CHUNK_IMAGES, len(images)), len(images))

    parts = [images[i : i + CHUNK_IMAGES] for i in range(0, len(images), CHUNK_IMAGES)]
    digest = load_model().digest
    chunks = measure_all(_trace_chunk, parts, digest, workers, of_images, kept, engine)
    return Trace(digest, images, **{name: np.concatenate([c[name] for c in chunks]) for name in chunks[0]})


def save_trace(path: Path, trace: Trace) -> None:
    """Writes a trace, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    save_tables(path, trace)


def load_trace(path: Path, model: Model) -> Trace:
    """Reads a trace; nothing in it is executed.

    Raises:
        DataError: it is missing, broken, or was made by another codec.
    """
    trace = load_tables(path, Trace, model.digest)
    n, rows, budgets = len(trace), trace.images.shape[1], len(model.preset.budget_slices)
    shapes = {
        "latent_cost": (n, LATENT_TIERS, model.slices),
        "latent_macs": (n, LATENT_TIERS, model.slices),
        "latent_sse": (n, model.slices + 1),
        "latent_loss": (n, model.slices + 1),
        "pixel_cost": (n, budgets, len(TIERS), rows),
        "pixel_macs": (n, budgets, len(TIERS), rows),
        "stop_sse": (n, budgets, rows + 1),
        "stop_loss": (n, budgets, rows + 1),
        "row_busy": (n, budgets, rows),
        "statistics": (n, len(STATISTICS)),
    }
    check_shapes(path, trace, shapes)
    return trace
