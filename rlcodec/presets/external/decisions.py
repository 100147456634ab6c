"""Codecs that are not rlcodec's: what a policy for one chooses and sees, and running it, with no torch and no environment.

Any encoder will do whose choices were measured (`rlcodec.envs.external.trace` makes a trace of them). An episode is one image under one
objective. The first action is a setting of the codec; where its streams can end at several stops, each later action is to stop
or to go on to the next. Before the setting is chosen all is predicted from the image's features; once the encoder has coded at
a setting, it knows what all of its stops cost and give. Until then an episode stands where the baseline would end, so rewards
are what was gained over the baseline.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.observation import Goal, advice_layout, advice_of, joined
from rlcodec.control.onnx_policy import Policy, check_objective, description, load_policy, metadata_of_policy
from rlcodec.control.regressor import FEATURE_LIMIT, Net, decibels_to_quality, distortions, net_of
from rlcodec.core.preset_ids import Preset
from rlcodec.errors import DataError, OptionError, PolicyError

OWN = Preset(id=0, name="own", native=(0, 0), max_side=0, block=1, budget_slices=())
"""Stands where a preset does; no stream carries its id."""
RATE_RANGE = {"mse": (0.2, 2.9), "psnr": (0.4, 1.6), "ms-ssim": (0.5, 1.5)}
"""log10 of lambda_rate that policies are trained for, by kind, where nobody says otherwise: as of preset `photo`."""
SETTING_PHASE, STOP_PHASE = range(2)
STOP_ACTION, GO_ACTION = 0, 1
BLOCKS = 4
"""What is predicted of every setting and stop: log2 of bits per pixel, kMAC per pixel, PSNR, MS-SSIM in dB."""


@dataclass(frozen=True)
class OwnSpec:
    """A codec as something to choose settings of; two traces of equal specs are of the same codec.

    Attributes:
        codec: its name.
        settings: names of its settings, two or more.
        stops: names of where streams of a setting can end, from the coarsest; one if they cannot be cut.
        features: names of what is known of an image before it is coded.
        kinds: of distortion that were measured.
        rate_range: log10 of the least and greatest lambda_rate of each of `KINDS`, that policies are trained for.
        baseline: index of the setting that rewards are counted from.

    Raises:
        DataError: names are missing or stand twice, or there is nothing to choose.
    """

    codec: str
    settings: tuple[str, ...]
    features: tuple[str, ...]
    stops: tuple[str, ...] = ("end",)
    kinds: tuple[str, ...] = KINDS
    rate_range: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(RATE_RANGE))
    baseline: int = 0

    def __post_init__(self) -> None:
        for name, least in (("settings", 2), ("features", 1), ("stops", 1), ("kinds", 1)):
            values = getattr(self, name)
            if len(values) < least or len(set(values)) < len(values) or not all(isinstance(v, str) for v in values):
                raise DataError(f"{name} are {', '.join(map(str, values)) or 'none'}; give at least {least} different names")
        if not set(self.kinds) <= set(KINDS):
            raise DataError(f"kinds are {', '.join(self.kinds)}; there are: {', '.join(KINDS)}")
        if not 0 <= self.baseline < len(self.settings):
            raise DataError(f"baseline is {self.baseline}; there are {len(self.settings)} settings")
        for kind in KINDS:
            low, high = self.rate_range[kind]
            if not -np.inf < low < high < np.inf:
                raise DataError(f"rate_range of {kind} is {low} to {high}; give log10 of the least and greatest lambda_rate")

    @property
    def actions(self) -> int:
        """How many there are; at most so many are legal at a time."""
        return max(len(self.settings), 2)

    @property
    def layout(self) -> tuple[tuple[str, int, str], ...]:
        """The observation's fields in order: name, length, unit and scale."""
        return (
            *advice_layout(self.actions),
            ("phase", 2, "one-hot: setting, stops"),
            ("setting", 1, "index of the chosen setting, of all; 0 before"),
            ("stop", 1, "stops passed, of all"),
            ("rate", 1, "bits per pixel if stopped now, log2 of 1 more; 0 before"),
            ("compute", 1, "decoder kMAC per pixel if stopped now, / 10; 0 before"),
            ("quality", 2, "PSNR and MS-SSIM in dB if stopped now, / 50 and / 30; 0 before, and where not measured"),
            ("rates", len(self.settings), "predicted bits per pixel of each setting, log2, / 5"),
            ("qualities", len(self.settings), "predicted PSNR of each setting, / 50"),
            ("features", len(self.features), "of the image, less their mean, over their spread"),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the spec, hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Inverse of `from_json`."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "OwnSpec":
        """A spec from its JSON; raises ValueError, KeyError or TypeError on anything that is none, and DataError as above."""
        raw = json.loads(text)
        lists = {name: tuple(raw.pop(name)) for name in ("settings", "features", "stops", "kinds")}
        ranges = {kind: (float(low), float(high)) for kind, (low, high) in raw.pop("rate_range").items()}
        return OwnSpec(str(raw.pop("codec")), baseline=int(raw.pop("baseline")), rate_range=ranges, **lists, **raw)


@dataclass(frozen=True)
class OwnCodec:
    """Stands where a preset's weights do."""

    spec: OwnSpec

    @property
    def preset(self) -> Preset:
        """`OWN`."""
        return OWN

    @property
    def digest(self) -> str:
        """Of the spec."""
        return self.spec.digest


@dataclass(frozen=True)
class OwnPredictor:
    """What the encoder expects, from an image's features: BLOCKS numbers for every setting and stop."""

    net: Net

    def to_json(self) -> str:
        """All arrays as JSON."""
        return json.dumps(asdict(self), default=lambda array: array.tolist())

    @staticmethod
    def from_json(text: str, spec: OwnSpec) -> "OwnPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        net = net_of(json.loads(text)["net"])
        if net(np.zeros(len(spec.features))).shape != (BLOCKS * len(spec.settings) * len(spec.stops),):
            raise ValueError("the predictions have other outputs")
        return OwnPredictor(net)


@dataclass(frozen=True)
class OwnTables:
    """What ending at every setting and stop costs and gives, of n images.

    Attributes:
        rate: bits per pixel, float64 (n, settings, stops).
        kmac: of the decoder, per pixel, float64 (n, settings, stops).
        quality: D by kind, float64 (kinds, n, settings, stops).
    """

    rate: np.ndarray
    kmac: np.ndarray
    quality: np.ndarray

    def take(self, index: np.ndarray) -> "OwnTables":
        """Those of some images."""
        return OwnTables(self.rate[index], self.kmac[index], self.quality[:, index])

    def values(self, goal: Goal) -> np.ndarray:
        """J, (n, settings, stops), under as many objectives."""
        quality = self.quality[goal.kind, np.arange(len(goal.kind))]
        return quality + goal.rate[:, None, None] * self.rate + goal.compute[:, None, None] * self.kmac


def tables_of(rate_bpp: np.ndarray, kmac: np.ndarray, mse: np.ndarray, ms_ssim: np.ndarray) -> OwnTables:
    """Tables of what was measured, float64 (n, settings, stops) each."""
    return OwnTables(rate_bpp, kmac, distortions(mse, ms_ssim))


def expect(predictor: OwnPredictor, features: np.ndarray, spec: OwnSpec) -> OwnTables:
    """What to expect of images; `features` float64 (n, features)."""
    found = predictor.net(features).reshape(len(features), BLOCKS, len(spec.settings), len(spec.stops))
    return OwnTables(np.exp2(found[:, 0]), np.maximum(found[:, 1], 0), decibels_to_quality(found[:, 2], found[:, 3]))


@dataclass
class OwnStanding:
    """Where B episodes stand: int64 arrays (B,), `image`, `phase`, `setting` and `stop`."""

    image: np.ndarray
    phase: np.ndarray
    setting: np.ndarray
    stop: np.ndarray


def legal_actions(spec: OwnSpec, phase: np.ndarray) -> np.ndarray:
    """Legal actions, bool (B, actions)."""
    return np.arange(spec.actions)[None] < np.array([len(spec.settings), 2])[phase][:, None]


def observe(
    spec: OwnSpec, expected: OwnTables, measured: OwnTables, features: np.ndarray, goal: Goal, standing: OwnStanding
) -> np.ndarray:
    """Observations, float32 (B, size).

    Args:
        spec: of the codec.
        expected: of B images, from `expect`.
        measured: of the same; of the chosen setting alone, and only where one is chosen.
        features: float64 (B, features), as `scaled_features` has them.
        goal: the objectives.
        standing: of the episodes.
    """
    rows, last = np.arange(len(standing.phase)), len(spec.stops) - 1
    choosing = standing.phase == SETTING_PHASE
    foreseen = expected.values(goal)
    later = measured.values(goal)[rows, standing.setting]
    costs = np.full((len(rows), spec.actions), np.inf)
    costs[choosing, : len(spec.settings)] = foreseen.min(2)[choosing]
    ahead = np.where(np.arange(last + 1)[None] > standing.stop[:, None], later, np.inf).min(1)
    costs[~choosing, STOP_ACTION], costs[~choosing, GO_ACTION] = later[rows, standing.stop][~choosing], ahead[~choosing]
    here = np.where(choosing, foreseen[:, spec.baseline, last], later[rows, standing.stop])
    place = rows, standing.setting, standing.stop
    psnr, similar = (-measured.quality[KINDS.index(kind)][place] for kind in ("psnr", "ms-ssim"))
    now = [
        standing.setting / len(spec.settings),
        standing.stop / len(spec.stops),
        np.log2(1 + measured.rate[place]),
        measured.kmac[place] / 10,
        psnr / 50,
        similar / 30 * ("ms-ssim" in spec.kinds),
    ]
    parts = [
        advice_of(costs, legal_actions(spec, standing.phase), here, goal, spec.rate_range),
        np.eye(2)[standing.phase],
        *(np.where(choosing, 0.0, value)[:, None] for value in now),
        np.log2(expected.rate[:, :, last]) / 5,
        -expected.quality[KINDS.index("psnr")][:, :, last] / 50,
        features,
    ]
    return joined(parts)


def scaled_features(predictor: OwnPredictor, features: np.ndarray) -> np.ndarray:
    """Features as observations have them, float64 (n, features): less their mean in training, over their spread."""
    return np.clip((features - predictor.net.center) / predictor.net.spread, -FEATURE_LIMIT, FEATURE_LIMIT)


def describe_own(spec: OwnSpec) -> dict[str, Any]:
    """The description of policies for a codec."""
    actions = {"first": list(spec.settings), "later": ["stop", "go on"], "stops": list(spec.stops)}
    return description(OwnCodec(spec), spec.layout, actions, spec.rate_range) | {"spec": spec.to_json()}


class OwnPolicy:
    """A policy that was trained on traces of a codec, to run beside its encoder.

    Args:
        path: of the file that `rlcodec train` wrote, policy.onnx in the folder of the run.

    Attributes:
        spec: of the codec.

    Raises:
        PolicyError: the file is missing or broken, or of one of rlcodec's own presets.
    """

    def __init__(self, path: str | os.PathLike[str]):
        metadata = metadata_of_policy(Path(path))
        if metadata["preset"] != OWN.name:
            raise PolicyError(f"{path}: is for preset {metadata['preset']}; `rlcodec encode --policy` runs it")
        self.spec = OwnSpec.from_json(metadata["spec"])
        self._policy: Policy = load_policy(path, OwnCodec(self.spec))

    def choose(self, features: Sequence[float] | np.ndarray, objective: Objective) -> int:
        """The index of the setting to code an image at.

        Args:
            features: of the image, in the order of `spec.features`.
            objective: what to minimise.

        Raises:
            OptionError: there are other features, or the objective lies outside what the policy was trained for.
        """
        nothing = np.ones((1, len(self.spec.settings), len(self.spec.stops)))
        return self._decide(features, objective, tables_of(nothing, nothing, nothing, nothing), SETTING_PHASE, 0, 0)

    def choose_stop(
        self,
        features: Sequence[float] | np.ndarray,
        objective: Objective,
        setting: int,
        rate_bpp: Sequence[float] | np.ndarray,
        mse: Sequence[float] | np.ndarray,
        ms_ssim: Sequence[float] | np.ndarray | None = None,
        kmac: Sequence[float] | np.ndarray | None = None,
    ) -> int:
        """The index of the stop at which to end a stream of the chosen setting.

        Args:
            features: as `choose` takes them.
            objective: the same.
            setting: that was chosen.
            rate_bpp: bits per pixel at every stop.
            mse: mean squared error at every stop, on the scale 0 to 255.
            ms_ssim: MS-SSIM at every stop, where it was measured.
            kmac: decoder kMAC per pixel at every stop, none when None.

        Raises:
            OptionError: as `choose`, or there are other stops or no such setting.
        """
        spec, shape = self.spec, (1, len(self.spec.settings), len(self.spec.stops))
        if not 0 <= setting < len(spec.settings):
            raise OptionError(f"setting is {setting}; there are {len(spec.settings)}")
        tables = []
        for values in (rate_bpp, kmac, mse, ms_ssim):
            array = np.asarray(np.zeros(shape[2]) if values is None else values, np.float64)
            if array.shape != shape[2:]:
                raise OptionError(f"figures of shape {array.shape} are no figures of {len(spec.stops)} stops")
            tables.append(np.broadcast_to(array, shape))
        measured = tables_of(*tables)
        for stop in range(len(spec.stops) - 1):
            if self._decide(features, objective, measured, STOP_PHASE, setting, stop) == STOP_ACTION:
                return stop
        return len(spec.stops) - 1

    def _decide(self, features: Any, objective: Objective, measured: OwnTables, phase: int, setting: int, stop: int) -> int:
        spec, given = self.spec, np.asarray(features, np.float64)
        if given.shape != (len(spec.features),) or not np.isfinite(given).all():
            raise OptionError(f"features have shape {given.shape} or are not finite; give {', '.join(spec.features)}")
        check_kind(spec, objective.kind)
        check_objective(objective, spec.rate_range)
        goal = Goal(
            np.array([KINDS.index(objective.kind)]), np.array([objective.lambda_rate]), np.array([objective.lambda_compute])
        )
        standing = OwnStanding(*(np.array([value]) for value in (0, phase, setting, stop)))
        predictor = self._policy.predictor
        seen = observe(
            spec, expect(predictor, given[None], spec), measured, scaled_features(predictor, given[None]), goal, standing
        )
        return int(np.where(legal_actions(spec, standing.phase), self._policy.logits(seen), -np.inf).argmax())


def check_kind(spec: OwnSpec, kind: str) -> None:
    """Raises OptionError where distortion of a kind was not measured."""
    if kind not in spec.kinds:
        raise OptionError(f"distortion {kind} was not measured of codec {spec.codec}; there are: {', '.join(spec.kinds)}")
