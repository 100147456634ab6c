"""The decision process of preset `mnist`: what each action leads to, for encoder, environments, replay and oracle alike."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, EpisodeState, Rows, Totals, in_turns
from rlcodec.control.objective import LOSS, MEASURES, MSE, Objectives
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT, TIER_COUNT
from rlcodec.presets.mnist._cost_to_go import PROBES, predict, use_measured
from rlcodec.presets.mnist._observation import write_observations
from rlcodec.presets.mnist._process import apply, write_errors, write_legal, write_parts
from rlcodec.presets.mnist._tables import Sizes, StateArrays, Tables
from rlcodec.presets.mnist.decisions import ACTIONS, OBSERVATION_SIZE, process_spec
from rlcodec.presets.mnist.measurements import MnistMeasurements
from rlcodec.presets.mnist.predictor import MnistPredictor, image_features
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice, synthesis_macs
from rlcodec.presets.mnist.weights import MnistWeights


@dataclass
class MnistState(EpisodeState):
    """State of B episodes on images of h rows and s latent slices; a column is a slice or, behind all of these, a row of
    pixels.

    Attributes:
        phase: int64 (B,), BUDGET_PHASE, LATENT_PHASE or PIXEL_PHASE.
        budget: int64 (B,), index of the bit budget; 0 before it is chosen.
        slices: int64 (B,), latent slices that it keeps.
        position: int64 (B,), segments coded.
        tier: int64 (B,), of the previous segment, CONTEXT before the first.
        cost: int64 (B,), code length of what was sent, in 1/COST_UNIT bit.
        macs: int64 (B,), multiply-accumulates of decoding it.
        slice_error: float64 (B, s + 1), error after 0 to s latent slices as the encoder knows it, measured or predicted, in the
            measure of the episode's kind of distortion.
        segment_bits: float64 (B, s + h, tiers), code length of each column under each tier as the encoder knows it; this and
            the following arrays are valid once the bit budget is chosen, and where it keeps the column.
        segment_kmac: float64 (B, s + h, tiers), compute of decoding it.
        stop_value: float64 (B, s + h + 1), distortion and the cost of the mark if the episode stops before each column.
        go_value: float64 (B, s + h + 1, tiers), the least J to be added from each column on, by the tier before it.
    """

    phase: np.ndarray
    budget: np.ndarray
    slices: np.ndarray
    position: np.ndarray
    tier: np.ndarray
    cost: np.ndarray
    macs: np.ndarray
    slice_error: np.ndarray
    segment_bits: np.ndarray
    segment_kmac: np.ndarray
    stop_value: np.ndarray
    go_value: np.ndarray

    @functools.cached_property
    def arrays(self) -> StateArrays:
        """All arrays as compiled loops take them; they are changed in place, never replaced."""
        return StateArrays(self)


class Measurer(Protocol):
    """Fills in measurements before they are needed, for images that were not measured beforehand."""

    def measure_slices(self, slices: np.ndarray) -> None:
        """Measures the picture after some latent slices, int64."""

    def measure_action(self, state: MnistState, action: np.ndarray) -> None:
        """Measures what actions, int64 (B,), lead to, before they are taken."""


class MnistProcess(DecisionProcess[MnistState]):
    """The decisions about images of one size.

    Args:
        weights: of the preset.
        measurements: of the images.
        predictors: one, or several that take turns with the images.
        size: height and width of the images, in pixels.
        measurer: fills in measurements that are missing; None if they are complete.

    Raises:
        DataError: there are no images.
    """

    def __init__(
        self,
        weights: MnistWeights,
        measurements: MnistMeasurements,
        predictors: MnistPredictor | Sequence[MnistPredictor],
        size: tuple[int, int],
        measurer: Measurer | None = None,
    ):
        self.spec, self.measurements = process_spec(weights.digest), measurements
        self.sizes = Sizes(*size, weights.slices, bits_per_slice(*size), synthesis_macs(weights, *size), BUDGET_SLICES)
        self._measurer = measurer
        several = in_turns(predictors, len(measurements))
        features = image_features(measurements, self.sizes.pixels)
        predicted = np.empty((len(measurements), several[0][0].image.shape[1]))
        for predictor, images in several:
            predicted[images] = predictor.predict(features[images])
        rows = np.stack([predictor.row for predictor, _ in several])
        self._tables = Tables(self.sizes, measurements, predicted, rows)

    @property
    def image_count(self) -> int:
        return len(self.measurements)

    def empty(self, batch: int) -> MnistState:
        columns = self.sizes.slices + self.sizes.height
        state = MnistState.empty(batch)
        state.slice_error = np.zeros((batch, self.sizes.slices + 1))
        state.segment_bits, state.segment_kmac = np.zeros((2, batch, columns, TIER_COUNT))
        state.stop_value = np.zeros((batch, columns + 1))
        state.go_value = np.zeros((batch, columns + 1, TIER_COUNT))
        return state

    def start(self, state: MnistState, rows: np.ndarray, image: np.ndarray, objectives: Objectives) -> None:
        super().start(state, rows, image, objectives)
        state.tier[rows] = CONTEXT
        measured = np.zeros((len(rows), PROBES + 2), np.int64)
        predict(self.sizes, self._tables, state.arrays, rows, measured)
        measured[:, PROBES] = self.sizes.slices // 2
        if self._measurer:
            self._measurer.measure_slices(measured.ravel())
        use_measured(self.sizes, self._tables, state.arrays, rows, measured)

    def legal(self, state: MnistState) -> np.ndarray:
        out = np.empty((len(state.image), ACTIONS), bool)
        write_legal(self.sizes, state.arrays, out.view(np.uint8))
        return out

    def apply(self, state: MnistState, action: np.ndarray) -> None:
        if self._measurer:
            self._measurer.measure_action(state, action)
        apply(self.sizes, self._tables, state.arrays, action)

    def observe(self, state: MnistState, rows: Rows = slice(None)) -> np.ndarray:
        which = np.arange(len(state.image))[rows]
        out = np.empty((len(which), OBSERVATION_SIZE), np.float32)
        write_observations(self.sizes, self._tables, state.arrays, which, out)
        return out

    def parts(self, state: MnistState) -> np.ndarray:
        out = np.empty((3, len(state.image)))
        write_parts(self.sizes, self._tables, state.arrays, np.arange(len(state.image)), out)
        return out

    def totals(self, state: MnistState) -> Totals:
        distortion, rate, kmac = self.parts(state)
        errors = np.empty((len(MEASURES), len(state.image)))
        write_errors(self.sizes, self._tables, state.arrays, errors)
        return Totals(state.cost / COST_UNIT, rate, kmac, distortion, errors[MSE], 1 - errors[LOSS])
