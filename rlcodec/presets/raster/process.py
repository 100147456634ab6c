"""The decision about a picture that preset `raster` leaves to a policy: the predictor, by which a stream is small or quick.

Every action ends the episode; before it, an episode counts as one that shows middle gray.
"""

import json
from dataclasses import dataclass
from typing import Self

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, EpisodeState, ProcessSpec, Rows, Totals
from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.observation import advice_layout, advice_of, joined
from rlcodec.control.outcomes import Outcomes
from rlcodec.control.regressor import distortions
from rlcodec.core.metrics import ms_ssim
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.raster.format import RASTER
from rlcodec.presets.raster.settings import PREDICTORS

FEATURES = ("pixels", "channels", "repeating", "variation")
"""Log2 of the pixels / 20, channels / 4, the share of pixels that equal a neighbour, and log2 of the mean difference of
neighbours, / 8."""
LAYOUT = (
    *advice_layout(len(PREDICTORS)),
    ("rates", len(PREDICTORS), "log2 of 1 + the predicted bits per pixel of each predictor, / 5"),
    ("features", len(FEATURES), "of the picture: log2 pixels / 20, channels / 4, share that repeats, log2 variation / 8"),
)
RATE_RANGE = {"mse": (0.0, 3.0), "psnr": (-1.0, 2.0), "ms-ssim": (-1.0, 2.0)}
"""log10 of lambda_rate that policies are trained for, by kind of distortion."""
OBJECTIVES = {
    "small": Objective("mse", 100.0, 0.0),
    "balanced": Objective("mse", 100.0, 10.0),
    "fast": Objective("mse", 100.0, 100.0),
}


@dataclass
class RasterState(EpisodeState):
    """State of B episodes: `chosen`, int64 (B,), is one more than the index of the predictor; 0 before it is chosen."""

    chosen: np.ndarray


@dataclass(frozen=True)
class RasterPredictor:
    """Predicts what each predictor costs, linearly in the features.

    Attributes:
        weights: float64 (predictors, 2, features + 1), of log2 of 1 + bits per pixel, and of log2 of 1 + kMAC per pixel; the
            last weight is of a constant.
    """

    weights: np.ndarray

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bits and kMAC per pixel, float64 (n, predictors) each, of features, float64 (n, features)."""
        inputs = np.concatenate([features, np.ones((len(features), 1))], 1)
        rate, kmac = np.exp2(np.einsum("nf,pkf->knp", inputs, self.weights)) - 1
        return np.maximum(rate, 0), np.maximum(kmac, 0)

    def to_json(self) -> str:
        """The weights as JSON text."""
        return json.dumps({"weights": self.weights.tolist()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        weights = np.array(json.loads(text)["weights"], np.float64)
        return cls(weights.reshape(len(PREDICTORS), 2, len(FEATURES) + 1))


@dataclass(frozen=True, eq=False)
class RasterMeasurements:
    """What was measured of n pictures.

    Attributes:
        areas: pixels, int64 (n,).
        features: float64 (n, features).
        rate_bpp: of middle gray, which is 0, and of each predictor, float64 (n, 1 + predictors).
        kmac: as `rate_bpp`, compute of decoding in kMAC per pixel.
        mse: as `rate_bpp`.
        ms_ssim: as `rate_bpp`.
    """

    areas: np.ndarray
    features: np.ndarray
    rate_bpp: np.ndarray
    kmac: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray


def features_of(picture: np.ndarray, repeating: float) -> np.ndarray:
    """Features of a picture, uint8 (height, width, channels), of which a share of the pixels repeats; float64 (features,)."""
    values = picture.astype(np.int16)
    variation = float(np.abs(np.diff(values, axis=1)).mean()) if picture.shape[1] > 1 else 0.0
    area = picture.shape[0] * picture.shape[1]
    return np.array([np.log2(area) / 20, picture.shape[2] / 4, repeating, np.log2(1 + variation) / 8])


def measured(
    picture: np.ndarray, features: np.ndarray, bits: list[float], macs: list[int], shown: np.ndarray, nothing: np.ndarray
) -> RasterMeasurements:
    """The measurements of one picture.

    Args:
        picture: uint8 (height, width, channels).
        features: of it.
        bits: by each predictor.
        macs: of decoding each.
        shown: uint8, as decoders show the picture.
        nothing: as `shown`, if nothing is sent.
    """
    area = picture.shape[0] * picture.shape[1]
    squared = float(np.square(shown.astype(np.float64) - nothing).mean())
    return RasterMeasurements(
        areas=np.array([area]),
        features=features[None],
        rate_bpp=np.array([[0.0, *bits]]) / area,
        kmac=np.array([[0, *macs]]) / area / MACS_PER_KMAC,
        mse=np.array([[squared] + [0.0] * len(bits)]),
        ms_ssim=np.array([[ms_ssim(shown, nothing)] + [1.0] * len(bits)]),
    )


class RasterProcess(DecisionProcess[RasterState]):
    """The choice of the predictor.

    Args:
        spec: of the preset.
        measurements: of the pictures.
        predictor: of what each predictor costs.
    """

    state_type = RasterState

    def __init__(self, spec: ProcessSpec, measurements: RasterMeasurements, predictor: RasterPredictor):
        self.spec, self.measurements = spec, measurements
        self.outcomes = Outcomes(measurements.rate_bpp, measurements.kmac, distortions(measurements.mse, measurements.ms_ssim))
        self.predicted_rate, self.predicted_kmac = predictor(measurements.features)

    @property
    def image_count(self) -> int:
        return len(self.measurements.areas)

    def legal(self, state: RasterState) -> np.ndarray:
        return np.ones((len(state.chosen), len(PREDICTORS)), bool)

    def apply(self, state: RasterState, action: np.ndarray) -> None:
        state.chosen = np.where(state.done, state.chosen, action + 1)
        state.done[:] = True

    def totals(self, state: RasterState) -> Totals:
        at = state.image, state.chosen
        rate = self.outcomes.rate_bpp[at]
        lost = self.outcomes.distortion[state.objectives.kind, *at]
        bits = rate * self.measurements.areas[state.image]
        return Totals(bits, rate, self.outcomes.kmac[at], lost, self.measurements.mse[at], self.measurements.ms_ssim[at])

    def observe(self, state: RasterState, rows: Rows = slice(None)) -> np.ndarray:
        seen = state.take(rows)
        objectives, rate, kmac = seen.objectives, self.predicted_rate[seen.image], self.predicted_kmac[seen.image]
        exact = self.outcomes.distortion[objectives.kind, seen.image, -1][:, None]
        costs = exact + objectives.lambda_rate[:, None] * rate + objectives.lambda_compute[:, None] * kmac
        advice = advice_of(costs, self.legal(seen), self.values(seen), objectives, RATE_RANGE)
        return joined([advice, np.log2(1 + rate) / 5, self.measurements.features[seen.image]])


def spec_of(digest: str) -> ProcessSpec:
    """What a policy must agree with, by the digest of the weights."""
    return ProcessSpec(RASTER.name, digest, LAYOUT, {"any": list(PREDICTORS)}, RATE_RANGE, KINDS)
