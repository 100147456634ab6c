"""Decisions about images that are measured as decisions are made: for the encoder under a policy, and for environments."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from rlcodec.control.actor import decide
from rlcodec.control.objective import KINDS, LOSS, MEASURE_OF, MEASURES, MSE, Objective
from rlcodec.control.onnx_policy import OnnxPolicy, check_objective
from rlcodec.core.range_coder import COSTS
from rlcodec.core.segment_choice import STOP, TABLE
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.decisions import BUDGET_PHASE, CHANGE_COSTS, choice_of, process_spec
from rlcodec.presets.mnist.encoder import finish_encoder, start_encoder
from rlcodec.presets.mnist.measurements import MEASURED_TIERS, ImageMeasurer, MnistMeasurements, table_shapes
from rlcodec.presets.mnist.predictor import MnistPredictor
from rlcodec.presets.mnist.process import MnistProcess, MnistState, tier_cost
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice
from rlcodec.presets.mnist.session import Session
from rlcodec.presets.mnist.weights import MnistWeights

DTYPES = {"latent_loss": np.float32, "stop_loss": np.float32, "row_busy": np.int16, "statistics": np.float64}


class LiveMeasurer:
    """Fills in the measurements of one image, so that any number of episodes can be about it.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        measures: of `rlcodec.control.objective` in which errors are measured.

    Attributes:
        measurements: of the image; 0 where nothing was measured.
    """

    def __init__(self, weights: MnistWeights, pixels: np.ndarray, measures: Sequence[int] = MEASURES):
        self._image, self._measures = ImageMeasurer(weights, pixels), measures
        shapes = table_shapes(weights.slices, len(pixels)).items()
        tables = {name: np.zeros((1, *shape), DTYPES.get(name, np.int64)) for name, shape in shapes}
        self.measurements = MnistMeasurements(weights.digest, **tables)
        self._budgets: set[int] = set()
        self._slices: set[int] = set()
        self._measure_first()

    def _measure_first(self) -> None:
        """Measures what every encoder knows before it decides."""
        tables = self.measurements
        tables.statistics[0] = self._image.statistics()
        for tier in MEASURED_TIERS:
            tables.latent_cost[0, tier], tables.latent_macs[0, tier] = self._image.latent_costs(tier)
            self._measure_rows(0, tier)
        self.measure_slices(np.zeros(1, np.int64))

    def _measure_rows(self, budget: int, tier: int) -> None:
        costs = self._image.row_costs(BUDGET_SLICES[budget], tier)
        self.measurements.pixel_cost[0, budget, tier], self.measurements.pixel_macs[0, budget, tier] = costs

    def measure_slices(self, slices: np.ndarray) -> None:
        """Measures the picture after some latent slices, int64."""
        for count in set(slices.tolist()) - self._slices:
            self._slices.add(count)
            if MSE in self._measures:
                self.measurements.latent_sse[0, count] = self._image.slice_sse(count)
            if LOSS in self._measures:
                self.measurements.latent_loss[0, count] = self._image.slice_loss(count)

    def measure_action(self, state: MnistState, action: np.ndarray) -> None:
        """Measures what actions, int64 (B,), lead to, before they are taken."""
        for e in np.flatnonzero(~state.done).tolist():
            if state.phase[e] == BUDGET_PHASE:
                self._measure_budget(int(action[e]))
            else:
                self._measure_segment(state, e, choice_of(int(action[e])))

    def _measure_budget(self, budget: int) -> None:
        """Measures what the choice of a bit budget leads to, and what the encoder then knows."""
        if budget in self._budgets:
            return
        self._budgets.add(budget)
        slices, tables = BUDGET_SLICES[budget], self.measurements
        self._measure_rows(budget, TABLE)
        tables.row_busy[0, budget] = self._image.nontrivial_pixels(slices)
        if MSE in self._measures:
            tables.stop_sse[0, budget] = self._image.stop_sse(slices)
        if LOSS in self._measures:
            tables.stop_loss[0, budget] = self._image.stop_losses(slices)

    def _measure_segment(self, state: MnistState, e: int, choice: int) -> None:
        """Measures the next segment of an episode under a choice, STOP or a tier."""
        if choice == STOP:
            return
        if state.position[e] < state.slices[e]:
            self.measure_slices(state.position[e : e + 1] + 1)
        else:
            self._measure_rows(int(state.budget[e]), choice)


class EncodingMeasurer(LiveMeasurer):
    """Fills in measurements by encoding the image, for exactly one episode.

    Args:
        weights: of the preset.
        pixels: uint8 (height, width).
        measure: of `rlcodec.control.objective`, that of the episode's kind of distortion.

    Attributes:
        session: the encoder; None before the bit budget is chosen.
    """

    def __init__(self, weights: MnistWeights, pixels: np.ndarray, measure: int):
        super().__init__(weights, pixels, (measure,))
        self.session: Session | None = None

    def _measure_budget(self, budget: int) -> None:
        super()._measure_budget(budget)
        image, slices = self._image, BUDGET_SLICES[budget]
        bit_budget = slices * bits_per_slice(*image.pixels.shape)
        self.session = start_encoder(image.weights, image.pixels, bit_budget, image.latent)
        self.session.use_reconstruction(image.reconstruction(slices))

    def _measure_segment(self, state: MnistState, e: int, choice: int) -> None:
        assert self.session is not None
        coded = self.session.code(choice)
        position, slices, budget = int(state.position[e]), int(state.slices[e]), int(state.budget[e])
        if choice != STOP and position >= slices:  # latent slices were measured before
            named = tier_cost(COSTS, CHANGE_COSTS, position, slices, int(state.tier[e]), choice)
            self.measurements.pixel_cost[0, budget, choice, position - slices] = coded.cost - named
            self.measurements.pixel_macs[0, budget, choice, position - slices] = coded.macs


def live_process(weights: MnistWeights, pixels: np.ndarray, predictor: MnistPredictor) -> MnistProcess:
    """The decision process on one image, uint8 (height, width), that is measured as decisions are made."""
    measurer = LiveMeasurer(weights, pixels)
    return MnistProcess(weights, measurer.measurements, predictor, pixels.shape, measurer)


def encode_under_policy(policy: OnnxPolicy, weights: MnistWeights, pixels: np.ndarray, objective: Objective) -> Encoded:
    """Encodes an image as a policy decides.

    Args:
        policy: of the preset.
        weights: those that it was trained for.
        pixels: uint8 (height, width).
        objective: what to minimise.

    Raises:
        OptionError: policies are not trained for the objective.
    """
    check_objective(objective, process_spec(weights))
    measurer = EncodingMeasurer(weights, pixels, int(MEASURE_OF[KINDS.index(objective.kind)]))
    predictor = cast(MnistPredictor, policy.predictor)
    process = MnistProcess(weights, measurer.measurements, predictor, pixels.shape, measurer)
    decide(process, policy, objective)
    assert measurer.session is not None
    return finish_encoder(measurer.session)
