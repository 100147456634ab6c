"""What every gain, stop and synthesis costs and gives on a picture, measured by the codec.

Traces hold these tables for many pictures, complete. `LivePicture` holds those of one picture and fills them in when they are
asked for: the encoder under a policy asks for the cost of the gain that was chosen, environments also for its quality.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rlcodec.control.objective import SSIMULACRA2
from rlcodec.core.metrics import ms_ssim
from rlcodec.parallel.threads import parts_of, side_by_side
from rlcodec.presets.photo.allocation import Allocation
from rlcodec.presets.photo.areas import Areas
from rlcodec.presets.photo.coding import PictureCoder, allocation_for, settings_for
from rlcodec.presets.photo.colors import ColorTransform
from rlcodec.presets.photo.decisions import ALLOCATED_KINDS, ALLOCATION_OF, ENDINGS, GAIN_CHOICES, SETTINGS, STOPS
from rlcodec.presets.photo.decoder import shown_pixels, synthesis_macs
from rlcodec.presets.photo.features import count_magnitudes, gain_features
from rlcodec.presets.photo.quantiser import Quantiser, step_of
from rlcodec.presets.photo.repair import areas_of_rows, show_strip, strip_rows
from rlcodec.presets.photo.settings import DEFAULT_PREDICTOR
from rlcodec.presets.photo.strips import CodedPicture
from rlcodec.presets.photo.transform import padded_size
from rlcodec.presets.photo.weights import PhotoWeights

if TYPE_CHECKING:
    from rlcodec.core.ssimulacra2 import Ssimulacra2

MIDDLE_GRAY = 128
"""What decoders show if nothing was sent."""
ALLOCATION_COUNT = len(ALLOCATED_KINDS)
COUNTED_AT_ONCE = 1 << 22
"""Samples that are counted at a time: counting converts them to 64 bits."""


@dataclass(frozen=True)
class PhotoMeasurements:
    """Tables over n pictures, a allocations, s gains, k stops and e syntheses.

    Attributes:
        areas: int64 (n,), pixels of each picture.
        nothing_mse: float64 (n,), mean squared error if nothing is sent.
        features: float64 (n, s, f), what the encoder knows of each gain before it codes.
        payload_bytes: int64 (n, a, s, k, e).
        macs: int64 (n, a, s, k, e), multiply-accumulates of the whole decoding.
        sse: int64 (n, a, s, k, e), squared error over all channels. Once it has coded, the encoder knows that of the first
            synthesis, `plain`.
        scores: float64 (n, a, s, k, e), what the allocation is for: MS-SSIM or SSIMULACRA2; 0 of the one that is for the
            squared error.
    """

    areas: np.ndarray
    nothing_mse: np.ndarray
    features: np.ndarray
    payload_bytes: np.ndarray
    macs: np.ndarray
    sse: np.ndarray
    scores: np.ndarray


class LivePicture:
    """One picture whose measurements are filled in when they are asked for.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width, 3).
        workers: threads; as many as there are cores if None.
        keep: whether the quantised areas of coded pictures are kept.
        scored: whether quality can be asked for; areas are then kept until it is.
        aq_strength: factor of the strength of adaptive quantisation.
        predictor: one of `rlcodec.presets.photo.settings.PREDICTORS`.
        raster_areas: whether the raster-encoder may code areas.

    Attributes:
        coder: of the picture.
        measurements: tables of the picture, n = 1; 1 where nothing was measured yet.
        coded: the coded picture by index of the allocation and of the gain.
    """

    def __init__(
        self,
        weights: PhotoWeights,
        pixels: np.ndarray,
        workers: int | None = None,
        keep: bool = False,
        scored: bool = False,
        aq_strength: float = 1.0,
        predictor: str = DEFAULT_PREDICTOR,
        raster_areas: bool = True,
    ):
        self.weights, self.pixels, self.keep = weights, pixels, keep
        self.coder = PictureCoder(weights, pixels, workers, predictor, raster_areas)
        self._keep_coded, self.aq_strength = keep or scored, aq_strength
        self.coded: dict[tuple[int, int], CodedPicture] = {}
        self._scored: set[tuple[int, int]] = set()
        self._scorer: Ssimulacra2 | None = None
        self._padded_area = int(np.prod(padded_size(*pixels.shape[:2])))
        tables = (1, ALLOCATION_COUNT, SETTINGS, len(STOPS), len(ENDINGS))
        self.measurements = PhotoMeasurements(
            areas=np.array([pixels[..., 0].size]),
            nothing_mse=np.array([mse_of_nothing(pixels)]),
            features=photo_features(pixels, workers)[None],
            payload_bytes=np.ones(tables, np.int64),
            macs=np.ones(tables, np.int64),
            sse=np.ones(tables, np.int64),
            scores=np.ones(tables),
        )

    def allocation(self, kind: str) -> Allocation:
        """How bits are allocated for a kind of distortion."""
        return allocation_for(kind, self.aq_strength)

    def code(self, allocation: int, setting: int) -> bool:
        """Codes the picture under an allocation at a gain, by their indices, and measures cost and PSNR without repair.

        Returns:
            False if that was done before.
        """
        if (allocation, setting) in self.coded:
            return False
        gain, tables, at = GAIN_CHOICES[setting], self.measurements, (0, allocation, setting)
        rule = self.allocation(ALLOCATED_KINDS[allocation])
        coded = self.coder.code(gain, rule, keep=True)
        assert coded.areas is not None
        tables.payload_bytes[at] = [[len(coded.payload(slices))] for slices in STOPS]
        tables.macs[at] = [
            [coded.macs[:, :slices].sum() + synthesis_macs(self._padded_area, ending) for ending in ENDINGS] for slices in STOPS
        ]
        quantiser = rule.quantiser(gain)
        tables.sse[at][:, 0] = [
            plain_sse(self.weights, coded.areas, quantiser, coded.colors, self.pixels, slices) for slices in STOPS
        ]
        self.coded[allocation, setting] = coded if self._keep_coded else replace(coded, areas=None)
        return True

    def score(self, allocation: int, setting: int) -> bool:
        """Measures the quality of every stop and synthesis of what was coded; arguments and result as those of `code`."""
        if (allocation, setting) in self._scored:
            return False
        coded, tables, kind = self.coded[allocation, setting], self.measurements, ALLOCATED_KINDS[allocation]
        assert coded.areas is not None
        rule = self.allocation(kind)
        for k, slices in enumerate(STOPS):
            areas = coded.areas.of_slices(slices)
            for e, ending in enumerate(ENDINGS):
                settings = settings_for(GAIN_CHOICES[setting], rule, ending)
                shown = shown_pixels(self.weights, areas, settings, coded.colors, self.pixels.shape[:2], ending)
                tables.sse[0, allocation, setting, k, e] = squared_error(shown, self.pixels)
                tables.scores[0, allocation, setting, k, e] = self._score_in(kind, shown)
        if not self.keep:
            self.coded[allocation, setting] = replace(coded, areas=None)
        self._scored.add((allocation, setting))
        return True

    def _score_in(self, kind: str, shown: np.ndarray) -> float:
        if kind == "ms-ssim":
            return ms_ssim(self.pixels, shown)
        if kind != SSIMULACRA2:
            return 0.0
        from rlcodec.core.ssimulacra2 import Ssimulacra2  # decoders do without it

        self._scorer = self._scorer or Ssimulacra2(self.pixels)
        return self._scorer.score(shown)


def of_kinds(tables: np.ndarray) -> np.ndarray:
    """Tables of D by kind of distortion and allocation, of which those of a kind under another's allocation are not known.

    Args:
        tables: float64 (kinds, n, ...), D of every kind under its own allocation.

    Returns:
        float64 (kinds, n, allocations, ...), NaN where it is not known.
    """
    out = np.full((*tables.shape[:2], ALLOCATION_COUNT, *tables.shape[2:]), np.nan)
    for kind, table in enumerate(tables):
        out[kind, :, ALLOCATION_OF[kind]] = table
    return out


def squared_error(first: np.ndarray, second: np.ndarray) -> int:
    """Sum of squared differences of two uint8 pictures of one shape."""
    difference = first.astype(np.int32) - second
    return int(np.square(difference, out=difference).sum(dtype=np.int64))


def plain_sse(
    weights: PhotoWeights, areas: Areas, quantiser: Quantiser, colors: ColorTransform, pixels: np.ndarray, slices: int
) -> int:
    """Squared error over all channels of a stream that ends after so many slices, without repair.

    Args:
        weights: of the preset.
        areas: of the whole picture.
        quantiser: of the picture.
        colors: of the picture.
        pixels: of the original, uint8 (height, width, 3).
        slices: that are sent.
    """

    def error_of(rows: slice) -> int:
        original, sent = pixels[rows], areas_of_rows(areas, rows).of_slices(slices)
        shown = show_strip(weights, sent, quantiser, colors)
        return squared_error(shown[: original.shape[0], : original.shape[1]], original)

    return sum(side_by_side(error_of, strip_rows(areas)))


def photo_features(pixels: np.ndarray, workers: int | None = None) -> np.ndarray:
    """What is known of each gain before coding, float64 (gains, features), of a picture, uint8 (height, width, 3)."""
    steps = np.array([step_of(gain) for gain in GAIN_CHOICES])
    return gain_features(count_magnitudes(pixels, steps, workers), steps)


def mse_of_nothing(pixels: np.ndarray) -> float:
    """Mean squared error of sending nothing, of uint8 pixels of any shape."""
    values = pixels.reshape(-1)
    counts = sum(np.bincount(values[part], minlength=256) for part in parts_of(values.size, COUNTED_AT_ONCE))
    return int(counts @ np.square(np.arange(256) - MIDDLE_GRAY)) / pixels.size
