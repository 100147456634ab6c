"""The decision process of photographs: the gain, how many slices are sent, and the synthesis.

`rlcodec.presets.photo.decisions` says what the actions mean and what is observed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, EpisodeState, ProcessSpec, Rows, Totals, in_turns
from rlcodec.control.observation import advice_of, joined
from rlcodec.control.outcomes import Outcomes
from rlcodec.control.regressor import distortions
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.photo.decisions import (
    ACTION_COUNTS,
    ACTIONS,
    ALLOCATED_KINDS,
    ALLOCATION_OF,
    ENDINGS,
    GAIN_CHOICES,
    GAIN_PHASE,
    GO_ACTION,
    KINDS,
    QUALITY_UNITS,
    RATE_RANGE,
    SETTINGS,
    SLICE_PHASE,
    STOP_ACTION,
    STOPS,
    SURPRISE_UNITS,
    SYNTHESIS_PHASE,
)
from rlcodec.presets.photo.measurements import LivePicture, PhotoMeasurements, of_kinds
from rlcodec.presets.photo.predictor import PhotoPredictor, predict_after_coding, predict_before_coding, psnr_of
from rlcodec.presets.photo.transform import PLANES

MS_SSIM_OF_NOTHING = 0.0
"""MS-SSIM of any picture and an even gray is close to this."""
SCORE_OF_NOTHING = -100.0
"""As what SSIMULACRA2 of any picture and an even gray counts."""
MS_SSIM = ALLOCATED_KINDS.index("ms-ssim")
QUALITY_KINDS = np.array([KINDS.index("psnr" if kind == "mse" else kind) for kind in KINDS])
"""Kind of distortion whose negative is shown as quality, by kind of the objective."""


@dataclass
class PhotoEpisodes(EpisodeState):
    """States of B episodes.

    Attributes:
        phase: int64 (B,), GAIN_PHASE, SLICE_PHASE or SYNTHESIS_PHASE.
        setting: int64 (B,), index of the chosen gain in GAIN_CHOICES.
        stop: int64 (B,), index of the stop in STOPS that was reached.
        synthesis: int64 (B,), index of the chosen synthesis in ENDINGS.
    """

    phase: np.ndarray
    setting: np.ndarray
    stop: np.ndarray
    synthesis: np.ndarray


@dataclass(frozen=True)
class Choice:
    """What an episode decided: the gain, how many slices are sent, and the synthesis."""

    gain: int
    slices: int
    synthesis: str

    def with_synthesis(self, synthesis: str | None) -> "Choice":
        """The same with another synthesis, unless that is None."""
        return replace(self, synthesis=synthesis) if synthesis else self


def advance(state: PhotoEpisodes, action: np.ndarray) -> None:
    """Takes one legal action, int64 (B,), in every episode that is not done."""
    going = ~state.done
    choosing, between, last = (going & (state.phase == phase) for phase in (GAIN_PHASE, SLICE_PHASE, SYNTHESIS_PHASE))
    stopping = between & (action == STOP_ACTION)
    state.setting[choosing] = action[choosing]
    state.stop[between & ~stopping] += 1
    state.synthesis[last] = action[last]
    state.done |= last
    state.phase[choosing] = SLICE_PHASE
    state.phase[stopping | ((choosing | between) & (state.stop == len(STOPS) - 1))] = SYNTHESIS_PHASE


def choice_of_actions(actions: Iterable[int]) -> Choice:
    """What an episode decided with these actions, the first of which chooses a gain; the first synthesis if none does."""
    state = PhotoEpisodes.empty(1)
    state.done[:] = False
    for action in actions:
        advance(state, np.array([action]))
    return Choice(GAIN_CHOICES[state.setting[0]], STOPS[state.stop[0]], ENDINGS[state.synthesis[0]])


def actions_of_choice(setting: int, stop: int, synthesis: int) -> tuple[int, ...]:
    """The actions of an episode that chooses a gain, a stop and a synthesis, by their indices."""
    stopping = (STOP_ACTION,) if stop < len(STOPS) - 1 else ()
    return setting, *[GO_ACTION] * stop, *stopping, synthesis


class PhotoProcess(DecisionProcess[PhotoEpisodes]):
    """The decisions about photographs.

    Args:
        spec: of the preset.
        measurements: of many pictures, complete; or one picture that is measured when an observation or a value needs it.
        predictors: the encoder's predictions; or several, which take turns with the pictures.

    Attributes:
        predicted_before: predictions for every picture and gain before coding.
    """

    state_type = PhotoEpisodes

    def __init__(
        self,
        spec: ProcessSpec,
        measurements: PhotoMeasurements | LivePicture,
        predictors: PhotoPredictor | Sequence[PhotoPredictor],
    ):
        self.spec = spec
        self._live = measurements if isinstance(measurements, LivePicture) else None
        self._tables = measurements.measurements if isinstance(measurements, LivePicture) else measurements
        self._turns = in_turns(predictors, self.image_count)
        nothing = self._tables.nothing_mse
        self._nothing = distortions(nothing, np.full_like(nothing, MS_SSIM_OF_NOTHING), np.full_like(nothing, SCORE_OF_NOTHING))
        shape = self._tables.macs.shape
        self.predicted_before, self._measured = (
            Outcomes(np.ones(shape), np.ones(shape), np.ones((len(KINDS), *shape))) for _ in range(2)
        )
        self._after = replace(self._measured, distortion=np.ones((len(KINDS), *shape)))
        """Measured cost, and the quality that the encoder predicts once it has coded."""
        for predictor, images in self._turns:
            predicted = predict_before_coding(predictor, self._tables.features[images])
            self.predicted_before.rate_bpp[images], self.predicted_before.kmac[images] = predicted.rate_bpp, predicted.kmac
            self.predicted_before.distortion[:, images] = predicted.distortion
        if self._live is None:
            self._read_costs(slice(None))
            self._read_quality(slice(None))

    @property
    def image_count(self) -> int:
        return len(self._tables.areas)

    def _place(self, state: PhotoEpisodes) -> tuple[np.ndarray, ...]:
        """Where the tables hold what each episode comes to."""
        return state.image, ALLOCATION_OF[state.objectives.kind], state.setting, state.stop, state.synthesis

    def legal(self, state: PhotoEpisodes) -> np.ndarray:
        return np.arange(ACTIONS)[None] < np.array(ACTION_COUNTS)[state.phase][:, None]

    def apply(self, state: PhotoEpisodes, action: np.ndarray) -> None:
        advance(state, action)

    def totals(self, state: PhotoEpisodes) -> Totals:
        distortion, rate, kmac = self.parts(state)
        begun, at = state.phase != GAIN_PHASE, self._place(state)
        bits = begun * 8.0 * self._tables.payload_bytes[at]
        measured_mse = self._tables.sse[at] / (PLANES * self._tables.areas[state.image].astype(np.float64))
        mse = np.where(begun, measured_mse, self._tables.nothing_mse[state.image])
        measured = begun & (ALLOCATION_OF[state.objectives.kind] == MS_SSIM)
        similarity = np.where(measured, self._tables.scores[at], MS_SSIM_OF_NOTHING)
        return Totals(bits, rate, kmac, distortion, mse, similarity)

    def parts(self, state: PhotoEpisodes) -> np.ndarray:
        self._measure(state, quality=True)
        begun, at = state.phase != GAIN_PHASE, self._place(state)
        kind = state.objectives.kind
        quality = np.where(begun, self._measured.distortion[kind, *at], self._nothing[kind, state.image])
        return np.stack([quality, begun * self._measured.rate_bpp[at], begun * self._measured.kmac[at]])

    def observe(self, state: PhotoEpisodes, rows: Rows = slice(None)) -> np.ndarray:
        self._measure(state)
        objectives, phase = state.objectives.take(rows), state.phase[rows]
        image, setting, stop = state.image[rows], state.setting[rows], state.stop[rows]
        every, allocation, shown = np.arange(len(phase)), ALLOCATION_OF[objectives.kind], QUALITY_KINDS[objectives.kind]
        choosing = phase == GAIN_PHASE
        values = self._after.values(objectives, image, allocation, setting)
        costs = self._costs_to_go(phase, stop, values)
        expected = self.predicted_before.values(objectives.take(choosing), image[choosing], allocation[choosing])
        costs[choosing, :SETTINGS] = expected.min((2, 3))
        value_now = np.where(choosing, self._nothing[objectives.kind, image], values[every, stop, 0])
        chosen = (~choosing).astype(np.float64)
        rate, kmac = (table[image, allocation, setting, :, 0] for table in (self._after.rate_bpp, self._after.kmac))
        plain_mse = self._tables.sse[image, allocation, setting, stop, 0] / (PLANES * self._tables.areas[image])
        quality = -self._after.distortion[shown, image, allocation, setting, :, 0]
        rates = self.predicted_before.rate_bpp[image, allocation, :, -1, 0]
        qualities = -self.predicted_before.distortion[shown, image, allocation, :, -1, 0]
        surprise = [
            np.log2(rate[:, -1] / rates[every, setting]),
            (quality[:, -1] - qualities[every, setting]) / SURPRISE_UNITS[allocation],
        ]
        parts = [
            advice_of(costs, self.legal(state)[rows], value_now, objectives, RATE_RANGE, KINDS),
            np.eye(3)[phase],
            (chosen * setting / SETTINGS)[:, None],
            (chosen * stop / len(STOPS))[:, None],
            (chosen * np.log2(1 + rate[every, stop]))[:, None],
            (chosen * kmac[every, stop] / 10)[:, None],
            (chosen * psnr_of(plain_mse) / 50)[:, None],
            (chosen * quality[every, stop] / QUALITY_UNITS[allocation])[:, None],
            *((chosen * value)[:, None] for value in surprise),
            np.log2(rates) / 5,
            qualities / QUALITY_UNITS[allocation][:, None],
        ]
        return joined(parts)

    def _costs_to_go(self, phase: np.ndarray, stop: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Predicted J that each action leads to after a gain was chosen, float64 (B, actions), infinite if it is not legal.

        Args:
            phase: int64 (B,).
            stop: int64 (B,).
            values: float64 (B, stops, syntheses), predicted J.
        """
        every = np.arange(len(phase))
        costs = np.full((len(phase), ACTIONS), np.inf)
        by_stop = values.min(2)
        beyond = np.where(np.arange(len(STOPS))[None] > stop[:, None], by_stop, np.inf).min(1)
        between, last = phase == SLICE_PHASE, phase == SYNTHESIS_PHASE
        costs[between, STOP_ACTION] = by_stop[every, stop][between]
        costs[between, GO_ACTION] = beyond[between]
        costs[last, : len(ENDINGS)] = values[every, stop][last]
        return costs

    def _measure(self, state: PhotoEpisodes, quality: bool = False) -> None:
        """Measures the chosen gains of a live picture, if that was not done before."""
        if self._live is None:
            return
        begun = state.phase != GAIN_PHASE
        places = np.stack([ALLOCATION_OF[state.objectives.kind], state.setting], 1)[begun]
        for allocation, setting in np.unique(places, axis=0).tolist():
            if self._live.code(allocation, setting):
                self._read_costs(slice(setting, setting + 1))
            if quality and self._live.score(allocation, setting):
                self._read_quality(slice(setting, setting + 1))

    def _read_costs(self, settings: slice) -> None:
        """Computes R, C and the quality that the encoder predicts after coding, at some gains."""
        tables, areas = self._tables, self._tables.areas[:, None, None, None, None].astype(np.float64)
        self._measured.rate_bpp[:, :, settings] = 8 * tables.payload_bytes[:, :, settings] / areas
        self._measured.kmac[:, :, settings] = tables.macs[:, :, settings] / MACS_PER_KMAC / areas
        plain_mse = tables.sse[:, :, settings, :, 0] / (PLANES * areas[..., 0])
        for predictor, images in self._turns:
            self._after.distortion[:, images, :, settings] = predict_after_coding(
                predictor,
                tables.features[images, settings],
                self._measured.rate_bpp[images, :, settings, :, 0],
                plain_mse[images],
            )

    def _read_quality(self, settings: slice) -> None:
        """Computes D at some gains."""
        tables, areas = self._tables, self._tables.areas[:, None, None, None].astype(np.float64)
        mse = tables.sse[:, 0, settings] / (PLANES * areas)
        scores = (tables.scores[:, ALLOCATED_KINDS.index(kind), settings] for kind in ALLOCATED_KINDS[1:])
        self._measured.distortion[:, :, :, settings] = of_kinds(distortions(mse, *scores))
