"""Decisions about images that are measured as decisions are made: for the encoder under a policy, and for environments."""

from typing import cast

import numpy as np

from rlcodec.control.actor import decide
from rlcodec.control.objective import KINDS, MEASURE_OF, Objective
from rlcodec.control.onnx_policy import OnnxPolicy, check_objective
from rlcodec.core.segment_choice import STOP
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist._decisions import BUDGET_PHASE, tier_cost
from rlcodec.presets.mnist.decisions import choice_of, process_spec
from rlcodec.presets.mnist.encoder import finish_encoder, start_encoder
from rlcodec.presets.mnist.measurements import ImageMeasurer
from rlcodec.presets.mnist.predictor import MnistPredictor
from rlcodec.presets.mnist.process import MnistProcess, MnistState
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice
from rlcodec.presets.mnist.session import Session
from rlcodec.presets.mnist.weights import MnistWeights


class LiveMeasurer(ImageMeasurer):
    """Fills in the measurements of one image as any number of episodes about it need them."""

    def measure_action(self, state: MnistState, action: np.ndarray) -> None:
        """Measures what actions, int64 (B,), lead to, before they are taken."""
        for e in (~state.done).nonzero()[0].tolist():
            if state.phase[e] == BUDGET_PHASE:
                self.measure_budget(int(action[e]))
            else:
                self._measure_segment(state, e, choice_of(int(action[e])))

    def _measure_segment(self, state: MnistState, e: int, choice: int) -> None:
        """Measures the next segment of an episode under a choice, STOP or a tier."""
        if choice == STOP:
            return
        if state.position[e] < state.slices[e]:
            self.measure_slices(state.position[e : e + 1] + 1)
        else:
            self.measure_rows(int(state.budget[e]), choice)


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

    def measure_budget(self, budget: int) -> None:
        super().measure_budget(budget)
        bit_budget = BUDGET_SLICES[budget] * bits_per_slice(*self.pixels.shape)
        self.session = start_encoder(self.weights, self.pixels, bit_budget, self.latent)
        self.session.reconstruction = self.reconstruction(BUDGET_SLICES[budget])

    def _measure_segment(self, state: MnistState, e: int, choice: int) -> None:
        assert self.session is not None
        coded = self.session.code(choice)
        position, slices, budget = int(state.position[e]), int(state.slices[e]), int(state.budget[e])
        if choice != STOP and position >= slices:  # latent slices were measured before
            named = tier_cost(position, slices, int(state.tier[e]), choice)
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
    check_objective(objective, process_spec(weights.digest))
    measurer = EncodingMeasurer(weights, pixels, MEASURE_OF[KINDS.index(objective.kind)])
    predictor = cast(MnistPredictor, policy.predictor)
    process = MnistProcess(weights, measurer.measurements, predictor, pixels.shape, measurer)
    decide(process, policy, objective)
    assert measurer.session is not None
    return finish_encoder(measurer.session)
