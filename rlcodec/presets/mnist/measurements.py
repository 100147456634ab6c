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
from rlcodec.core.binary_latent import code_latent_slice, latent_coder
from rlcodec.core.integer_conv import analyse, keep_bits, synthesise
from rlcodec.core.kernel import array_kernel, kernel
from rlcodec.core.metrics import ms_ssim_loss, ms_ssim_plane, ms_ssim_windows
from rlcodec.core.range_coder import COST, COSTS, MACS, encoder_state
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, LM, TABLE, TIERS
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.context import source_state
from rlcodec.presets.mnist.pixel_coder import (
    COLUMNS_ASIDE,
    ROWS_ABOVE,
    SATURATED,
    is_trivial,
    pixel_buffer,
    pixel_offsets,
    pixel_totals,
    record_pixel,
)
from rlcodec.presets.mnist.rows import code_row, fill_rows, row_coder
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
MOST_BYTES_PER_SYMBOL = 64
"""Of a pixel: one pixel of a bilevel source codes up to 30 binary decisions, of at most two bytes each."""


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


@array_kernel
def _nontrivial_pixels(buffer, offsets, totals, image):
    """Counts in each row the pixels whose context is not all background, int64 (height,)."""
    height, width = image.shape
    counts = np.zeros(height, np.int64)
    flat = buffer.reshape(-1)
    for y in range(height):
        for x in range(width):
            base = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE + x
            if not is_trivial(flat, base, offsets):
                counts[y] += 1
            record_pixel(buffer, totals, y, x, height, width, np.int64(image[y, x]))
    return counts


@array_kernel
def _stop_sse(reconstruction, image, weights):
    """Sums of squared errors of the picture after 0, 1, ... all rows, int64 (height + 1,)."""
    height, width = image.shape
    errors = np.empty(height + 1, np.int64)
    out = np.empty_like(image)
    for rows in range(height + 1):
        fill_rows(reconstruction, image, rows, weights, out)
        total = 0
        for y in range(height):
            for x in range(width):
                difference = np.int64(out[y, x]) - np.int64(image[y, x])
                total += difference * difference
        errors[rows] = total
    return errors


@array_kernel
def _stop_losses(reconstruction, image, weights, down, across, scale_weights):
    """1 - MS-SSIM of the picture after 0, 1, ... all rows, float32 (height + 1,)."""
    height = image.shape[0]
    losses = np.empty(height + 1, np.float32)
    out, original = np.empty_like(image), image.astype(np.float64)
    for rows in range(height + 1):
        fill_rows(reconstruction, image, rows, weights, out)
        losses[rows] = 1 - ms_ssim_plane(original, out.astype(np.float64), down, across, scale_weights)
    return losses


@kernel
def _measure_rows(state, data, costs, rows, image, index, tier, spent, macs):
    for y in range(image.shape[0]):
        cost_before, macs_before = state[COST], state[MACS]
        code_row(state, data, costs, rows, image, y, index, tier)
        spent[y], macs[y] = state[COST] - cost_before, state[MACS] - macs_before


@kernel
def _measure_latents(state, data, costs, coder, latent, use_network, spent, macs):
    for i in range(latent.shape[0]):
        cost_before, macs_before = state[COST], state[MACS]
        code_latent_slice(state, data, costs, coder, latent, i, latent.shape[1] * latent.shape[2], use_network)
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before


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
        self.weights, self.pixels = weights, np.array(pixels)  # kernels would be compiled anew for read-only arrays
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
        slices, shape, tables = BUDGET_SLICES[budget], self.pixels.shape, self.measurements
        self.measure_rows(budget, TABLE)
        tables.row_busy[0, budget] = _nontrivial_pixels(
            pixel_buffer(self._context(slices)), pixel_offsets(*shape), pixel_totals(shape[1]), self.pixels
        )
        picture, fill = self.reconstruction(slices), self.weights.fill[slices]
        if MSE in self._measures:
            tables.stop_sse[0, budget] = _stop_sse(picture, self.pixels, fill)
        if LOSS in self._measures:
            tables.stop_loss[0, budget] = _stop_losses(picture, self.pixels, fill, *ms_ssim_windows(*shape))

    def measure_rows(self, budget: int, tier: int) -> None:
        """Measures all rows of pixels under a bit budget and a tier."""
        at = BUDGET_SLICES[budget], tier
        if tier == LM:  # rows by a bilevel source do not depend on the latents; without a source, `lm` is `context`
            at = (0, LM) if self.source else (BUDGET_SLICES[budget], CONTEXT)
        if at not in self._rows:
            rows = row_coder(self.weights, self._context(at[0]), source_state(self.source, known=True))
            costs = self._rows[at] = np.empty((2, len(self.pixels)), np.int64)
            _measure_rows(encoder_state(), _discarded(self.pixels.size), COSTS, rows, self.pixels.copy(), *at, *costs)
        self.measurements.pixel_cost[0, budget, tier], self.measurements.pixel_macs[0, budget, tier] = self._rows[at]

    def _measure_latents(self, tier: int) -> None:
        """Measures all latent slices under a tier, by coding them into a buffer that is discarded."""
        coder = latent_coder(self.weights.latent_net, self.weights.tables.latent, self.latent.shape)
        spent, macs = self.measurements.latent_cost[0, tier], self.measurements.latent_macs[0, tier]
        data, latent = _discarded(self.latent.size), self.latent.copy()
        _measure_latents(encoder_state(), data, COSTS, coder, latent, tier == CONTEXT, spent, macs)

    def reconstruction(self, slices: int) -> np.ndarray:
        """What the synthesis makes of the first latent slices, uint8 (height, width)."""
        if slices not in self._reconstructions:
            kept = keep_bits(self.latent, slices * bits_per_slice(*self.pixels.shape))
            self._reconstructions[slices] = synthesise(self.weights.synthesis, kept, *self.pixels.shape)
        return self._reconstructions[slices]

    def _context(self, slices: int) -> np.ndarray:
        return self.reconstruction(slices) if slices else np.zeros_like(self.pixels)


def _discarded(symbols: int) -> np.ndarray:
    """A payload buffer for measuring so many symbols."""
    return np.zeros(symbols * MOST_BYTES_PER_SYMBOL + 64, np.uint8)
