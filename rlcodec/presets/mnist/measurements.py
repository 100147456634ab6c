"""What an encoder knows of an image before it chooses: statistics, and the exact costs that one pass can tell.

Two stages. `image_facts` needs the analysis transform, one probe of the synthesis at half the latents, and a first pass
over latents and pixels without latents: every segment's exact cost under every tier. `budget_facts` needs the
reconstruction under the chosen bit budget, which the encoder makes anyway, and a pass of static tables. What is never
measured: the network's cost of pixels given latents, which would take a pass for each budget, and tier `lm`. The first
pass is encoder compute, and is counted as such.
"""

from dataclasses import dataclass

import numpy as np

from rlcodec.control.objective import LOSS
from rlcodec.core.binary_latent import code_latent_slice, latent_buffer, latent_offsets
from rlcodec.core.integer_conv import keep_bits, synthesise
from rlcodec.core.integer_mlp import layers_of
from rlcodec.core.kernel import array_kernel, kernel
from rlcodec.core.metrics import ms_ssim_loss, ms_ssim_plane, ms_ssim_windows
from rlcodec.core.range_coder import COST, COSTS, MACS, encoder_state
from rlcodec.core.segment_choice import CONTEXT, TABLE
from rlcodec.presets.mnist.bilevel.coder import scan_of
from rlcodec.presets.mnist.bilevel.context import scan_state
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
from rlcodec.presets.mnist.segments import analysis_macs, budget_index, synthesis_macs
from rlcodec.presets.mnist.weights import Model

STATISTICS = (
    "ink",
    "mean",
    "deviation",
    "gray",
    "saturated",
    "gradient_x",
    "gradient_y",
    "ink_rows",
    "ink_columns",
    "probe_log2_mse",
)
"""Names of the image's statistics, all per pixel or in [0, 1], but the probe's error, which is a logarithm."""
KNOWN_TIERS = (TABLE, CONTEXT)
"""Tiers whose exact costs the first pass finds; what `lm` would cost is predicted, since it is dear to find out."""
STATISTICS_MACS_PER_PIXEL = 8
MOST_BYTES_PER_SYMBOL = 64
"""Of a pixel: one of a scan stands for up to 30 binary decisions, of two bytes at most each."""


@dataclass(frozen=True)
class RowFacts:
    """What the rows of pixels cost under one reconstruction and one tier.

    Attributes:
        cost: int64 (height,), in 1/COST_UNIT bit.
        macs: int64 (height,), multiply-accumulates.
    """

    cost: np.ndarray
    macs: np.ndarray


@dataclass(frozen=True)
class BudgetFacts:
    """What is known once the bit budget is chosen.

    Attributes:
        table: rows under tier `table`.
        busy: int64 (height,), pixels of each row whose context is not all background.
    """

    table: RowFacts
    busy: np.ndarray


@dataclass(frozen=True)
class ImageFacts:
    """What is known before any choice; t is the number of `KNOWN_TIERS`.

    Attributes:
        statistics: float64 (len(STATISTICS),).
        latent_cost: int64 (t, slices), of each latent slice, in 1/COST_UNIT bit.
        latent_macs: int64 (t, slices).
        row_cost: int64 (t, height), of each row when no latents are sent.
        row_macs: int64 (t, height).
        probe: uint8 (height, width), the reconstruction from half of the latents.
        encoder_macs: multiply-accumulates that knowing all this took, the analysis included.
    """

    statistics: np.ndarray
    latent_cost: np.ndarray
    latent_macs: np.ndarray
    row_cost: np.ndarray
    row_macs: np.ndarray
    probe: np.ndarray
    encoder_macs: int


@array_kernel
def _busy_pixels(buffer, offsets, totals, image):
    """Pixels with anything but background in their context, per row."""
    height, width = image.shape
    busy = np.zeros(height, np.int64)
    flat = buffer.reshape(-1)
    for y in range(height):
        for x in range(width):
            base = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE + x
            if not is_trivial(flat, base, offsets):
                busy[y] += 1
            record_pixel(buffer, totals, y, x, height, width, np.int64(image[y, x]))
    return busy


@array_kernel
def _stop_sse(reconstruction, image, weights):
    """Sum of squared errors of the picture after 0, 1, ... all rows."""
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
    """1 - MS-SSIM of the picture after 0, 1, ... all rows."""
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
def _measure_slices(state, data, costs, net, frequencies, buffer, offsets, layers, selected, latent, use_network, spent, macs):
    for i in range(latent.shape[0]):
        cost_before, macs_before = state[COST], state[MACS]
        count = latent.shape[1] * latent.shape[2]
        code_latent_slice(
            state, data, costs, net, frequencies, buffer, offsets, layers, selected, latent, i, count, use_network
        )
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before


def _context_image(reconstruction: np.ndarray, bit_budget: int) -> np.ndarray:
    return reconstruction if bit_budget else np.zeros_like(reconstruction)


def measure_rows(model: Model, pixels: np.ndarray, reconstruction: np.ndarray, bit_budget: int, tier: int) -> RowFacts:
    """Costs of all rows under a tier, by coding them into nowhere.

    Args:
        model: the preset's model.
        pixels: uint8 (height, width).
        reconstruction: uint8 (height, width), from the latents that the budget keeps.
        bit_budget: binary latents kept.
        tier: of all rows.
    """
    index = budget_index(bit_budget, *pixels.shape)
    scan = scan_state(scan_of(model.scan_tables, pixels), known=True)
    rows = row_coder(model, _context_image(reconstruction, bit_budget), scan)
    scratch = np.zeros(pixels.size * MOST_BYTES_PER_SYMBOL + 64, np.uint8)
    found = RowFacts(np.empty(len(pixels), np.int64), np.empty(len(pixels), np.int64))
    _measure_rows(encoder_state(), scratch, COSTS, rows, pixels.copy(), index, tier, found.cost, found.macs)
    return found


def measure_latents(model: Model, latent: np.ndarray, tier: int) -> RowFacts:
    """Costs of all latent slices under a tier, (slices,) each, by coding them into nowhere."""
    scratch = np.zeros(latent.size * MOST_BYTES_PER_SYMBOL + 64, np.uint8)
    found = RowFacts(np.empty(len(latent), np.int64), np.empty(len(latent), np.int64))
    _measure_slices(
        encoder_state(), scratch, COSTS, model.latent_net, model.tables.latent, latent_buffer(*latent.shape),
        latent_offsets(*latent.shape), layers_of(model.latent_net), np.empty(1, np.int64), latent.copy(), tier == CONTEXT,
        found.cost, found.macs,
    )  # fmt: skip
    return found


def budget_facts(model: Model, pixels: np.ndarray, reconstruction: np.ndarray, bit_budget: int) -> BudgetFacts:
    """Facts under a bit budget; arguments as `measure_rows`."""
    table = measure_rows(model, pixels, reconstruction, bit_budget, TABLE)
    context = _context_image(reconstruction, bit_budget)
    busy = _busy_pixels(pixel_buffer(context), pixel_offsets(*pixels.shape), pixel_totals(pixels.shape[1]), pixels)
    return BudgetFacts(table, busy)


def picture_error(picture: np.ndarray, pixels: np.ndarray, measure: int) -> float:
    """Error of a picture in a measure of `rlcodec.control.objective`, both uint8 (height, width)."""
    if measure == LOSS:
        return float(ms_ssim_loss(picture, pixels))
    return float(np.square(picture.astype(np.int64) - pixels).sum() / pixels.size)


def stop_sse(model: Model, pixels: np.ndarray, reconstruction: np.ndarray, bit_budget: int) -> np.ndarray:
    """Squared error of the picture after 0 to all rows, int64 (height + 1,); arguments as `measure_rows`."""
    return _stop_sse(reconstruction, pixels, model.fill[budget_index(bit_budget, *pixels.shape)])


def stop_losses(model: Model, pixels: np.ndarray, reconstruction: np.ndarray, bit_budget: int) -> np.ndarray:
    """1 - MS-SSIM of the picture after 0 to all rows, float32 (height + 1,); arguments as `measure_rows`."""
    fill = model.fill[budget_index(bit_budget, *pixels.shape)]
    return _stop_losses(reconstruction, pixels, fill, *ms_ssim_windows(*pixels.shape))


def stop_errors(model: Model, pixels: np.ndarray, reconstruction: np.ndarray, bit_budget: int, measure: int) -> np.ndarray:
    """Error of the picture after 0 to all rows in a measure of `rlcodec.control.objective`, float64 (height + 1,)."""
    if measure == LOSS:
        return stop_losses(model, pixels, reconstruction, bit_budget).astype(np.float64)
    return stop_sse(model, pixels, reconstruction, bit_budget) / pixels.size


def image_facts(model: Model, pixels: np.ndarray, latent: np.ndarray) -> ImageFacts:
    """Facts before any choice.

    Args:
        model: the preset's model.
        pixels: uint8 (height, width).
        latent: int8 (slices, rows, columns), of the analysis transform.
    """
    height, width = pixels.shape
    probe_bits = latent.size // 2
    probe = synthesise(model.synthesis, keep_bits(latent, probe_bits), height, width)
    latents = [measure_latents(model, latent, tier) for tier in KNOWN_TIERS]
    rows = [measure_rows(model, pixels, np.zeros_like(pixels), 0, tier) for tier in KNOWN_TIERS]
    value, ink = pixels.astype(np.float64), pixels > 0
    statistics = np.array(
        [
            ink.mean(),
            value.mean() / 255,
            value.std() / 255,
            (ink & (pixels < SATURATED)).mean(),
            (pixels >= SATURATED).mean(),
            np.abs(np.diff(value, axis=1)).sum() / pixels.size / 255,
            np.abs(np.diff(value, axis=0)).sum() / pixels.size / 255,
            ink.any(1).mean(),
            ink.any(0).mean(),
            np.log2(np.square(probe - value).mean() + 1),
        ]
    )
    macs = analysis_macs(model, height, width) + synthesis_macs(model, height, width, probe_bits)
    macs += STATISTICS_MACS_PER_PIXEL * pixels.size + sum(int(f.macs.sum()) for f in latents + rows)
    return ImageFacts(
        statistics,
        np.stack([f.cost for f in latents]),
        np.stack([f.macs for f in latents]),
        np.stack([f.cost for f in rows]),
        np.stack([f.macs for f in rows]),
        probe,
        macs,
    )
