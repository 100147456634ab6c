"""Traces of preset `compact`: what every channel of a picture costs in each tier, and the distortion without the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.core.segment_choice import LATENT_TIERS
from rlcodec.envs.measure import MeasureOptions, Tables
from rlcodec.envs.pictures import PictureTrace, measure_pictures
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.images.color import ColorImage
from rlcodec.presets.compact.choices import COUNTS
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.installed import load_weights
from rlcodec.presets.compact.measurements import STATISTICS, CompactMeasurements, distortion_at, statistics_of
from rlcodec.presets.compact.transform import LATENT_CHANNELS, latent_size, synthesis_macs

COLORS = 3


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


def _measure_picture(picture: np.ndarray) -> Tables:
    source = AnalysedPicture(load_weights(), ColorImage(picture, gray=False))
    cost, macs = source.channel_costs
    distortion = [distortion_at(source, int(channels)) for channels in COUNTS]
    return {
        "statistics": statistics_of(picture),
        "cost": cost,
        "macs": macs,
        "sse": np.array([sse for sse, _ in distortion], np.int64),
        "ms_ssim": np.array([ms_ssim for _, ms_ssim in distortion]),
    }


def measure_compact(pictures: Sequence[np.ndarray], options: MeasureOptions = MeasureOptions()) -> CompactTrace:
    """The trace of some pictures, uint8 (height, width, 3); raises as `rlcodec.envs.pictures.measure_pictures`."""
    return measure_pictures(CompactTrace, load_weights().digest, _measure_picture, pictures, options)


def load_compact_trace(path: Path) -> CompactTrace:
    """Reads a trace; nothing in the file is executed.

    Raises:
        DataError: it is missing, broken, or was made by another codec.
    """
    trace = load_tables(path, CompactTrace, load_weights().digest)
    n = len(trace.cost)
    check_shapes(path, trace, {"sizes": (n, 2)})
    shapes = {
        "pixels": (COLORS * int(trace.areas.sum()),), "statistics": (n, len(STATISTICS)),
        **dict.fromkeys(("cost", "macs"), (n, LATENT_TIERS, LATENT_CHANNELS)),
        **dict.fromkeys(("sse", "ms_ssim"), (n, len(COUNTS))),
    }  # fmt: skip
    check_shapes(path, trace, shapes)
    return trace
