"""Traces of photographs: what every gain, stop and synthesis costs and gives, measured by the real codec."""

from dataclasses import dataclass

import numpy as np

from rlcodec.envs.measure import Tables
from rlcodec.envs.pictures import PictureTrace
from rlcodec.presets.photo.decisions import ENDINGS, SETTINGS, STOPS
from rlcodec.presets.photo.features import FEATURES
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.measurements import (
    ALLOCATION_COUNT,
    LivePicture,
    PhotoMeasurements,
    mse_of_nothing,
    photo_features,
)

FEATURE_TOLERANCE = 1e-3
"""Features of machines that round differently differ by less, except where a coefficient lies on the edge of a bin."""
SHAPE = (ALLOCATION_COUNT, SETTINGS, len(STOPS), len(ENDINGS))


@dataclass(frozen=True)
class PhotoTrace(PictureTrace):
    """Tables over n pictures, a allocations, s gains, k stops and e syntheses.

    Attributes:
        features: float64 (n, s, f), what the encoder knows of each gain before it codes.
        payload_bytes: int64 (n, a, s, k, e).
        macs: int64 (n, a, s, k, e), multiply-accumulates of the whole decoding.
        sse: int64 (n, a, s, k, e), squared error over all channels.
        scores: float64 (n, a, s, k, e), what the allocation is for: MS-SSIM or SSIMULACRA2; 0 of the one that is for the
            squared error.
    """

    table_shapes = {  # noqa: RUF012
        "features": (SETTINGS, FEATURES),
        **dict.fromkeys(("payload_bytes", "macs", "sse", "scores"), SHAPE),
    }

    features: np.ndarray
    payload_bytes: np.ndarray
    macs: np.ndarray
    sse: np.ndarray
    scores: np.ndarray

    def measurements(self) -> PhotoMeasurements:
        """The tables as the decision process takes them."""
        nothing_mse = np.array([mse_of_nothing(self.picture(index)) for index in range(len(self))])
        tables = (self.features, self.payload_bytes, self.macs, self.sse, self.scores)
        return PhotoMeasurements(self.areas, nothing_mse, *tables)


def measure_picture(pixels: np.ndarray) -> Tables:
    """All tables of a picture, uint8 (height, width, 3)."""
    live = LivePicture(installed_weights(), pixels, workers=1, scored=True)
    for allocation in range(ALLOCATION_COUNT):
        for setting in range(SETTINGS):
            live.code(allocation, setting)
            live.score(allocation, setting)
    return {name: getattr(live.measurements, name)[0] for name in PhotoTrace.table_shapes}


def has_features_of_this_version(trace: PhotoTrace) -> bool:
    """Whether the features of the smallest picture are computed alike now; the digest covers only what streams depend on."""
    index = int(trace.areas.argmin())
    now = photo_features(trace.picture(index), 1)
    return bool(np.median(np.abs(now - trace.features[index])) < FEATURE_TOLERANCE)
