"""Traces of preset `compact`: what every channel of a picture costs in each tier, and the distortion without the others."""

from dataclasses import dataclass

import numpy as np

from rlcodec.core.segment_choice import LATENT_TIERS
from rlcodec.envs.measure import Tables
from rlcodec.envs.pictures import COLORS, PictureTrace
from rlcodec.images.color import ColorImage
from rlcodec.presets.compact.choices import COUNTS
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.installed import installed_weights
from rlcodec.presets.compact.measurements import STATISTICS, CompactMeasurements, distortion_at, statistics_of
from rlcodec.presets.compact.transform import LATENT_CHANNELS, latent_size, synthesis_macs


@dataclass(frozen=True)
class CompactTrace(PictureTrace):
    """Tables over n pictures.

    Attributes:
        statistics: float64 (n, len(STATISTICS)).
        cost: int64 (n, LATENT_TIERS, LATENT_CHANNELS), code length in 1/COST_UNIT bit without the tier's name.
        macs: int64 (n, LATENT_TIERS, LATENT_CHANNELS), multiply-accumulates of decoding.
        sse: int64 (n, len(COUNTS)), sum of squared errors over all colours by number of channels.
        ms_ssim: float64 (n, len(COUNTS)).
    """

    table_shapes = {  # noqa: RUF012
        "statistics": (len(STATISTICS),),
        **dict.fromkeys(("cost", "macs"), (LATENT_TIERS, LATENT_CHANNELS)),
        **dict.fromkeys(("sse", "ms_ssim"), (len(COUNTS),)),
    }

    statistics: np.ndarray
    cost: np.ndarray
    macs: np.ndarray
    sse: np.ndarray
    ms_ssim: np.ndarray

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error by number of channels, float64 (n, len(COUNTS))."""
        return self.sse / (COLORS * self.areas[:, None])

    def measurements(self) -> CompactMeasurements:
        """What the decision process runs on, complete."""
        synthesis = np.array([synthesis_macs(*latent_size(*size)) for size in self.sizes.tolist()], np.int64)
        return CompactMeasurements(self.areas, self.statistics, self.cost, self.macs, synthesis, self.mse, self.ms_ssim)


def measure_picture(picture: np.ndarray) -> Tables:
    """All tables of a picture, uint8 (height, width, 3)."""
    source = AnalysedPicture(installed_weights(), ColorImage(picture, gray=False))
    cost, macs = source.channel_costs
    distortion = [distortion_at(source, int(channels)) for channels in COUNTS]
    return {
        "statistics": statistics_of(picture),
        "cost": cost,
        "macs": macs,
        "sse": np.array([sse for sse, _ in distortion], np.int64),
        "ms_ssim": np.array([ms_ssim for _, ms_ssim in distortion]),
    }
