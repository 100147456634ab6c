"""Bring your own codec: a trace of what any codec's settings cost and give, and episodes on it.

`own_trace` makes the trace of measured tables, `own_task` what training and evaluation ask for, and the environments take the
trace with `preset="own"`. `rlcodec.presets.external.decisions` has what a policy sees, and runs it.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np

from rlcodec.control.objective import COMPUTE_RANGE, KINDS
from rlcodec.control.observation import Goal, objective_scale
from rlcodec.envs.batch import Outcome, Spent
from rlcodec.envs.fit import ITERATIONS, NETWORKS, fit_net, fit_unseen
from rlcodec.envs.table_process import PictureCore, in_turns
from rlcodec.envs.tasks import Task, task_of
from rlcodec.envs.trace_file import check_shapes, load_tables, save_tables
from rlcodec.errors import DataError, OptionError
from rlcodec.presets.external.decisions import (
    OWN,
    RATE_RANGE,
    SETTING_PHASE,
    STOP_ACTION,
    STOP_PHASE,
    OwnCodec,
    OwnPredictor,
    OwnSpec,
    OwnStanding,
    OwnTables,
    check_kind,
    describe_own,
    expect,
    legal_actions,
    observe,
    scaled_features,
    tables_of,
)


@dataclass(frozen=True)
class OwnTrace:
    """What every setting of a codec costs and gives, of n images.

    Attributes:
        digest: of the spec.
        described: the spec's JSON, an array of no dimensions.
        pixels: int64 (n,), of the images.
        features: float64 (n, features), what is known before anything is coded.
        bits: float64 (n, settings, stops), of the streams.
        kmac: float64 (n, settings, stops), that a decoder spends on a pixel.
        mse: float64 (n, settings, stops), mean squared error on the scale 0 to 255.
        ms_ssim: float64 (n, settings, stops); 0 where it was not measured.
    """

    digest: str
    described: np.ndarray
    pixels: np.ndarray
    features: np.ndarray
    bits: np.ndarray
    kmac: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    @functools.cached_property
    def spec(self) -> OwnSpec:
        """Of the codec."""
        return OwnSpec.from_json(str(self.described))

    @property
    def rate_bpp(self) -> np.ndarray:
        """Bits per pixel, float64 (n, settings, stops)."""
        return self.bits / self.pixels[:, None, None]

    def tables(self) -> OwnTables:
        """What was measured, as distortion, rate and compute."""
        return tables_of(self.rate_bpp, self.kmac, self.mse, self.ms_ssim)

    def take(self, index: np.ndarray | slice) -> Self:
        """The same tables for some of the images."""
        return type(self)(self.digest, self.described, *(getattr(self, f.name)[index] for f in fields(self)[2:]))


def own_trace(
    codec: str,
    settings: Sequence[str],
    features: Mapping[str, Sequence[float] | np.ndarray],
    pixels: Sequence[int] | np.ndarray,
    bits: Sequence[Any] | np.ndarray,
    mse: Sequence[Any] | np.ndarray,
    ms_ssim: Sequence[Any] | np.ndarray | None = None,
    decoder_kmac_per_pixel: Sequence[Any] | np.ndarray | None = None,
    stops: Sequence[str] = ("end",),
    baseline: int = 0,
    rate_range: Mapping[str, tuple[float, float]] | None = None,
) -> OwnTrace:
    """A trace of n images, from what was measured of a codec with k settings.

    Args:
        codec: its name. Traces and policies fit one another where codec, settings, stops, features and ranges are the same.
        settings: k names, as "quality 10".
        features: by name n numbers, what is cheaply known of each image before it is coded.
        pixels: n numbers of pixels.
        bits: (n, k) or (n, k, stops), positive: bits of the streams.
        mse: of the same shape: mean squared error on the scale 0 to 255.
        ms_ssim: of the same shape: MS-SSIM; where None there are no objectives in it.
        decoder_kmac_per_pixel: of the same shape; where None compute counts for nothing.
        stops: names of where the streams of a setting can end, from the coarsest, if there is more than one.
        baseline: index of the setting that rewards are counted from.
        rate_range: log10 of the least and greatest lambda_rate to train for, by kind; `rlcodec.presets.external.decisions.RATE_RANGE` of those that
            are not given.

    Raises:
        DataError: there are no images, a table has another shape or holds what cannot be, or names stand twice.
    """
    kinds = tuple(kind for kind in KINDS if kind != "ms-ssim" or ms_ssim is not None)
    unknown = set(rate_range or ()) - set(KINDS)
    if unknown:
        raise DataError(f"rate_range has {', '.join(sorted(unknown))}; there are: {', '.join(KINDS)}")
    ranges = {kind: (float(low), float(high)) for kind, (low, high) in (RATE_RANGE | dict(rate_range or {})).items()}
    spec = OwnSpec(codec, tuple(settings), tuple(features), tuple(stops), kinds, ranges, baseline)
    areas = _numbers("pixels", pixels, (len(pixels),)).astype(np.int64)
    n, shape = len(areas), (len(areas), len(spec.settings), len(spec.stops))
    columns = [_numbers(f"feature {name}", values, (n,)) for name, values in features.items()]
    tables = {
        "bits": bits,
        "kmac": np.zeros(shape) if decoder_kmac_per_pixel is None else decoder_kmac_per_pixel,
        "mse": mse,
        "ms_ssim": np.zeros(shape) if ms_ssim is None else ms_ssim,
    }
    found = {name: _numbers(name, values, shape) for name, values in tables.items()}
    trace = OwnTrace(spec.digest, np.array(spec.to_json()), areas, np.stack(columns, 1), **found)
    _check(trace)
    return trace


def _numbers(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} holds no numbers, or rows of different lengths ({error})") from error
    if len(shape) == 3 and array.shape == shape[:2] and shape[2] == 1:
        array = array[..., None]
    if array.shape != shape:
        raise DataError(f"{name} has shape {array.shape}, not {shape}")
    return array


def _check(trace: OwnTrace) -> None:
    """Raises DataError where a table holds what cannot be."""
    if not len(trace):
        raise DataError("the trace has no images")
    fine = {
        "pixels": trace.pixels > 0,
        "bits": trace.bits > 0,
        "kmac": trace.kmac >= 0,
        "mse": (trace.mse >= 0) & (trace.mse <= 255.0**2),
        "ms_ssim": (trace.ms_ssim >= -1) & (trace.ms_ssim <= 1),
        "features": np.isfinite(trace.features),
    }
    for name, holds in fine.items():
        if not (holds & np.isfinite(getattr(trace, name))).all():
            image = int(np.argwhere(~(holds & np.isfinite(getattr(trace, name))))[0][0])
            raise DataError(f"{name} of image {image} cannot be: {getattr(trace, name)[image]}")


def load_own_trace(path: Path) -> OwnTrace:
    """Reads a trace; nothing in it is executed.

    Raises:
        DataError: it is missing or broken.
    """
    trace = load_tables(path, OwnTrace, None)
    try:
        spec = trace.spec
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a usable trace (its spec: {error})") from error
    if spec.digest != trace.digest:
        raise DataError(f"{path}: not a usable trace (its digest is not that of its spec)")
    n, shape = trace.pixels.size, (trace.pixels.size, len(spec.settings), len(spec.stops))
    shapes = {"pixels": (n,), "features": (n, len(spec.features)), **dict.fromkeys(("bits", "kmac", "mse", "ms_ssim"), shape)}
    check_shapes(path, trace, shapes)
    try:
        _check(trace)
    except (DataError, TypeError) as error:
        raise DataError(f"{path}: not a usable trace ({error})") from error
    return trace


def fit_own_predictor(trace: OwnTrace, iterations: int = ITERATIONS, networks: int = NETWORKS) -> OwnPredictor:
    """Predictions fitted to a trace's images; see `OwnPredictor`."""
    quality = -trace.tables().quality
    wanted = [np.log2(trace.rate_bpp), trace.kmac, *(quality[KINDS.index(kind)] for kind in ("psnr", "ms-ssim"))]
    targets = np.stack(wanted, 1).reshape(len(trace), -1)
    return OwnPredictor(fit_net(trace.features, targets, iterations, networks))


class OwnEpisodes(PictureCore):
    """A batch of episodes on a trace of somebody's codec.

    Args:
        trace: the tables.
        predictor: what the encoder expects; or several, which take turns with the images, see `fit_unseen`.
        batch: how many episodes.
    """

    trace: OwnTrace

    def __init__(self, trace: OwnTrace, predictor: OwnPredictor | Sequence[OwnPredictor], batch: int):
        self.trace, self.batch, self.spec = trace, batch, trace.spec
        self.action_count = self.spec.actions
        self.observation_size = sum(length for _, length, _ in self.spec.layout)
        self.tables = trace.tables()
        """What is measured."""
        predictors = [predictor] if isinstance(predictor, OwnPredictor) else list(predictor)
        self._features = np.empty_like(trace.features)
        self._expected = OwnTables(*(np.empty_like(values) for values in vars(self.tables).values()))
        for one, which in in_turns(predictors, len(trace)):
            found = expect(one, trace.features[which], self.spec)
            self._features[which] = scaled_features(one, trace.features[which])
            self._expected.rate[which], self._expected.kmac[which] = found.rate, found.kmac
            self._expected.quality[:, which] = found.quality
        self.goal = Goal(np.zeros(batch, np.int64), np.ones(batch), np.zeros(batch))
        self.standing = OwnStanding(*(np.zeros(batch, np.int64) for _ in range(4)))
        self.done = np.ones(batch, bool)

    def draw_objectives(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Random kinds, of those that were measured, and weights: int64, float64, float64, each (count,)."""
        kind = np.array([KINDS.index(k) for k in self.spec.kinds])[rng.integers(0, len(self.spec.kinds), count)]
        low, high = np.array([self.spec.rate_range[k] for k in KINDS])[kind].T
        rate = 10 ** rng.uniform(low, high)
        return kind, rate, rate * 10 ** rng.uniform(*COMPUTE_RANGE, count)

    def reset(self, which: np.ndarray, image: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray) -> None:
        """As `PictureCore.reset`; raises OptionError where a kind of distortion was not measured."""
        for index in np.unique(kind):
            check_kind(self.spec, KINDS[index])
        super().reset(which, image, kind, rate, compute)

    def _here(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the episodes stand in tables: before a setting is chosen, at the end of the baseline."""
        begun = self.standing.phase != SETTING_PHASE
        stop = np.where(begun, self.standing.stop, len(self.spec.stops) - 1)
        return self.image, np.where(begun, self.standing.setting, self.spec.baseline), stop

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        here = self._here()
        return np.stack([self.tables.quality[self.goal.kind, *here], self.tables.rate[here], self.tables.kmac[here]])

    def spent(self) -> Spent:
        """Where the episodes stand."""
        here, (_, rate, kmac) = self._here(), self.objective_parts()
        return Spent(self.trace.bits[here], rate, kmac, self.trace.mse[here], self.trace.ms_ssim[here])

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        return legal_actions(self.spec, self.standing.phase)

    def step(self, action: np.ndarray) -> Outcome:
        """One step of every episode; those that are done stay as they are."""
        before = self.objective_values()
        action, standing, last = self.legalise(np.asarray(action, np.int64)), self.standing, len(self.spec.stops) - 1
        choosing = ~self.done & (standing.phase == SETTING_PHASE)
        between = ~self.done & (standing.phase == STOP_PHASE)
        standing.setting[choosing], standing.phase[choosing] = action[choosing], STOP_PHASE
        standing.stop[between] += action[between] != STOP_ACTION
        self.done |= (between & (action == STOP_ACTION)) | ((choosing | between) & (standing.stop == last))
        reward = (before - self.objective_values()) / objective_scale(self.goal.rate, self.goal.compute)
        return Outcome(reward, self.done.copy())

    def observe(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Observations of all episodes or of some, float32 (B, size)."""
        standing = OwnStanding(*(values[which] for values in vars(self.standing).values()))
        image = standing.image
        tables = self._expected.take(image), self.tables.take(image)
        return observe(self.spec, *tables, self._features[image], self.goal.take(which), standing)

    def actions_of(self, setting: int, stop: int) -> tuple[int, ...]:
        """The actions that lead there."""
        return setting, *[1] * stop, *([STOP_ACTION] if stop < len(self.spec.stops) - 1 else [])


def own_task(spec: OwnSpec) -> Task:
    """What training and evaluation need to know of a codec; it codes nothing, so claims are not made and nothing is drawn."""

    def fit(trace: OwnTrace) -> OwnPredictor:
        return fit_own_predictor(trace)

    def load(path: Path) -> OwnTrace:
        trace = load_own_trace(path)
        if trace.digest != spec.digest:
            raise DataError(f"{path}: is a trace of another codec, or of other settings or features, than {spec.codec}")
        return trace

    def refuse(*_: Any) -> NoReturn:
        raise OptionError(f"codec {spec.codec} is known by its trace alone: rlcodec has no images of it, and cannot run it")

    return Task(
        OwnCodec(spec),
        spec.layout,
        samples=refuse,
        trace=refuse,
        load=load,
        save=save_tables,
        fit=fit,
        fit_unseen=lambda trace: fit_unseen(trace, fit_own_predictor),
        read_predictor=lambda text: OwnPredictor.from_json(text, spec),
        episodes=OwnEpisodes,
        live=refuse,
        image=refuse,
        encode=refuse,
        nothing=refuse,
        under_policy=refuse,
        describe=lambda: describe_own(spec),
    )


def task_and_trace(preset: str, source: Any) -> tuple[Task, Any]:
    """The task that a trace is for, and the trace.

    Args:
        preset: its name, or "own".
        source: a trace or its file.

    Raises:
        DataError: the file is no such trace.
        OptionError: there is no such preset, or the trace is not of anybody's own codec.
    """
    if preset != OWN.name:
        task = task_of(preset)
        return task, task.load(source) if isinstance(source, Path) else source
    trace = load_own_trace(source) if isinstance(source, Path) else source
    if not isinstance(trace, OwnTrace):
        raise OptionError(
            "preset own takes a trace that rlcodec.envs.external.trace.own_trace made, or its file, and no images"
        )
    return own_task(trace.spec), trace
