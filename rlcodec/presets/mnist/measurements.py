"""Measurements of images for decisions: what every choice costs and gives, and what an encoder knows before it decides.

A trace holds complete tables of many images. An encoder fills the tables of one image as far as it needs them: statistics,
latent slices and, without latents, rows of pixels in the tiers `table` and `context` before it decides; pictures under a few
bit budgets; and rows under the budget that is chosen, as they are coded. It never measures what it would discard, for instance
tier `lm`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from rlcodec.control.objective import LOSS, MEASURES, MSE
from rlcodec.core.binary_latent import latent_coder, measure_latent_slices
from rlcodec.core.integer_conv import analyse, keep_bits, synthesise
from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, LM, TABLE, TIERS
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.context import source_state
from rlcodec.presets.mnist.pixel_coder import SATURATED, nontrivial_pixels
from rlcodec.presets.mnist.rows import measure_rows, row_coder, stop_pictures
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice
from rlcodec.presets.mnist.weights import MnistWeights

STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "ink": lambda value, ink, probe: ink.mean(),
    "mean": lambda value, ink, probe: value.mean() / 255,
    "deviation": lambda value, ink, probe: value.std() / 255,
    "gray": lambda value, ink, probe: (ink & (value < SATURATED)).mean(),
    "saturated": lambda value, ink, probe: (value >= SATURATED).mean(),
    "gradient_x": lambda value, ink, probe: np.abs(np.diff(value, axis=1)).sum() / value.size / 255,
    "gradient_y": lambda value, ink, probe: np.abs(np.diff(value, axis=0)).sum() / value.size / 255,
    "ink_rows": lambda value, ink, probe: ink.any(1).mean(),
    "ink_columns": lambda value, ink, probe: ink.any(0).mean(),
    "probe_log2_mse": lambda value, ink, probe: np.log2(np.square(probe - value).mean() + 1),
}
"""Statistics of an image by name, from float64 pixels, where they are ink, and the reconstruction from half of the latents.

All are per pixel or in [0, 1], except the last: log2 of 1 plus the mean squared error of the reconstruction."""
MEASURED_TIERS = (TABLE, CONTEXT)
"""Tiers whose costs an encoder measures before it decides; `lm` is too expensive for that."""


@dataclass(frozen=True)
class MnistMeasurements:
    """What every choice costs and gives, of n images of one size with h rows, s latent slices, b bit budgets and t tiers.

    Attributes:
        digest: SHA-256 of the weights that measured, hexadecimal.
        latent_cost: int64 (n, LATENT_TIERS, s), code length of each latent slice in 1/COST_UNIT bit, without naming its tier.
        latent_macs: int64 (n, LATENT_TIERS, s), multiply-accumulates of decoding it.
        latent_sse: int64 (n, s + 1), squared error of the picture if the stream stops after 0 to s latent slices.
        latent_loss: float32 (n, s + 1), 1 - MS-SSIM of the same pictures.
        pixel_cost: int64 (n, b, t, h), code length of each row of pixels, as `latent_cost`.
        pixel_macs: int64 (n, b, t, h), multiply-accumulates of decoding it.
        stop_sse: int64 (n, b, h + 1), squared error if the stream stops after all latents of a budget and 0 to h rows.
        stop_loss: float32 (n, b, h + 1), 1 - MS-SSIM of the same pictures.
        row_busy: int16 (n, b, h), pixels whose context is not all background.
        statistics: float64 (n, len(STATISTICS)).
    """

    digest: str
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
        return len(self.statistics)

    def take(self, index: np.ndarray | slice) -> Self:
        """The same tables for some of the images."""
        return type(self)(self.digest, *(getattr(self, f.name)[index] for f in fields(self)[1:]))


def table_shapes(slices: int, height: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the tables of `MnistMeasurements` for one image.

    Args:
        slices: latent slices.
        height: rows of pixels.
    """
    latent, stops = (LATENT_TIERS, slices), (len(BUDGET_SLICES), height + 1)
    rows = (len(BUDGET_SLICES), len(TIERS), height)
    return {
        "latent_cost": latent,
        "latent_macs": latent,
        "latent_sse": (slices + 1,),
        "latent_loss": (slices + 1,),
        "pixel_cost": rows,
        "pixel_macs": rows,
        "stop_sse": stops,
        "stop_loss": stops,
        "row_busy": (len(BUDGET_SLICES), height),
        "statistics": (len(STATISTICS),),
    }


DTYPES = {"latent_loss": np.float32, "stop_loss": np.float32, "row_busy": np.int16, "statistics": np.float64}
"""Types of tables that are not int64."""


class ImageMeasurer:
    """Fills in the measurements of one image with the codec's own kernels, each when it is first asked for.

    What every encoder knows before it decides is measured at once.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        measures: of `rlcodec.control.objective` in which errors are measured.

    Attributes:
        latent: int8 (slices, rows, columns), of the analysis transform.
        measurements: of the image; 0 where nothing was measured.
        source: bilevel source of the image, or None.
    """

    def __init__(self, weights: MnistWeights, pixels: np.ndarray, measures: Sequence[int] = MEASURES):
        self.weights, self.pixels = weights, pixels
        self.latent, self._measures = analyse(weights.analysis, pixels), measures
        shapes = table_shapes(weights.slices, len(pixels)).items()
        tables = {name: np.zeros((1, *shape), DTYPES.get(name, np.int64)) for name, shape in shapes}
        self.measurements = MnistMeasurements(weights.digest, **tables)
        self.source = source_of(weights.source_tables, pixels)
        self._reconstructions: dict[int, np.ndarray] = {}
        self._rows: dict[tuple[int, int], np.ndarray] = {}
        self._budgets: set[int] = set()
        self._slices: set[int] = set()
        value, ink, probe = self.pixels.astype(np.float64), self.pixels > 0, self.reconstruction(weights.slices // 2)
        self.measurements.statistics[0] = [statistic(value, ink, probe) for statistic in STATISTICS.values()]
        for tier in MEASURED_TIERS:
            self._measure_latents(tier)
            self.measure_rows(0, tier)
        self.measure_slices(np.zeros(1, np.int64))

    def measure_all(self) -> None:
        """Measures everything, as traces hold it."""
        self.measure_slices(np.arange(self.weights.slices + 1))
        for budget in range(len(BUDGET_SLICES)):
            self.measure_budget(budget)
            for tier in range(len(TIERS)):
                self.measure_rows(budget, tier)

    def measure_slices(self, slices: np.ndarray) -> None:
        """Measures the picture after some latent slices, int64."""
        for count in set(slices.tolist()) - self._slices:
            self._slices.add(count)
            picture = self.reconstruction(count)
            if MSE in self._measures:
                self.measurements.latent_sse[0, count] = np.square(picture.astype(np.int64) - self.pixels).sum()
            if LOSS in self._measures:
                self.measurements.latent_loss[0, count] = ms_ssim_loss(picture, self.pixels)

    def measure_budget(self, budget: int) -> None:
        """Measures what the choice of a bit budget leads to, and what the encoder then knows."""
        if budget in self._budgets:
            return
        self._budgets.add(budget)
        slices, tables = BUDGET_SLICES[budget], self.measurements
        self.measure_rows(budget, TABLE)
        tables.row_busy[0, budget] = nontrivial_pixels(self._context(slices), self.pixels)
        pictures = stop_pictures(self.reconstruction(slices), self.pixels, self.weights.fill[slices])
        if MSE in self._measures:
            tables.stop_sse[0, budget] = np.square(pictures.astype(np.int64) - self.pixels).sum((1, 2))
        if LOSS in self._measures:
            tables.stop_loss[0, budget] = [ms_ssim_loss(picture, self.pixels) for picture in pictures]

    def measure_rows(self, budget: int, tier: int) -> None:
        """Measures all rows of pixels under a bit budget and a tier."""
        at = BUDGET_SLICES[budget], tier
        if tier == LM:  # rows by a bilevel source do not depend on the latents; without a source, `lm` is `context`
            at = (0, LM) if self.source else (BUDGET_SLICES[budget], CONTEXT)
        if at not in self._rows:
            rows = row_coder(self.weights, self._context(at[0]), source_state(self.source, known=True))
            costs = self._rows[at] = np.empty((2, len(self.pixels)), np.int64)
            measure_rows(rows, self.pixels.copy(), *at, *costs)
        self.measurements.pixel_cost[0, budget, tier], self.measurements.pixel_macs[0, budget, tier] = self._rows[at]

    def _measure_latents(self, tier: int) -> None:
        """Measures all latent slices under a tier, by coding them into a buffer that is discarded."""
        coder = latent_coder(self.weights.latent_net, self.weights.tables.latent, self.latent.shape)
        spent, macs = self.measurements.latent_cost[0, tier], self.measurements.latent_macs[0, tier]
        measure_latent_slices(coder, self.latent.copy(), tier == CONTEXT, spent, macs)

    def reconstruction(self, slices: int) -> np.ndarray:
        """What the synthesis makes of the first latent slices, uint8 (height, width)."""
        if slices not in self._reconstructions:
            kept = keep_bits(self.latent, slices * bits_per_slice(*self.pixels.shape))
            self._reconstructions[slices] = synthesise(self.weights.synthesis, kept, *self.pixels.shape)
        return self._reconstructions[slices]

    def _context(self, slices: int) -> np.ndarray:
        return self.reconstruction(slices) if slices else np.zeros_like(self.pixels)
