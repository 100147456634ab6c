"""Training of the context network of pixels of preset `mnist`: contexts from the runtime's kernels, and maximum likelihood."""

import numpy as np
import torch
from torch import Tensor

from rlcodec.core.kernel import kernel
from rlcodec.presets.mnist.pixel_coder import (
    COLUMNS_ASIDE,
    ROWS_ABOVE,
    SUMMARIES,
    SUMMARY_ROWS,
    is_trivial,
    pixel_buffer,
    pixel_offsets,
    pixel_totals,
    pixel_window,
    record_pixel,
    runs_in_row,
    summarise,
)
from rlcodec.training.context_net import RasterNet, Tree, path_bits
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.mnist.reconstructions import AnalysedImages
from rlcodec.training.options import Schedule, TrainingRun
from rlcodec.training.quantise import PIXEL_SCALE

SCHEDULE = Schedule(steps=20_000, batch=64, learning_rate=3e-3)
WIDTHS = 128, 96
ROW_ON = 64
"""Value of a selected row among the uint8 inputs; export scales the weights accordingly."""
NO_BUDGET_SHARE = 0.5
"""Share of training images that are coded without a reconstruction, as in lossless coding."""
EVALUATED_IMAGES = 500


@kernel
def _pixel_contexts(images, budgets, buffers, totals, offsets, inputs, selected, symbols):
    """Writes the contexts of all non-trivial pixels, as the coder forms them, and returns their number."""
    count = 0
    height, width = images.shape[1], images.shape[2]
    for n in range(images.shape[0]):
        buffer, total = buffers[n], totals[n]
        flat = buffer.reshape(-1)
        for y in range(height):
            runs_above, runs_in_this_row, before = runs_in_row(buffer, y - 1, width) if y else 0, 0, 0
            for x in range(width):
                base = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE + x
                value = images[n, y, x]
                if not is_trivial(flat, base, offsets):
                    summarise(buffer, total, y, x, height, width, budgets[n], runs_above, runs_in_this_row, selected)
                    for i in range(offsets.shape[0]):
                        inputs[count, i] = flat[base + offsets[i]]
                    inputs[count, offsets.shape[0] :] = 0
                    for i in range(selected.shape[0]):
                        inputs[count, offsets.shape[0] + selected[i]] = ROW_ON
                    symbols[count] = value
                    count += 1
                record_pixel(buffer, total, y, x, height, width, np.int64(value))
                if value and not before:
                    runs_in_this_row += 1
                before = value
    return count


def pixel_contexts(images: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray):
    """Contexts of the non-trivial pixels of a batch.

    Args:
        images: uint8 (n, h, w).
        reconstructions: uint8 (n, h, w); zeros where the budget is 0.
        budgets: int64 (n,), index of the bit budget.

    Returns:
        Inputs, uint8 (m, window + SUMMARY_ROWS), with ROW_ON for selected rows, and symbols, int64 (m,).
    """
    n, height, width = images.shape
    offsets = pixel_offsets(height, width)
    buffers = np.stack([pixel_buffer(r) for r in reconstructions])
    totals = np.stack([pixel_totals(width)] * n)
    most = n * height * width
    inputs = np.empty((most, len(offsets) + SUMMARY_ROWS), np.uint8)
    selected = np.empty(SUMMARIES, np.int64)
    symbols = np.empty(most, np.int64)
    m = _pixel_contexts(images, budgets, buffers, totals, offsets, inputs, selected, symbols)
    return inputs[:m], symbols[:m]


def draw_budgets(rng: np.random.Generator, n: int, slices: int) -> np.ndarray:
    """Random budget indices: 0 for `NO_BUDGET_SHARE` of the images, uniform for the others."""
    return np.where(rng.random(n) < NO_BUDGET_SHARE, 0, rng.integers(1, slices + 1, n))


def train_pixels(train: AnalysedImages, validation: AnalysedImages, tree: Tree, run: TrainingRun) -> RasterNet:
    """Trains the context network of pixels. The loss is the code length in bits per pixel.

    Args:
        train: training images.
        validation: held-out images.
        tree: of the pixel values.
        run: schedule, folder and device.

    Returns:
        The exponential moving average of the trained network.
    """
    device = seeded_device(run)
    model = RasterNet(len(pixel_window()), SUMMARY_ROWS, *WIDTHS, len(tree.threshold)).to(device)

    def bits(model: RasterNet, analysed: AnalysedImages, index: np.ndarray, budgets: np.ndarray) -> Tensor:
        images = analysed.images[index]
        contexts, symbols = pixel_contexts(images, analysed.context(index, budgets), budgets)
        inputs = torch.from_numpy(contexts).to(device).to(torch.bfloat16) / PIXEL_SCALE
        return path_bits(model, inputs, symbols, tree) / images.size

    def loss_of(model: RasterNet, rng: np.random.Generator, batch: int) -> Tensor:
        index = rng.integers(0, len(train), batch)
        return bits(model, train, index, draw_budgets(rng, batch, train.slices))

    def evaluate(model: RasterNet) -> dict[str, float]:
        index = np.arange(min(EVALUATED_IMAGES, len(validation)))
        return {
            f"bits_per_pixel_{budget}_slices": float(bits(model, validation, index, np.full(len(index), budget)))
            for budget in (0, train.slices // 4, train.slices)
        }

    return fit(model, loss_of, evaluate, run, "raster-encoder, pixels")
