"""Traces of photographs: what every gain, stop and synthesis costs and gives, measured by the real codec."""

from dataclasses import dataclass

import numpy as np

from rlcodec.envs.measure import Tables
from rlcodec.envs.pictures import PictureTrace
from rlcodec.presets.photo.decisions import ENDINGS, SETTINGS, STOPS
from rlcodec.presets.photo.features import FEATURES
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.measurements import LivePicture, PhotoMeasurements, mse_of_nothing, photo_features
from rlcodec.presets.photo.strips import strips_of

FEATURE_TOLERANCE = 1e-3
"""Features of machines that round differently differ by less, except where a coefficient lies on the edge of a bin."""


@dataclass(frozen=True)
class PhotoTrace(PictureTrace):
    """Tables over n pictures, s gains, k stops and e syntheses.

    Attributes:
        energy: float64 (n,), mean squared error of sending nothing, as the encoder knows it.
        features: float64 (n, s, f), what the encoder knows of each gain before it codes.
        payload_bytes: int64 (n, s, k, e).
        macs: int64 (n, s, k, e), multiply-accumulates of the whole decoding.
        sse: int64 (n, s, k, e), squared error over all channels.
        ms_ssim: float64 (n, s, k, e).
        known_mse: float64 (n, s, k), mean squared error of the coefficients, which the encoder knows once it has coded.
    """

    table_shapes = {  # noqa: RUF012
        "energy": (),
        "features": (SETTINGS, FEATURES),
        **dict.fromkeys(("payload_bytes", "macs", "sse", "ms_ssim"), (SETTINGS, len(STOPS), len(ENDINGS))),
        "known_mse": (SETTINGS, len(STOPS)),
    }

    energy: np.ndarray
    features: np.ndarray
    payload_bytes: np.ndarray
    macs: np.ndarray
    sse: np.ndarray
    ms_ssim: np.ndarray
    known_mse: np.ndarray

    def measurements(self) -> PhotoMeasurements:
        """The tables as the decision process takes them."""
        nothing_mse = np.array([mse_of_nothing(self.picture(index)) for index in range(len(self))])
        return PhotoMeasurements(
            self.areas, nothing_mse, self.energy, self.features, self.payload_bytes, self.macs, self.known_mse, self.sse,
            self.ms_ssim,
        )  # fmt: skip


def measure_picture(pixels: np.ndarray) -> Tables:
    """All tables of a picture, uint8 (height, width, 3)."""
    live = LivePicture(installed_weights(), pixels, workers=1, scored=True)
    for setting in range(SETTINGS):
        live.code(setting)
        live.score(setting)
    measured = vars(live.measurements) | {"known_mse": live.measurements.coefficient_mse}
    return {name: measured[name][0] for name in PhotoTrace.table_shapes}


def has_features_of_this_version(trace: PhotoTrace) -> bool:
    """Whether the features of the smallest picture are computed alike now; the digest covers only what streams depend on."""
    index = int(trace.areas.argmin())
    now = photo_features(strips_of(trace.picture(index), 1), 1)
    return bool(np.median(np.abs(now - trace.features[index])) < FEATURE_TOLERANCE)
