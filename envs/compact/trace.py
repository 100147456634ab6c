"""Traces of preset `compact`: what every channel of every picture costs in each tier, and what is lost without the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.core.segment_choice import LATENT_TIERS
from rlcodec.envs.measure import Report, Tables
from rlcodec.envs.pictures import Pictures, trace_with
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.parallel.backends import LOCAL
from rlcodec.presets.compact.decisions import COUNTS, PROBES, STATISTICS, Facts, measure_latent, measure_quality, statistics_of
from rlcodec.presets.compact.decoder import synthesis_macs
from rlcodec.presets.compact.transform import LATENT_CHANNELS, analyse, latent_size
from rlcodec.presets.compact.weights import load_compact_model
from rlcodec.presets.photo.transform import PLANES


@dataclass(frozen=True)
class CompactTrace(Pictures):
    """Tables over n pictures.

    Attributes:
        statistics: float64 (n, s), see `Facts`.
        cost: int64 (n, tiers, channels), in 1/COST_UNIT bit.
        macs: int64 (n, tiers, channels).
        sse: int64 (n, len(COUNTS)), squared error over all colours by numbers of channels.
        ms_ssim: float64 (n, len(COUNTS)).
    """

    statistics: np.ndarray
    cost: np.ndarray
    macs: np.ndarray
    sse: np.ndarray
    ms_ssim: np.ndarray

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error by numbers of channels, float64 (n, len(COUNTS))."""
        return self.sse / (PLANES * self.areas[:, None])

    def facts(self) -> Facts:
        """What encoders know of the pictures before anything is chosen."""
        synthesis = np.array([synthesis_macs(*latent_size(*size)) for size in self.sizes.tolist()], np.int64)
        return Facts(self.areas, self.statistics, self.cost, self.macs, synthesis, self.mse[:, PROBES], self.ms_ssim[:, PROBES])


def _trace_one(picture: np.ndarray) -> Tables:
    model = load_compact_model()
    latent = analyse(picture, model.folder)
    cost, macs = measure_latent(model, latent)
    quality = [measure_quality(model, latent, picture, int(channels)) for channels in COUNTS]
    return {
        "statistics": statistics_of(picture),
        "cost": cost,
        "macs": macs,
        "sse": np.array([sse for sse, _ in quality], np.int64),
        "ms_ssim": np.array([similar for _, similar in quality]),
    }


def trace_compact(
    pictures: Sequence[np.ndarray],
    workers: int | None = None,
    report: Report | None = None,
    kept: Path | None = None,
    engine: str = LOCAL,
) -> CompactTrace:
    """The trace of some pictures; arguments and errors as `rlcodec.envs.pictures.trace_with`."""
    return trace_with(CompactTrace, load_compact_model().digest, _trace_one, pictures, workers, report, kept, engine)


def load_compact_trace(path: Path) -> CompactTrace:
    """Reads a trace; nothing in it is executed.

    Raises:
        DataError: it is missing, broken, or was made by another codec.
    """
    trace = load_tables(path, CompactTrace, load_compact_model().digest)
    n = len(trace.cost)
    check_shapes(path, trace, {"sizes": (n, 2)})
    shapes = {
        "pixels": (PLANES * int(trace.areas.sum()),), "statistics": (n, len(STATISTICS)),
        **dict.fromkeys(("cost", "macs"), (n, LATENT_TIERS, LATENT_CHANNELS)),
        **dict.fromkeys(("sse", "ms_ssim"), (n, len(COUNTS))),
    }  # fmt: skip
    check_shapes(path, trace, shapes)
    return trace
