"""A small preset written against the public contracts alone: the mean gray of an image, and one refinement of 4x4 means.

`toy_registered` adds it, its task and a kind of distortion, "mae" (mean absolute error), for the duration of a block.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.control.actor import decide
from rlcodec.control.constraints import Candidate
from rlcodec.control.decision_process import DecisionProcess, EpisodeState, ProcessSpec, Totals, in_turns
from rlcodec.control.decode_time import load_calibration
from rlcodec.control.objective import DISTORTIONS, Objective, register_distortion, unregister_distortion
from rlcodec.control.observation import advice_layout, advice_of, joined
from rlcodec.core.container import pack
from rlcodec.core.metrics import ms_ssim
from rlcodec.core.preset_format import PresetFormat
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segments import CodedSegment, Segment
from rlcodec.core.weights_file import check_fingerprint, fingerprint_of
from rlcodec.envs.measure import MeasureOptions, Tables
from rlcodec.envs.pictures import PictureTask, PictureTrace, join_tables, measure_pictures
from rlcodec.envs.sample_images import sample_images
from rlcodec.envs.tasks import register_task, unregister_task
from rlcodec.envs.trace_file import load_tables
from rlcodec.errors import DamagedStreamError, MisfitError, OptionError
from rlcodec.images.gray import read_gray
from rlcodec.options import EncodeOptions, option, whole_number
from rlcodec.presets.base import ComparedSettings, Decoded, Encoded, Preset, Settings, WeightlessCodec
from rlcodec.presets.policies import policy_of
from rlcodec.presets.registry import register_preset, unregister_preset

SIDES = (1, 4)
"""Cells a side of each level's grid of means; a mean takes a byte."""
STARTS = (0, 1, 17)
"""Where each level's bytes begin in the payload, and where the last ends."""
LEVELS = len(SIDES)
STOP, SEND = range(2)
KINDS = ("mse", "mae")
SEQUENCES = ((STOP,), (SEND, STOP), (SEND, SEND))
"""The actions that send 0, 1 and 2 levels."""
DIGEST = "70" * 32


@dataclass(frozen=True, kw_only=True)
class ToyOptions(EncodeOptions):
    """Options of encoding: `levels` is how many levels are sent, chosen by the objective if None."""

    levels: int | None = option("Levels to send: 0, 1 or 2.", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "levels", whole_number("levels", self.levels))
        if self.levels is not None and not 0 <= self.levels <= LEVELS:
            raise OptionError(f"levels is {self.levels}; there are {LEVELS}")


@dataclass(frozen=True)
class ToySettings(Settings):
    """How many levels were sent."""

    levels: int

    def to_number(self) -> int:
        """As the header has it."""
        return self.levels


def cells_of(shape: tuple[int, int], side: int) -> np.ndarray:
    """The cell of each pixel in a grid of `side` cells a side, int64 of the shape."""
    down, across = (np.arange(length) * side // length for length in shape)
    return down[:, None] * side + across


def code(pixels: np.ndarray, levels: int) -> np.ndarray:
    """The payload of an image, uint8."""
    payload = [np.zeros(0)]
    for side in SIDES[:levels]:
        cells = cells_of(pixels.shape, side).ravel()
        sums, counts = (np.bincount(cells, weights, side**2) for weights in (pixels.ravel(), None))
        payload.append(np.rint(sums / np.maximum(counts, 1)))
    return np.concatenate(payload).astype(np.uint8)


def render(payload: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The picture of a payload, or of its first bytes: each pixel as the finest level that has arrived says."""
    picture = np.full(shape, 128, np.uint8)
    for side, start, end in zip(SIDES, STARTS, STARTS[1:], strict=False):
        means, cells = payload[start:end], cells_of(shape, side)
        arrived = cells < len(means)
        picture[arrived] = means[cells[arrived]]
    return picture


def segments_of(payload_bytes: int, levels: int, area: int) -> tuple[CodedSegment, ...]:
    """The levels of a stream, of which so many bytes are there; each takes a MAC a pixel to decode."""
    return tuple(
        CodedSegment(Segment("level", i, side**2), 0, 8 * side**2 * COST_UNIT, area, payload_bytes >= STARTS[i + 1])
        for i, side in enumerate(SIDES[:levels])
    )


class ToyPreset(Preset):
    """The codec."""

    format = PresetFormat(id=15, name="toy", native=(0, 0), max_side=4096, block=1)
    options = ToyOptions
    objectives = {"small": Objective("mse", 30000.0, 0.0), "balanced": Objective("mse", 1000.0, 0.0)}  # noqa: RUF012

    def weights(self) -> WeightlessCodec:
        return WeightlessCodec(DIGEST)

    def read_pixels(self, image: Any, options: EncodeOptions) -> np.ndarray:
        return read_gray(image, self.format)

    def encode(self, image: Any, options: EncodeOptions) -> Encoded:
        assert isinstance(options, ToyOptions)
        if options.asks_for_exact_pixels:
            raise OptionError("preset toy does not code exactly")
        pixels, objective = self.read_pixels(image, options), options.resolve(self.objectives)
        if options.policy is not None:
            policy = policy_of(self, options.policy)
            return self.encode_actions(pixels, decide(self.live_process(pixels, policy.predictor), policy, objective))
        process = self.live_process(pixels, ToyPredictor(np.zeros((2, LEVELS + 1, len(KINDS)))))
        values = process.values(process.replay(list(SEQUENCES), objective, np.zeros(LEVELS + 1, np.int64)))
        decode_ms = 0.0 if options.max_decode_ms is None else load_calibration().predicted_ms(self.name, DIGEST, {})
        chosen = range(LEVELS + 1) if options.levels is None else [options.levels]
        streams = {levels: self.encode_actions(pixels, SEQUENCES[levels]) for levels in chosen}
        candidates = [Candidate(len(s.data), s.psnr_db, decode_ms, levels) for levels, s in streams.items()]
        limits = options.constraints
        best = limits.best(candidates, lambda c: limits.sort_key(c, (values[c.source],)))
        if best is None:
            raise limits.refusal(candidates)
        return streams[best.source]

    def encode_actions(self, pixels: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        levels = actions.count(SEND)
        payload, settings = code(pixels, levels), ToySettings(levels)
        data = pack(self.format, fingerprint_of(DIGEST), *pixels.shape, settings.to_number(), payload.tobytes())
        segments = segments_of(len(payload), levels, pixels.size)
        bits, macs = sum(s.bits for s in segments), sum(s.macs for s in segments)
        return Encoded(data, settings, segments, bits, macs, pixels, lambda: render(payload, pixels.shape))

    def settings(self, header: Any) -> ToySettings:
        if header.settings > LEVELS or header.payload_bytes != STARTS[header.settings]:
            raise DamagedStreamError(f"{header.settings} levels in {header.payload_bytes} bytes are impossible")
        return ToySettings(header.settings)

    def mode(self, header: Any) -> str:
        return "L"

    def decode(self, stream: Any, options: Any) -> Decoded:
        header, settings = stream.header, self.settings(stream.header)
        check_fingerprint(header, DIGEST)
        shape = header.height, header.width
        segments = segments_of(len(stream.payload), settings.levels, header.height * header.width)
        macs, choice = sum(s.macs for s in segments), f"{settings.levels} levels"
        return Decoded(render(stream.payload, shape), settings, segments, macs, choice, False, stream.truncated)

    def actions_of(self, stream: Any) -> tuple[int, ...]:
        return SEQUENCES[self.settings(stream.header).levels]

    def process_spec(self) -> ProcessSpec:
        layout = (
            *advice_layout(2, KINDS),
            ("level", LEVELS + 1, "one-hot: levels sent"),
            ("contrast", 1, "standard deviation of the pixels, / 64"),
        )
        ranges = {"mse": (2.5, 5.0), "mae": (1.0, 3.0)}
        return ProcessSpec(self.name, DIGEST, layout, {"any": ["stop", "send"]}, ranges, KINDS)

    def read_predictor(self, text: str) -> "ToyPredictor":
        return ToyPredictor(np.array(json.loads(text)["weights"], np.float64).reshape(2, LEVELS + 1, len(KINDS)))

    def live_process(self, pixels: np.ndarray, predictor: Any) -> "ToyProcess":
        trace = join_tables(ToyTrace, DIGEST, [pixels], [measure_toy(pixels)])
        return ToyProcess(self.process_spec(), trace, predictor)

    def compared_settings(self, variant: str) -> ComparedSettings:
        if variant:
            raise MisfitError(f"preset toy has no variant {variant}")
        return ComparedSettings({f"{n} levels": {"levels": n} for n in range(1, LEVELS + 1)}, "mse", (3.0, 4.0, 4.7))


@dataclass(frozen=True)
class ToyPredictor:
    """Predicts D after each level from an image's contrast: float64 (2, levels, kinds), constant and slope."""

    weights: np.ndarray

    def to_json(self) -> str:
        return json.dumps({name: value.tolist() for name, value in asdict(self).items()})

    def __call__(self, contrast: np.ndarray) -> np.ndarray:
        """D, float64 (n, levels, kinds)."""
        return self.weights[0] + contrast[:, None, None] * self.weights[1]


@dataclass(frozen=True)
class ToyTrace(PictureTrace):
    """Tables of n images: contrast (n,), and after each level D by kind (n, levels, kinds), and MS-SSIM (n, levels)."""

    contrast: np.ndarray
    distortion: np.ndarray
    ms_ssim: np.ndarray


def measure_mae(original: np.ndarray, shown: np.ndarray) -> float:
    """Mean absolute error on the scale 0 to 255."""
    return float(np.abs(shown.astype(np.int64) - original).mean())


def measure_toy(pixels: np.ndarray) -> Tables:
    """The tables of an image."""
    shown = [render(code(pixels, levels), pixels.shape) for levels in range(LEVELS + 1)]
    return {
        "contrast": pixels.std(),
        "distortion": np.array([[DISTORTIONS["mse"](pixels, p), measure_mae(pixels, p)] for p in shown]),
        "ms_ssim": np.array([ms_ssim(pixels, picture) for picture in shown]),
    }


@dataclass
class ToyState(EpisodeState):
    """State of B episodes: `level`, int64 (B,), counts the levels that were sent."""

    level: np.ndarray


class ToyProcess(DecisionProcess[ToyState]):
    """Send another level, or stop."""

    state_type = ToyState

    def __init__(self, spec: ProcessSpec, trace: ToyTrace, predictors: Any):
        self.spec, self.trace, self.predicted = spec, trace, np.empty_like(trace.distortion)
        for predictor, images in in_turns(predictors, len(trace)):
            self.predicted[images] = predictor(trace.contrast[images])

    @property
    def image_count(self) -> int:
        return len(self.trace)

    def legal(self, state: ToyState) -> np.ndarray:
        return np.ones((len(state.level), 2), bool)

    def apply(self, state: ToyState, action: np.ndarray) -> None:
        state.level += ~state.done & (action == SEND)
        state.done |= (action == STOP) | (state.level == LEVELS)

    def totals(self, state: ToyState) -> Totals:
        at, kind, areas = (state.image, state.level), state.objectives.kind, self.trace.areas[state.image]
        bits, (mse, _) = 8.0 * np.array(STARTS)[state.level], self.trace.distortion[at].T
        kmac, distortion = state.level / 1000, self.trace.distortion[*at, kind]
        return Totals(bits, bits / areas, kmac, distortion, mse, self.trace.ms_ssim[at])

    def observe(self, state: ToyState, rows: Any = slice(None)) -> np.ndarray:
        seen = state.take(rows)
        current, objectives, level = self.values(seen), seen.objectives, np.arange(LEVELS + 1)
        rate = 8 * np.array(STARTS) / self.trace.areas[seen.image][:, None]
        later = self.predicted[seen.image][np.arange(len(current)), :, objectives.kind]
        later = later + objectives.lambda_rate[:, None] * rate + objectives.lambda_compute[:, None] * level / 1000
        ahead = np.where(level > seen.level[:, None], later, np.inf).min(1)
        legal, spec = self.legal(seen), self.spec
        advice = advice_of(np.stack([current, ahead], 1), legal, current, objectives, spec.rate_range, spec.kinds)
        return joined([advice, np.eye(LEVELS + 1)[seen.level], self.trace.contrast[seen.image][:, None] / 64])


class ToyTask(PictureTask):
    """Decisions of the preset, to learn."""

    grid_rate = {"mse": (3.0, 4.0, 4.7), "mae": (1.5, 2.2, 2.8)}  # noqa: RUF012

    def samples(self) -> list[np.ndarray]:
        return list(sample_images(24))

    def read_images(self, data: Path, split: str, limit: int | None, crop: int | None) -> list[np.ndarray]:
        return [np.rint(p.mean(2)).astype(np.uint8) for p in super().read_images(data, split, limit, crop)]

    def measure(self, images: Any, options: MeasureOptions = MeasureOptions()) -> ToyTrace:
        return measure_pictures(ToyTrace, DIGEST, measure_toy, images, options)

    def load(self, path: Path) -> ToyTrace:
        return load_tables(path, ToyTrace, DIGEST)

    def fit(self, trace: ToyTrace) -> ToyPredictor:
        inputs = np.stack([np.ones(len(trace)), trace.contrast], 1)
        weights = np.linalg.lstsq(inputs, trace.distortion.reshape(len(trace), -1), rcond=None)[0]
        return ToyPredictor(weights.reshape(2, LEVELS + 1, len(KINDS)))

    def process(self, trace: ToyTrace, predictors: Any) -> ToyProcess:
        return ToyProcess(self.spec, trace, predictors)

    def statistics(self, trace: ToyTrace) -> np.ndarray:
        return trace.contrast[:, None]


@contextmanager
def toy_registered() -> Iterator[ToyPreset]:
    """Adds the preset, its task and its kind of distortion."""
    preset = ToyPreset()
    register_distortion("mae", measure_mae)
    register_task(preset.name, ToyTask)
    register_preset(preset)
    try:
        yield preset
    finally:
        unregister_preset(preset.name)
        unregister_task(preset.name)
        unregister_distortion("mae")
