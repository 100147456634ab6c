"""What every gain, stop and synthesis costs and gives on a picture, measured by the codec.

Traces hold these tables for many pictures, complete. `LivePicture` holds those of one picture and fills them in when they are
asked for: the encoder under a policy asks for the cost of the gain that was chosen, environments also for its quality.
"""

from dataclasses import dataclass, replace

import numpy as np

from rlcodec.core.metrics import ms_ssim
from rlcodec.presets.photo.coefficient_coder import step_of
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES, SETTINGS, STOPS
from rlcodec.presets.photo.decoder import shown_pixels, synthesis_macs
from rlcodec.presets.photo.features import count_magnitudes, gain_features
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import CodedPicture, Keep, encode_photo, strips_of
from rlcodec.presets.photo.transform import PLANES
from rlcodec.presets.photo.weights import PhotoWeights

MIDDLE_GRAY = 128
"""What decoders show if nothing was sent."""


@dataclass(frozen=True)
class PhotoMeasurements:
    """Tables over n pictures, s gains, k stops and e syntheses.

    Attributes:
        areas: int64 (n,), pixels of each picture.
        nothing_mse: float64 (n,), mean squared error if nothing is sent.
        energy: float64 (n,), the same as the encoder knows it from the coefficients.
        features: float64 (n, s, f), what the encoder knows of each gain before it codes.
        payload_bytes: int64 (n, s, k, e).
        macs: int64 (n, s, k, e), multiply-accumulates of the whole decoding.
        coefficient_mse: float64 (n, s, k), mean squared error of the coefficients, which the encoder knows once it has coded.
        sse: int64 (n, s, k, e), squared error over all channels.
        ms_ssim: float64 (n, s, k, e).
    """

    areas: np.ndarray
    nothing_mse: np.ndarray
    energy: np.ndarray
    features: np.ndarray
    payload_bytes: np.ndarray
    macs: np.ndarray
    coefficient_mse: np.ndarray
    sse: np.ndarray
    ms_ssim: np.ndarray


class LivePicture:
    """One picture whose measurements are filled in when they are asked for.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width, 3).
        workers: threads; as many as there are cores if None.
        scored: whether quality can be asked for; without, less memory is needed.

    Attributes:
        strips: coefficients, from `strips_of`.
        measurements: tables of the picture, n = 1; 1 where nothing was measured yet.
        coded: the coded picture by index of the gain.
    """

    def __init__(self, weights: PhotoWeights, pixels: np.ndarray, workers: int | None = None, scored: bool = False):
        self.weights, self.pixels, self.workers = weights, pixels, workers
        self.kept = Keep.VALUES if scored else Keep.NOTHING
        self.strips = strips_of(pixels, workers)
        self.coded: dict[int, CodedPicture] = {}
        self._scored: set[int] = set()
        self._block_area = sum(strip[0].size for strip in self.strips)
        tables = (1, SETTINGS, len(STOPS), len(ENDINGS))
        nothing = mse_of_nothing(pixels) if scored else np.nan
        self.measurements = PhotoMeasurements(
            areas=np.array([pixels[..., 0].size]),
            nothing_mse=np.array([nothing]),
            energy=np.array([energy_of(self.strips)]),
            features=photo_features(self.strips, workers)[None],
            payload_bytes=np.ones(tables, np.int64),
            macs=np.ones(tables, np.int64),
            coefficient_mse=np.ones(tables[:3]),
            sse=np.ones(tables, np.int64),
            ms_ssim=np.ones(tables),
        )

    def code(self, setting: int) -> bool:
        """Codes the picture at the gain of an index and measures its cost; returns False if that was done before."""
        if setting in self.coded:
            return False
        gain, tables = GAIN_CHOICES[setting], self.measurements
        coded = encode_photo(self.weights, self.strips, gain, workers=self.workers, keep=self.kept | Keep.ERRORS)
        tables.payload_bytes[0, setting] = [[len(coded.payload(slices))] for slices in STOPS]
        tables.macs[0, setting] = [
            [coded.macs[:, :slices].sum() + synthesis_macs(self._block_area, ending) for ending in ENDINGS] for slices in STOPS
        ]
        tables.coefficient_mse[0, setting] = mse_of_coefficients(coded.errors, self._block_area)
        self.coded[setting] = coded
        return True

    def score(self, setting: int) -> bool:
        """Measures the quality of every stop and synthesis at a gain that was coded; returns False if that was done before."""
        if setting in self._scored:
            return False
        coded, tables = self.coded[setting], self.measurements
        for k, slices in enumerate(STOPS):
            values = coded.values_of(slices)
            for e, ending in enumerate(ENDINGS):
                settings = PhotoSettings(GAIN_CHOICES[setting], ending, False)
                shown = shown_pixels(self.weights, values, settings, self.pixels.shape[:2], ending)
                tables.sse[0, setting, k, e] = np.square(shown.astype(np.int64) - self.pixels).sum()
                tables.ms_ssim[0, setting, k, e] = ms_ssim(self.pixels, shown)
        self.coded[setting] = replace(coded, values=coded.values[:, :0])
        self._scored.add(setting)
        return True


def photo_features(strips: list[np.ndarray], workers: int | None = None) -> np.ndarray:
    """What is known of each gain before coding, float64 (gains, features), of a picture's strips from `strips_of`."""
    steps = np.array([step_of(gain) for gain in GAIN_CHOICES])
    return gain_features(count_magnitudes(strips, steps, workers), steps)


def energy_of(strips: list[np.ndarray]) -> float:
    """Mean squared error of sending nothing, as the coefficients tell it; `strips` are from `strips_of`."""
    return sum(float(np.vdot(strip, strip)) for strip in strips) / sum(strip.size for strip in strips)


def mse_of_nothing(pixels: np.ndarray) -> float:
    """Mean squared error of sending nothing, of uint8 pixels of any shape."""
    counts = np.bincount(pixels.reshape(-1), minlength=256)
    return int(counts @ np.square(np.arange(256) - MIDDLE_GRAY)) / pixels.size


def mse_of_coefficients(errors: np.ndarray, block_area: int) -> np.ndarray:
    """Mean squared error by stops, as the coefficients tell it, float64 (stops,).

    Args:
        errors: see `rlcodec.presets.photo.strips.CodedPicture`.
        block_area: pixels of the picture in whole blocks.
    """
    return np.array([errors[0, :slices].sum() + errors[1, slices:].sum() for slices in STOPS]) / (PLANES * block_area)
