"""The decision process of preset `mnist`: what each action leads to, for encoder, environments, replay and oracle alike."""

import functools
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, cast

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, EpisodeState, Rows, Totals, in_turns
from rlcodec.control.objective import LOSS, MEASURE_OF, MSE, Objectives, distortion_in
from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import CONTEXT, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.errors import DataError
from rlcodec.presets.mnist.cost_to_go import (
    PROBES,
    Sizes,
    Tables,
    choose_probes,
    fill_cost_to_go,
    predict_errors,
    row_error,
    slice_error,
)
from rlcodec.presets.mnist.decisions import (
    ACTIONS,
    BUDGET_PHASE,
    BUDGETS,
    CHANGE_BITS,
    CHANGE_COSTS,
    FIRST_ROW,
    FIRST_TIER_ACTION,
    LATENT_PHASE,
    OBSERVATION_SIZE,
    PIXEL_PHASE,
    STOP_ACTION,
    process_spec,
)
from rlcodec.presets.mnist.measurements import MnistMeasurements
from rlcodec.presets.mnist.observation import RANGES, write_observations
from rlcodec.presets.mnist.predictor import ROW_FEATURES, MnistPredictor, image_features
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice, synthesis_macs
from rlcodec.presets.mnist.weights import MnistWeights

TIER_COUNT = len(TIERS)


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
        segment_bits: float64 (B, tiers, s + h), code length of each column under each tier as the encoder knows it; this and
            the following arrays are valid once the bit budget is chosen.
        segment_kmac: float64 (B, tiers, s + h), compute of decoding it.
        stop_value: float64 (B, s + h + 1), distortion and the cost of the mark if the episode stops before each column.
        stop_db: float64 (B, s + h + 1), quality in the same cases, in decibels of the episode's kind.
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
    stop_db: np.ndarray
    go_value: np.ndarray

    @functools.cached_property
    def arrays(self) -> Any:
        """All arrays as a `StateArrays`; they are changed in place, never replaced."""
        image, objectives, *others = vars(self).values()
        return StateArrays(image, *objectives, *others)


StateArrays: Any = cast(
    Any, namedtuple("StateArrays", ["image", *Objectives._fields, *(f.name for f in fields(MnistState)[2:])])
)
"""The arrays of a `MnistState`, as kernels take them."""


class Measurer(Protocol):
    """Fills in measurements before they are needed, for images that were not measured beforehand."""

    def measure_slices(self, slices: np.ndarray) -> None:
        """Measures the picture after some latent slices, int64."""
        ...

    def measure_action(self, state: MnistState, action: np.ndarray) -> None:
        """Measures what actions, int64 (B,), lead to, before they are taken."""
        ...


@kernel
def _use_measured(sizes, tables, which, state, probes):
    """Replaces predicted errors by measured ones: after no slices, after half of them, and at the probes, int64 (n, p)."""
    for n in range(len(which)):
        e = which[n]
        measure, image = MEASURE_OF[state.kind[e]], state.image[e]
        for p in range(probes.shape[1]):
            state.slice_error[e, probes[n, p]] = slice_error(sizes, tables, measure, image, probes[n, p])


@kernel
def stop_cost(costs, position, slices):
    """Cost of the mark that stops a stream, in 1/COST_UNIT bit."""
    return costs[STOP_BEFORE_PIXELS_PROBABILITY if position == slices and slices > 0 else STOP_PROBABILITY]


@kernel
def tier_cost(costs, change_costs, position, slices, before, tier):
    """Cost of going on with a tier after another, in 1/COST_UNIT bit."""
    stop = STOP_BEFORE_PIXELS_PROBABILITY if position == slices and slices > 0 else STOP_PROBABILITY
    segment = np.sign(position - slices) + FIRST_ROW  # as `segment_class`
    return costs[PROBABILITY_ONE - stop] + np.int64(change_costs[segment, before, tier])


@kernel
def _apply(sizes, tables, state, action, costs, change_costs, change_bits, features):
    """Takes one legal action in every episode that goes on."""
    for e in range(len(action)):
        if state.done[e]:
            continue
        if state.phase[e] == BUDGET_PHASE:
            state.budget[e] = action[e]
            state.slices[e] = sizes.budget_slices[action[e]]
            if state.slices[e] > 0:
                state.macs[e] += sizes.synthesis_macs
            fill_cost_to_go(sizes, tables, state, e, change_bits, features)
        elif action[e] == STOP_ACTION:
            state.cost[e] += stop_cost(costs, state.position[e], state.slices[e])
            state.done[e] = True
        else:
            _code_segment(sizes, tables, state, e, action[e] - FIRST_TIER_ACTION, costs, change_costs)
        state.phase[e] = LATENT_PHASE if state.position[e] < state.slices[e] else PIXEL_PHASE


@kernel
def _code_segment(sizes, tables, state, e, tier, costs, change_costs):
    """Codes the next segment of an episode."""
    image, budget, slices, position = state.image[e], state.budget[e], state.slices[e], state.position[e]
    row = position - slices
    state.cost[e] += tier_cost(costs, change_costs, position, slices, state.tier[e], tier)
    if row < 0:
        state.cost[e] += tables.latent_cost[image, tier, position]
        state.macs[e] += tables.latent_macs[image, tier, position]
    else:
        state.cost[e] += tables.pixel_cost[image, budget, tier, row]
        state.macs[e] += tables.pixel_macs[image, budget, tier, row]
    state.tier[e] = tier
    state.position[e] = position + 1
    state.done[e] = row + 1 >= sizes.height


@kernel
def _errors(sizes, tables, state, measures, out):
    """Writes the error of the picture if each episode stopped now.

    Args:
        measures: int64 (m,), measures of `rlcodec.control.objective`; that of the episode's kind where negative.
        out: float64 (m, B), written.
    """
    for m in range(len(measures)):
        for e in range(out.shape[1]):
            measure = measures[m] if measures[m] >= 0 else MEASURE_OF[state.kind[e]]
            image, position, slices = state.image[e], state.position[e], state.slices[e]
            if position < slices or state.phase[e] == BUDGET_PHASE:
                out[m, e] = slice_error(sizes, tables, measure, image, position)
            else:
                out[m, e] = row_error(sizes, tables, measure, image, state.budget[e], position - slices)


@kernel
def _parts(sizes, state, out):
    """Turns errors in `out[0]`, float64 (3, B), into D, and writes R and C behind it."""
    pixels = sizes.height * sizes.width
    for e in range(out.shape[1]):
        out[0, e] = distortion_in(state.kind[e], out[0, e])
        out[1, e] = state.cost[e] / COST_UNIT / pixels
        out[2, e] = state.macs[e] / MACS_PER_KMAC / pixels


@kernel
def _legal(state, change_costs, out):
    """Writes legal actions, bool (B, actions)."""
    for e in range(out.shape[0]):
        if state.phase[e] == BUDGET_PHASE:
            for a in range(ACTIONS):
                out[e, a] = a < BUDGETS
            continue
        segment = np.sign(state.position[e] - state.slices[e]) + FIRST_ROW  # as `segment_class`
        for a in range(ACTIONS):
            out[e, a] = a == STOP_ACTION
        for tier in range(TIER_COUNT):
            out[e, FIRST_TIER_ACTION + tier] = change_costs[segment, state.tier[e], tier] < np.inf


def sizes_of(weights: MnistWeights, height: int, width: int) -> Sizes:
    """The sizes of a process on images in pixels."""
    per_slice, macs = bits_per_slice(height, width), synthesis_macs(weights, height, width)
    return Sizes(height, width, weights.slices, per_slice, macs, BUDGET_SLICES)


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
        if not len(measurements):
            raise DataError("the trace has no images")
        self.spec, self.measurements, self.sizes = process_spec(weights.digest), measurements, sizes_of(weights, *size)
        self._measurer = measurer
        several = in_turns(predictors, len(measurements))
        features = image_features(measurements, self.sizes.pixels)
        predicted = np.empty((len(measurements), several[0][0].image.shape[1]))
        for predictor, images in several:
            predicted[images] = predictor.predict(features[images])
        tables = (getattr(measurements, name) for name in Tables._fields[:-2])
        rows = np.stack([predictor.row for predictor, _ in several])
        self._tables = Tables(*tables, predicted, rows)

    @property
    def image_count(self) -> int:
        return len(self.measurements)

    def empty(self, batch: int) -> MnistState:
        columns = self.sizes.slices + self.sizes.height
        state = MnistState.empty(batch)
        state.slice_error = np.zeros((batch, self.sizes.slices + 1))
        state.segment_bits, state.segment_kmac = np.zeros((2, batch, TIER_COUNT, columns))
        state.stop_value, state.stop_db = np.zeros((2, batch, columns + 1))
        state.go_value = np.zeros((batch, columns + 1, TIER_COUNT))
        return state

    def start(self, state: MnistState, rows: np.ndarray, image: np.ndarray, objectives: Objectives) -> None:
        super().start(state, rows, image, objectives)
        state.tier[rows] = CONTEXT
        measured = np.zeros((len(rows), PROBES + 2), np.int64)
        predict_errors(self.sizes, self._tables, rows, state.arrays)
        choose_probes(self.sizes, self._tables, rows, state.arrays, np.empty(ACTIONS), measured[:, :PROBES])
        measured[:, PROBES] = self.sizes.slices // 2
        if self._measurer:
            self._measurer.measure_slices(measured.ravel())
        _use_measured(self.sizes, self._tables, rows, state.arrays, measured)

    def legal(self, state: MnistState) -> np.ndarray:
        out = np.empty((len(state.image), ACTIONS), bool)
        _legal(state.arrays, CHANGE_COSTS, out)
        return out

    def apply(self, state: MnistState, action: np.ndarray) -> None:
        if self._measurer:
            self._measurer.measure_action(state, action)
        features = np.empty(ROW_FEATURES)
        _apply(self.sizes, self._tables, state.arrays, action, COSTS, CHANGE_COSTS, CHANGE_BITS, features)

    def observe(self, state: MnistState, rows: Rows = slice(None)) -> np.ndarray:
        which = np.arange(len(state.image))[rows]
        out = np.empty((len(which), OBSERVATION_SIZE), np.float32)
        named, costs, legal = np.empty(TIER_COUNT), np.empty(ACTIONS), np.empty(ACTIONS, bool)
        write_observations(
            self.sizes, self._tables, state.arrays, which, RANGES, CHANGE_BITS, named, costs, legal, out
        )  # fmt: skip
        return out

    def parts(self, state: MnistState) -> np.ndarray:
        out = np.empty((3, len(state.image)))
        _errors(self.sizes, self._tables, state.arrays, OWN_MEASURE, out[:1])
        _parts(self.sizes, state.arrays, out)
        return out

    def totals(self, state: MnistState) -> Totals:
        distortion, rate, kmac = self.parts(state)
        errors = np.empty((len(BOTH_MEASURES), len(state.image)))
        _errors(self.sizes, self._tables, state.arrays, BOTH_MEASURES, errors)
        return Totals(state.cost / COST_UNIT, rate, kmac, distortion, errors[0], 1 - errors[1])


OWN_MEASURE, BOTH_MEASURES = np.array([-1]), np.array([MSE, LOSS])
"""Which measures of error `_errors` writes."""
