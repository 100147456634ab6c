"""The task of preset `mnist`: traces of small gray images, and hindsight by dynamic programming."""

import functools
from pathlib import Path

import numpy as np

from rlcodec.core.segment_choice import LATENT_TIERS, TIERS
from rlcodec.envs.hindsight import Hindsight
from rlcodec.envs.mnist.fit import fit_predictor
from rlcodec.envs.mnist.oracle import best_fixed, oracle
from rlcodec.envs.mnist.trace import MnistTrace, load_trace, measure_images
from rlcodec.envs.sample_images import sample_images
from rlcodec.envs.tasks import Predictors, PresetTask
from rlcodec.errors import OptionError
from rlcodec.images.gray import read_gray
from rlcodec.presets.mnist.decisions import FIRST_TIER_ACTION, STOP_ACTION
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.process import MnistProcess
from rlcodec.presets.mnist.segments import BUDGET_SLICES
from rlcodec.training.data import load_images

GRID_RATE = {
    "mse": (3.0, 3.3, 3.6, 3.9, 4.4),
    "psnr": (1.65, 1.8, 1.95, 2.1, 2.25),
    "ms-ssim": (1.75, 1.9, 2.05, 2.2, 2.35),
}
"""log10 of lambda_rate of the objectives that evaluations use, by kind of distortion."""


class MnistTask(PresetTask):
    """Decisions about small gray images; see `rlcodec.envs.tasks.Task`."""

    grid_rate = GRID_RATE

    measure = staticmethod(measure_images)
    load = staticmethod(load_trace)
    fit = staticmethod(fit_predictor)
    """The predictions are linear, so those for training on the trace itself are the same."""

    def samples(self) -> np.ndarray:
        return sample_images()

    def read_images(self, data: Path, split: str, limit: int | None, crop: int | None) -> np.ndarray:
        if crop is not None:
            raise OptionError("crops are for photographs; preset mnist takes whole images")
        images = load_images(data, split, limit)
        if len(images):
            read_gray(images[0], MNIST)  # raises ImageError if the images are too large
        return images

    def process(self, trace: MnistTrace, predictors: Predictors) -> MnistProcess:
        return MnistProcess(installed_weights(), trace, predictors, trace.images.shape[1:])

    def image(self, trace: MnistTrace, index: int) -> np.ndarray:
        return trace.images[index]

    def statistics(self, trace: MnistTrace) -> np.ndarray:
        """Statistics of the images, float64 (n, f); see `rlcodec.presets.mnist.measurements.STATISTICS`."""
        return trace.statistics

    def hindsight(self, trace: MnistTrace, predictors: Predictors) -> Hindsight:
        """What is known of a trace's images in hindsight, by dynamic programming, since episodes are long."""
        process = self.process(trace, predictors)
        return Hindsight(
            process,
            self.statistics(trace),
            self.objective_grid(trace),
            constant_settings(process.sizes.height),
            functools.partial(oracle, process),
            functools.partial(best_fixed, process),
        )


def constant_settings(height: int) -> list[tuple[int, ...]]:
    """Action sequences that use one tier, and send all rows of pixels or none, for every bit budget.

    Latent slices, which have no tier `lm`, take `context` in its place.

    Args:
        height: rows of pixels.
    """
    settings = []
    for budget, slices in enumerate(BUDGET_SLICES):
        for tier in range(len(TIERS)):
            latents = [FIRST_TIER_ACTION + min(tier, LATENT_TIERS - 1)] * slices
            settings.append((budget, *latents, STOP_ACTION))
            settings.append((budget, *latents, *[FIRST_TIER_ACTION + tier] * height))
    return settings


TASK = MnistTask
