"""What is measured of pictures before and while an encoder of preset `compact` decides."""

from dataclasses import dataclass

import numpy as np

from rlcodec.core.metrics import ms_ssim
from rlcodec.presets.compact.choices import BUDGETS, COUNTS
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.transform import synthesis_macs

PROBES = np.searchsorted(COUNTS, (0, BUDGETS[3], *BUDGETS[5:]))
"""Indices in COUNTS of the numbers of channels whose distortion is measured before the first decision. With predictions at 192
and 224 channels instead, a quarter of what policies can win is lost."""
STATISTICS = ("mean", "deviation", "gradient_x", "gradient_y")


@dataclass(frozen=True, eq=False)
class CompactMeasurements:
    """Measurements of n pictures.

    Attributes:
        area: int64 (n,), pixels.
        statistics: float64 (n, len(STATISTICS)), see `statistics_of`.
        cost: int64 (n, LATENT_TIERS, LATENT_CHANNELS), code length of every channel in 1/COST_UNIT bit without its tier's name.
        macs: int64, of the same shape, multiply-accumulates of decoding every channel.
        synthesis_macs: int64 (n,), multiply-accumulates of the synthesis.
        mse: float64 (n, len(COUNTS)), mean squared error by number of channels; NaN where it is not measured yet.
        ms_ssim: float64, of the same shape.
    """

    area: np.ndarray
    statistics: np.ndarray
    cost: np.ndarray
    macs: np.ndarray
    synthesis_macs: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray

    def measure(self, counts: np.ndarray) -> bool:
        """Measures distortion at indices in COUNTS where that has not been done; whether there was anything to do."""
        return False


@dataclass(frozen=True, eq=False)
class LazyMeasurements(CompactMeasurements):
    """Measurements of one picture whose distortion is measured when a decision needs it.

    Attributes:
        source: the picture.
    """

    source: AnalysedPicture

    def measure(self, counts: np.ndarray) -> bool:
        missing = [int(count) for count in np.unique(counts) if np.isnan(self.mse[0, count])]
        for count in missing:
            squared_error, self.ms_ssim[0, count] = distortion_at(self.source, int(COUNTS[count]))
            self.mse[0, count] = squared_error / self.source.picture.pixels.size
        return bool(missing)


def measure_lazily(source: AnalysedPicture) -> LazyMeasurements:
    """Measures what the first decision about a picture needs; the process that decides asks for the rest."""
    height, width = source.picture.pixels.shape[:2]
    cost, macs = source.channel_costs
    measurements = LazyMeasurements(
        area=np.array([height * width]),
        statistics=statistics_of(source.picture.pixels)[None],
        cost=cost[None],
        macs=macs[None],
        synthesis_macs=np.array([synthesis_macs(*source.latent.shape[1:])]),
        mse=np.full((1, len(COUNTS)), np.nan),
        ms_ssim=np.full((1, len(COUNTS)), np.nan),
        source=source,
    )
    measurements.measure(PROBES)
    return measurements


def distortion_at(source: AnalysedPicture, channels: int) -> tuple[int, float]:
    """Sum of squared errors over all colours, and MS-SSIM, of a picture of which the first channels are sent."""
    pixels = source.picture.pixels
    reconstruction = source.reconstruct(channels * source.latent[0].size)
    return int(np.square(reconstruction.astype(np.int64) - pixels).sum()), ms_ssim(pixels, reconstruction)


def statistics_of(pixels: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and mean absolute gradients of the brightness of a picture, between 0 and 1.

    Args:
        pixels: uint8 (height, width, 3).

    Returns:
        float64 (len(STATISTICS),).
    """
    brightness = pixels.mean(2) / 255
    gradients = [np.abs(np.diff(brightness, axis=axis)).sum() / brightness.size for axis in (1, 0)]
    return np.array([brightness.mean(), brightness.std(), *gradients])
