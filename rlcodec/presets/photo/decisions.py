"""What a policy for photographs chooses and sees: its fields, its predictions, the same for encoder and environment.

An episode is one picture under one objective. The first action is a setting, the quantiser's gain. Then the encoder codes the
picture, and knows what every slice costs and what the coefficients' error is; each action after is stop or go on, for the
next slice. The last action is the ending, the width of the synthesis, whose result the encoder predicts and does not look at.

Everything here works on batches, one row per picture. Beside plain facts the observation holds the **regret** of each action as
a planner predicts it: of what is not measured, by least squares.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, ROUNDING_MSE, Objective
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.control.observation import Goal, advice_layout, advice_of, joined
from rlcodec.control.regressor import Net, decibels_to_quality, distortions, net_of
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT, step_of
from rlcodec.presets.photo.features import FEATURES, count_magnitudes, gain_features
from rlcodec.presets.photo.repair import KMAC, WIDTHS
from rlcodec.presets.photo.transform import PLANES, TRANSFORM_MACS

GAIN_CHOICES = tuple(range(0, 48, 3))
"""The first action's meaning; between two of them lie 1.5 dB, and what choosing none between costs is 0.01 dB."""
STOPS = (3, 4, SLICE_COUNT)
"""Slices that a stream may end after."""
ENDINGS = WIDTHS
SETTINGS = len(GAIN_CHOICES)
ACTIONS = max(SETTINGS, len(ENDINGS))
STOP_ACTION, GO_ACTION = 0, 1
SETTING_PHASE, SLICE_PHASE, ENDING_PHASE = range(3)

RATE_RANGE = {"mse": (0.2, 2.9), "psnr": (0.4, 1.6), "ms-ssim": (0.5, 1.5)}
"""log10 of lambda_rate that policies for photographs are trained for, by kind."""
NAMED = {
    "small": Objective("psnr", 20.0, 0.01),
    "balanced": Objective("psnr", 8.0, 0.008),
    "fast": Objective("psnr", 8.0, 0.4),
}
"""What the named objectives mean for photographs."""
SIMILARITY_TO_NOTHING = 0.0
"""MS-SSIM of an even gray and any picture, as good as none."""

LAYOUT = (
    *advice_layout(ACTIONS),
    ("phase", 3, "one-hot: setting, slices, ending"),
    ("setting", 1, "index of the chosen setting, of all; 0 before"),
    ("slices", 1, "stops passed, of all"),
    ("rate", 1, "bits per pixel spent, log2 of 1 more; 0 before"),
    ("compute", 1, "decoder kMAC per pixel spent, / 10"),
    ("quality", 2, "PSNR and MS-SSIM in dB if stopped now with the first ending, as predicted, / 50 and / 30; 0 before"),
    ("surprise", 2, "log2 of the rate over the predicted, and dB over the predicted of the first ending, / 2; 0 before"),
    ("rates", SETTINGS, "predicted bits per pixel of each setting, log2, / 5"),
    ("qualities", SETTINGS, "predicted PSNR of each setting with the first ending, / 50"),
)
"""The observation's fields in order: name, length, unit and scale."""
LAYOUT_SIZE = sum(length for _, length, _ in LAYOUT)


def photo_features(strips: list[np.ndarray], workers: int | None = None) -> np.ndarray:
    """What is known of a picture before a gain is chosen, float64 (gains, features); `strips` from `strips_of`."""
    steps = np.array([step_of(gain) for gain in GAIN_CHOICES])
    return gain_features(count_magnitudes(strips, steps, workers), steps)


def energy_of(strips: list[np.ndarray]) -> float:
    """Mean squared error of sending nothing, when decoders show an even gray, as coefficients tell it."""
    return sum(float(np.vdot(strip, strip)) for strip in strips) / sum(strip.size for strip in strips)


def known_mse(errors: np.ndarray, area: int) -> np.ndarray:
    """Mean squared error by stops, as coefficients tell it, float64 (len(STOPS),).

    Args:
        errors: of an encode, see `rlcodec.presets.photo.strips.CodedStrip`.
        area: pixels coded, in whole blocks.
    """
    return np.array([errors[0, :k].sum() + errors[1, k:].sum() for k in STOPS]) / (PLANES * area)


def synthesis_kmac() -> np.ndarray:
    """Compute of each ending, transforms included, kMAC per pixel, float64 (endings,)."""
    return np.array([TRANSFORM_MACS / MACS_PER_KMAC + KMAC[ending] for ending in ENDINGS])


def nothing_sent(mse: np.ndarray) -> np.ndarray:
    """D of every kind of sending nothing, (kinds, ...), from its mean squared error."""
    return distortions(mse, np.full(mse.shape, SIMILARITY_TO_NOTHING))


@dataclass(frozen=True)
class PhotoPredictor:
    """What the encoder expects: `first` before it codes, from the counts of magnitudes; `second` after.

    Outputs of `first`: for each stop log2 of bits per pixel and of the coefficients' kMAC per pixel; for each stop and ending
    PSNR, then MS-SSIM, in dB. Of `second`, from the same features, log2 of the rate and the known PSNR by stops: for each stop
    and ending what PSNR is beyond the known one, then MS-SSIM, in dB.
    """

    first: Net
    second: Net

    def to_json(self) -> str:
        """All arrays as JSON."""
        return json.dumps(asdict(self), default=lambda array: array.tolist())

    @staticmethod
    def from_json(text: str) -> "PhotoPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        nets = [net_of(json.loads(text)[name]) for name in ("first", "second")]
        for net, inputs, outputs in zip(nets, (FEATURES, SECOND_INPUTS), (FIRST_OUTPUTS, SECOND_OUTPUTS), strict=True):
            if net(np.zeros(inputs)).shape != (outputs,):
                raise ValueError("the predictions have other outputs")
        return PhotoPredictor(*nets)


K, E = len(STOPS), len(ENDINGS)
FIRST_OUTPUTS = 2 * K + 2 * K * E
SECOND_INPUTS, SECOND_OUTPUTS = FEATURES + 2 * K, 2 * K * E


@dataclass(frozen=True)
class Prospect:
    """What settings, stops and endings are expected to cost and give; (...) is (B, settings), or (B,) of chosen ones.

    Attributes:
        rate: bits per pixel, (..., stops).
        kmac: of the decoder, per pixel, (..., stops, endings).
        quality: D by kind, (kinds, ..., stops, endings).
    """

    rate: np.ndarray
    kmac: np.ndarray
    quality: np.ndarray

    def take(self, *index: Any) -> "Prospect":
        """The same of some rows."""
        return Prospect(self.rate[index], self.kmac[index], self.quality[:, *index])

    def values(self, goal: Goal) -> np.ndarray:
        """J, (..., stops, endings); the objectives' first axis is the prospect's."""
        shape = (-1, *[1] * (self.kmac.ndim - 1))
        quality = np.take_along_axis(self.quality, goal.kind.reshape(1, *shape), 0)[0]
        return quality + goal.rate.reshape(shape) * self.rate[..., None] + goal.compute.reshape(shape) * self.kmac


def expect(predictor: PhotoPredictor, features: np.ndarray) -> Prospect:
    """What to expect of every setting before coding; `features` (B, settings, FEATURES)."""
    found = predictor.first(features)
    tables = found[..., 2 * K :].reshape(*found.shape[:-1], 2, K, E)
    kmac = np.exp2(found[..., K : 2 * K, None]) + synthesis_kmac()
    return Prospect(np.exp2(found[..., :K]), kmac, decibels_to_quality(tables[..., 0, :, :], tables[..., 1, :, :]))


def expect_after(
    predictor: PhotoPredictor, features: np.ndarray, rate: np.ndarray, kmac: np.ndarray, mse: np.ndarray
) -> Prospect:
    """What to expect of chosen settings once they are coded.

    Args:
        predictor: of what is not known even then.
        features: float64 (..., FEATURES), of the chosen settings.
        rate: float64 (..., stops), bits per pixel.
        kmac: float64 (..., stops, endings), of the decoder, per pixel.
        mse: float64 (..., stops), from `known_mse`.
    """
    psnr = 10 * np.log10(PEAK_SQUARED / (mse + 2 * ROUNDING_MSE))
    found = predictor.second(np.concatenate([features, np.log2(rate), psnr], -1))
    tables = found.reshape(*found.shape[:-1], 2, K, E)
    return Prospect(rate, kmac, decibels_to_quality(psnr[..., None] + tables[..., 0, :, :], tables[..., 1, :, :]))


@dataclass
class PhotoStanding:
    """Where B episodes stand: int64 arrays (B,), `image`, `phase`, `setting` and `stop`, the index in STOPS that is reached."""

    image: np.ndarray
    phase: np.ndarray
    setting: np.ndarray
    stop: np.ndarray


def legal_actions(phase: np.ndarray) -> np.ndarray:
    """Legal actions, bool (B, ACTIONS)."""
    counts = np.array([SETTINGS, 2, len(ENDINGS)])[phase]
    return np.arange(ACTIONS)[None] < counts[:, None]


def observe(expected: Prospect, after: Prospect, goal: Goal, standing: PhotoStanding, nothing: np.ndarray) -> np.ndarray:
    """Observations, float32 (B, LAYOUT_SIZE).

    Args:
        expected: of all settings, from `expect`; the episodes say which of its rows they are about.
        after: of the chosen ones, from `expect_after`; rows count only where a setting is chosen.
        goal: the objectives.
        standing: of the episodes.
        nothing: float64 (B,), J of sending nothing, from `energy_of`.
    """
    rows = np.arange(len(standing.phase))
    choosing, ending = standing.phase == SETTING_PHASE, standing.phase == ENDING_PHASE
    later = after.values(goal)
    costs = np.full((len(rows), ACTIONS), np.inf)
    costs[choosing, :SETTINGS] = expected.take(standing.image[choosing]).values(goal.take(choosing)).min((2, 3))
    by_stop = later.min(2)
    ahead = np.where(np.arange(K)[None] > standing.stop[:, None], by_stop, np.inf).min(1)
    between = standing.phase == SLICE_PHASE
    costs[between, STOP_ACTION] = by_stop[rows, standing.stop][between]
    costs[between, GO_ACTION] = ahead[between]
    costs[ending, : len(ENDINGS)] = later[rows, standing.stop][ending]
    here = np.where(choosing, nothing, later[rows, standing.stop, 0])
    chosen = (~choosing).astype(np.float64)
    psnr, similar = (-after.quality[KINDS.index(kind)][rows, standing.stop, 0] for kind in ("psnr", "ms-ssim"))
    rates = expected.rate[standing.image, :, -1]
    qualities = -expected.quality[KINDS.index("psnr")][standing.image, :, -1, 0]
    surprise = [
        np.log2(after.rate[:, -1] / rates[rows, standing.setting]),
        (-after.quality[KINDS.index("psnr")][:, -1, 0] - qualities[rows, standing.setting]) / 2,
    ]
    parts = [
        advice_of(costs, legal_actions(standing.phase), here, goal, RATE_RANGE),
        np.eye(3)[standing.phase],
        (chosen * standing.setting / SETTINGS)[:, None],
        (chosen * standing.stop / K)[:, None],
        (chosen * np.log2(1 + after.rate[rows, standing.stop]))[:, None],
        (chosen * after.kmac[rows, standing.stop, 0] / 10)[:, None],
        (chosen * psnr / 50)[:, None],
        (chosen * similar / 30)[:, None],
        *((chosen * value)[:, None] for value in surprise),
        np.log2(rates) / 5,
        qualities / 50,
    ]
    return joined(parts)
