"""Training of the context network of pixels of preset `mnist`: contexts from the runtime's loops, and maximum likelihood."""

import numpy as np
import torch
from torch import Tensor

from rlcodec.presets.mnist.pixel_coder import SUMMARY_ROWS, pixel_window
from rlcodec.training.context_net import RasterNet, Tree, path_bits
from rlcodec.training.loop import fit, seeded_device
from rlcodec.training.mnist._pixels import contexts
from rlcodec.training.mnist.reconstructions import AnalysedImages
from rlcodec.training.options import Schedule, TrainingRun
from rlcodec.training.quantise import PIXEL_SCALE

SCHEDULE = Schedule(steps=20_000, batch=64, learning_rate=3e-3)
WIDTHS = 128, 96
NO_BUDGET_SHARE = 0.5
"""Share of training images that are coded without a reconstruction, as in lossless coding."""
EVALUATED_IMAGES = 500


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
        rows, symbols = contexts(images, analysed.context(index, budgets), budgets)
        inputs = torch.from_numpy(rows).to(device).to(torch.bfloat16) / PIXEL_SCALE
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
