"""The decisions about a codec outside of this package, which is known by what its settings cost and give.

An episode is one image under one objective. The first action is a setting of the codec; if its streams can end at several
stops, each later action is to stop or to go on to the next. Before the setting is chosen, the encoder predicts everything from
the image's features; once it has coded the image at a setting, it knows what all stops of that setting cost and give. Before
the first action an episode counts as one that ends with the baseline setting, so its rewards sum to the gain over the baseline.

`rlcodec.envs.external.trace` makes traces of such codecs; `rlcodec.presets.external.policy` runs a policy beside an encoder.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar

import numpy as np

from rlcodec.control.decision_process import (
    DecisionProcess,
    EpisodeState,
    Layout,
    Predictor,
    ProcessSpec,
    Rows,
    Totals,
    in_turns,
)
from rlcodec.control.objective import KINDS, PERCEPTUAL_KINDS, SSIMULACRA2
from rlcodec.control.observation import advice_layout, advice_of, joined
from rlcodec.control.outcomes import Outcomes
from rlcodec.control.regressor import Net, decibels_to_quality, distortions, net_of, scaled
from rlcodec.errors import DataError

NAME_IN_FILES = "own"
"""What policy files say where those of a preset have its name; no stream carries it."""
RATE_RANGE = {"mse": (0.2, 2.9), "psnr": (0.4, 1.6), "ms-ssim": (0.5, 1.5), SSIMULACRA2: (1.0, 2.4)}
"""Default of log10 of lambda_rate that policies are trained for, by kind."""
SETTING_PHASE, STOP_PHASE = range(2)
STOP_ACTION, GO_ACTION = 0, 1
PREDICTED = ("log2 of bits per pixel", "kMAC per pixel", "PSNR in dB", "MS-SSIM in dB")
"""Numbers that are predicted for each setting and stop; SSIMULACRA2 follows, if it was measured."""


@dataclass(frozen=True)
class ExternalSpec:
    """A codec as something to choose settings of; traces and policies of equal specs belong together.

    Attributes:
        codec: name of the codec.
        settings: names of its settings, two or more.
        features: names of what is known of an image before it is coded.
        stops: names of where streams of a setting can end, from the coarsest; one if they cannot be cut.
        kinds: of distortion that were measured; "ssimulacra2" must be named.
        rate_range: log10 of the smallest and the largest lambda_rate that policies are trained for, by kind of distortion; that
            of `RATE_RANGE` for kinds that are left out.
        baseline: index of the setting that rewards are counted from.

    Raises:
        DataError: names are missing or occur twice, or a number is out of range.
    """

    codec: str
    settings: Sequence[str]
    features: Sequence[str]
    stops: Sequence[str] = ("end",)
    kinds: Sequence[str] = KINDS
    rate_range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baseline: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.rate_range) - set(self.all_kinds)
        if unknown:
            raise DataError(f"rate_range has {', '.join(sorted(unknown))}; there are: {', '.join(self.all_kinds)}")
        given = {kind: self.rate_range.get(kind, RATE_RANGE[kind]) for kind in self.all_kinds}
        ranges = {kind: (float(low), float(high)) for kind, (low, high) in given.items()}
        object.__setattr__(self, "rate_range", ranges)
        for name in ("settings", "features", "stops", "kinds"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, least in (("settings", 2), ("features", 1), ("stops", 1), ("kinds", 1)):
            values = getattr(self, name)
            if len(values) < least or len(set(values)) < len(values) or not all(isinstance(v, str) for v in values):
                raise DataError(f"{name} are {', '.join(map(str, values)) or 'none'}; give at least {least} different names")
        if not set(self.kinds) <= set(PERCEPTUAL_KINDS):
            raise DataError(f"kinds are {', '.join(self.kinds)}; there are: {', '.join(PERCEPTUAL_KINDS)}")
        if not 0 <= self.baseline < len(self.settings):
            raise DataError(f"baseline is {self.baseline}; there are {len(self.settings)} settings")
        for kind, (low, high) in ranges.items():
            if not -np.inf < low < high < np.inf:
                raise DataError(f"rate_range of {kind} is {low} to {high}; give log10 of the smallest and largest lambda_rate")

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """Kinds of distortion that observations have a place for; SSIMULACRA2 is one only if it was measured."""
        return PERCEPTUAL_KINDS if SSIMULACRA2 in self.kinds else KINDS

    @property
    def numbers_predicted(self) -> int:
        """How many numbers are predicted for each setting and stop."""
        return len(PREDICTED) + (SSIMULACRA2 in self.kinds)

    @property
    def action_count(self) -> int:
        """Number of actions."""
        return max(len(self.settings), 2)

    @property
    def layout(self) -> Layout:
        """Fields of the observation."""
        return (
            *advice_layout(self.action_count, self.all_kinds),
            ("phase", 2, "one-hot: choosing the setting, choosing the stop"),
            ("setting", 1, "index of the chosen setting / number of settings; 0 before it is chosen"),
            ("stop", 1, "stops passed / number of stops"),
            ("rate", 1, "log2 of 1 + bits per pixel if stopped now; 0 before the setting is chosen"),
            ("compute", 1, "decoder kMAC per pixel if stopped now, / 10; 0 before the setting is chosen"),
            ("quality", 2, "PSNR / 50 and MS-SSIM / 30, in dB, if stopped now; 0 before that, and where not measured"),
            *([("score", 1, "SSIMULACRA2 / 100 if stopped now; 0 before that")] if SSIMULACRA2 in self.kinds else []),
            ("rates", len(self.settings), "log2 of the predicted bits per pixel of each setting, / 5"),
            ("qualities", len(self.settings), "predicted PSNR of each setting in dB, / 50"),
            ("features", len(self.features), "of the image, standardised by their mean and deviation in training"),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the spec, hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def process_spec(self) -> ProcessSpec:
        """What a policy for the codec must agree with."""
        actions = {"first": list(self.settings), "later": ["stop", "go on"], "stops": list(self.stops)}
        extra = {"spec": self.to_json()}
        return ProcessSpec(
            NAME_IN_FILES, self.digest, self.layout, actions, self.rate_range, self.all_kinds, tuple(self.kinds), extra
        )

    def to_json(self) -> str:
        """All fields as JSON text."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "ExternalSpec":
        """Inverse of `to_json`; raises ValueError, KeyError, TypeError, AttributeError or DataError on anything else."""
        raw = json.loads(text)
        return ExternalSpec(**raw | {"codec": str(raw["codec"]), "baseline": int(raw["baseline"])})


@dataclass(frozen=True)
class ExternalPredictor(Predictor):
    """Predicts what all settings and stops cost and give from an image's features.

    Attributes:
        net: from features, float64 (n, features), to the numbers of PREDICTED for each setting and stop.
    """

    net: Net

    @staticmethod
    def from_json(text: str, spec: ExternalSpec) -> "ExternalPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        outputs = spec.numbers_predicted * len(spec.settings) * len(spec.stops)
        return ExternalPredictor(net_of(json.loads(text)["net"], len(spec.features), outputs))

    def predict(self, features: np.ndarray, spec: ExternalSpec) -> Outcomes:
        """What to expect of n images; `features` is float64 (n, features)."""
        outputs = self.net(features).reshape(len(features), -1, len(spec.settings), len(spec.stops))
        distortion = decibels_to_quality(*(outputs[:, number] for number in range(2, spec.numbers_predicted)))
        return Outcomes(np.exp2(outputs[:, 0]), np.maximum(outputs[:, 1], 0), distortion)

    def standardise(self, features: np.ndarray) -> np.ndarray:
        """Features as observations have them, float64 (n, features)."""
        return scaled(features, self.net.center, self.net.spread)


@dataclass(frozen=True)
class ExternalMeasurements:
    """What was measured of n images.

    Attributes:
        features: float64 (n, features), what is known before the image is coded.
        pixels: int64 (n,), number of pixels.
        bits: float64 (n, settings, stops), of the streams.
        kmac: float64 (n, settings, stops), decoder kMAC per pixel.
        mse: float64 (n, settings, stops), mean squared error on the scale 0 to 255.
        ms_ssim: float64 (n, settings, stops); 0 if it was not measured.
        ssimulacra2: float64 (n, settings, stops); None if it was not measured.
    """

    features: np.ndarray
    pixels: np.ndarray
    bits: np.ndarray
    kmac: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray
    ssimulacra2: np.ndarray | None = None

    def outcomes(self) -> Outcomes:
        """The same as rate, compute and distortion."""
        distortion = distortions(self.mse, self.ms_ssim, self.ssimulacra2)
        return Outcomes(self.bits / self.pixels[:, None, None], self.kmac, distortion)


@dataclass
class ExternalState(EpisodeState):
    """State of B episodes.

    Attributes:
        phase: int64 (B,), SETTING_PHASE or STOP_PHASE.
        setting: int64 (B,), the chosen setting; 0 before it is chosen.
        stop: int64 (B,), the stop at which the stream ends if the episode stops now.
    """

    phase: np.ndarray
    setting: np.ndarray
    stop: np.ndarray


class ExternalProcess(DecisionProcess[ExternalState]):
    """Choose a setting, then a stop.

    Args:
        spec: of the codec.
        measurements: of n images.
        predictors: one, or several that take turns with the images.
    """

    state_type: ClassVar[type[EpisodeState]] = ExternalState

    def __init__(
        self, spec: ExternalSpec, measurements: ExternalMeasurements, predictors: ExternalPredictor | list[ExternalPredictor]
    ):
        self.codec, self.spec, self.measurements = spec, spec.process_spec(), measurements
        self.outcomes = measurements.outcomes()
        self.features = np.empty_like(measurements.features)
        self.predicted = Outcomes(*(np.empty_like(values) for values in vars(self.outcomes).values()))
        for predictor, images in in_turns(predictors, self.image_count):
            predicted = predictor.predict(measurements.features[images], spec)
            self.features[images] = predictor.standardise(measurements.features[images])
            self.predicted.rate_bpp[images], self.predicted.kmac[images] = predicted.rate_bpp, predicted.kmac
            self.predicted.distortion[:, images] = predicted.distortion

    @property
    def image_count(self) -> int:
        return len(self.measurements.pixels)

    def legal(self, state: ExternalState) -> np.ndarray:
        """As `DecisionProcess.legal`: all settings, then stop and go on."""
        counts = np.array([len(self.codec.settings), 2])[state.phase]
        return np.arange(self.codec.action_count)[None] < counts[:, None]

    def apply(self, state: ExternalState, action: np.ndarray) -> None:
        """As `DecisionProcess.apply`; the action is a setting, or STOP_ACTION or GO_ACTION."""
        choosing = ~state.done & (state.phase == SETTING_PHASE)
        stopping = ~state.done & (state.phase == STOP_PHASE)
        state.setting[choosing], state.phase[choosing] = action[choosing], STOP_PHASE
        state.stop[stopping] += action[stopping] != STOP_ACTION
        at_last = state.stop == len(self.codec.stops) - 1
        state.done |= (stopping & (action == STOP_ACTION)) | ((choosing | stopping) & at_last)

    def totals(self, state: ExternalState) -> Totals:
        """As `DecisionProcess.totals`; before a setting is chosen, those of the whole stream of the baseline."""
        chosen = state.phase != SETTING_PHASE
        setting = np.where(chosen, state.setting, self.codec.baseline)
        at = state.image, setting, np.where(chosen, state.stop, len(self.codec.stops) - 1)
        measured = self.measurements
        return Totals(
            bits=measured.bits[at],
            rate_bpp=self.outcomes.rate_bpp[at],
            decoder_kmac_per_pixel=self.outcomes.kmac[at],
            distortion=self.outcomes.distortion[state.objectives.kind, *at],
            mse=measured.mse[at],
            ms_ssim=measured.ms_ssim[at],
        )

    def observe(self, state: ExternalState, rows: Rows = slice(None)) -> np.ndarray:
        """As `DecisionProcess.observe`: predictions, and measurements of the chosen setting alone."""
        seen = state.take(rows)
        every, last, spec = np.arange(len(seen.image)), len(self.codec.stops) - 1, self.codec
        predicted, measured = self.predicted.take(seen.image), self.outcomes.take(seen.image, seen.setting, seen.stop)
        choosing = seen.phase == SETTING_PHASE
        expected = self.predicted.values(seen.objectives, seen.image)
        known = self.outcomes.values(seen.objectives, seen.image, seen.setting)
        later = np.where(np.arange(last + 1)[None] > seen.stop[:, None], known, np.inf).min(1)
        costs = np.full((len(every), spec.action_count), np.inf)
        costs[choosing, : len(spec.settings)] = expected.min(2)[choosing]
        costs[~choosing, STOP_ACTION], costs[~choosing, GO_ACTION] = known[every, seen.stop][~choosing], later[~choosing]
        current = np.where(choosing, expected[:, spec.baseline, last], known[every, seen.stop])
        kinds = spec.all_kinds
        psnr_db, ms_ssim_db = (-measured.distortion[kinds.index(kind)] for kind in ("psnr", "ms-ssim"))
        of_chosen = [
            seen.setting / len(spec.settings),
            seen.stop / len(spec.stops),
            np.log2(1 + measured.rate_bpp),
            measured.kmac / 10,
            psnr_db / 50,
            ms_ssim_db / 30 * ("ms-ssim" in spec.kinds),
            *([-measured.distortion[kinds.index(SSIMULACRA2)] / 100] if SSIMULACRA2 in kinds else []),
        ]
        return joined(
            [
                advice_of(costs, self.legal(seen), current, seen.objectives, spec.rate_range, kinds),
                np.eye(2)[seen.phase],
                *(np.where(choosing, 0.0, values)[:, None] for values in of_chosen),
                np.log2(predicted.rate_bpp[:, :, last]) / 5,
                -predicted.distortion[kinds.index("psnr")][:, :, last] / 50,
                self.features[seen.image],
            ]
        )
