"""The decision process of preset `compact`: a bit budget, then a tier or a stop for each group of channels.

The first action is the index of a bit budget. Each later action stops or sends the next group of channels in a tier. J at every
end of an episode (`rlcodec.presets.compact.choices`) comes from tables: rates and compute are known exactly before the first
decision; distortion is measured at a few numbers of channels, and predicted at the others until the budget is chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, EpisodeState, ProcessSpec, Rows, Totals, in_turns
from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.observation import advice_layout, advice_of, joined
from rlcodec.control.outcomes import Outcomes
from rlcodec.control.regressor import distortions
from rlcodec.core.container import Stream
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, STOP, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.errors import MisfitError
from rlcodec.presets.base import Encoded
from rlcodec.presets.compact.choices import (
    BUDGETS,
    COUNT_AT,
    DEPTH,
    DESCENDANTS,
    GROUPS,
    NODES,
    PATHS,
    TIER,
    UNIFORM_NODES,
    child,
    choices_at,
    payload_bytes_at_nodes,
    sums_at_nodes,
)
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.latent_coder import decode_latent
from rlcodec.presets.compact.measurements import PROBES, CompactMeasurements
from rlcodec.presets.compact.predictor import CompactPredictor, features_of
from rlcodec.presets.compact.settings import CompactSettings
from rlcodec.presets.compact.weights import CompactWeights

STOP_ACTION = 0
FIRST_TIER_ACTION = 1
ACTIONS = max(len(BUDGETS), FIRST_TIER_ACTION + LATENT_TIERS)
BUDGET_PHASE, GROUP_PHASE = range(2)
ACTION_NAMES = {
    "first": [f"keep {channels} channels" for channels in BUDGETS],
    "later": ["stop", *(f"{tier} for the next of {GROUPS} groups" for tier in TIERS[:LATENT_TIERS])],
}
"""What the actions mean, as policy files have it."""

RATE_RANGE = {"mse": (3.0, 5.4), "psnr": (1.0, 2.6), "ms-ssim": (1.0, 2.1)}
"""log10 of the smallest and the largest lambda_rate that policies are trained for, by kind of distortion."""
OBJECTIVES = {
    "small": Objective("psnr", 150.0, 0.1),
    "balanced": Objective("psnr", 50.0, 0.05),
    "fast": Objective("psnr", 50.0, 1.0),
}
"""The named objectives."""

LAYOUT = (
    *advice_layout(ACTIONS),
    ("phase", 2, "one-hot: bit budget, groups"),
    ("setting", 1, "index of the chosen budget, divided by their number; 0 before"),
    ("groups", 1, "groups sent, divided by their number"),
    ("tier", 1, "1 if the last group was of tier context, or there was none"),
    ("rate", 1, "bits per pixel if stopped now, * 10"),
    ("compute", 1, "decoder kMAC per pixel if stopped now, / 10"),
    ("quality", 2, "PSNR and MS-SSIM in dB if stopped now, / 50 and / 30"),
    ("rates", LATENT_TIERS * len(BUDGETS), "bits per pixel of each budget in tier table, then in tier context, log2, / 10"),
    ("qualities", 2 * len(BUDGETS), "predicted PSNR of each budget, then MS-SSIM in dB, / 50 and / 30"),
)
COUNT_AT_END = COUNT_AT[:, DEPTH]
"""Index in COUNTS of the channels sent at every end, int64 (budgets, NODES)."""
DECIBEL_UNITS = ((KINDS.index("psnr"), 50), (KINDS.index("ms-ssim"), 30))
"""Kinds of distortion whose decibels are observed, and what they are divided by."""


@dataclass
class CompactState(EpisodeState):
    """State of B episodes.

    Attributes:
        phase: int64 (B,), BUDGET_PHASE or GROUP_PHASE.
        budget: int64 (B,), index of the chosen budget; 0 before.
        node: int64 (B,), see `rlcodec.presets.compact.choices`.
    """

    phase: np.ndarray
    budget: np.ndarray
    node: np.ndarray


def advance(state: CompactState, action: np.ndarray) -> None:
    """Takes one legal action, int64 (B,), in every episode; this is what actions mean."""
    choosing = ~state.done & (state.phase == BUDGET_PHASE)
    between = ~state.done & (state.phase == GROUP_PHASE)
    sending = between & (action != STOP_ACTION)
    state.budget[choosing], state.phase[choosing] = action[choosing], GROUP_PHASE
    state.node[sending] = child(state.node, action - FIRST_TIER_ACTION)[sending]
    state.done |= between & (~sending | (DEPTH[state.node] == GROUPS))


def end_of(actions: tuple[int, ...]) -> tuple[int, int]:
    """The end that legal actions of an episode lead to, at least one of them: a budget's index and a node."""
    state = CompactState.empty(1)
    state.done[0] = False
    for action in actions:
        advance(state, np.array([action]))
    return int(state.budget[0]), int(state.node[0])


def actions_to(budget: int, node: int) -> tuple[int, ...]:
    """The actions of the episode that ends with a budget at a node, the inverse of `end_of`."""
    tiers = (PATHS[node, : DEPTH[node]] + FIRST_TIER_ACTION).tolist()
    return budget, *tiers, *([STOP_ACTION] if len(tiers) < GROUPS else [])


def encode_actions(source: AnalysedPicture, actions: tuple[int, ...]) -> Encoded:
    """Encodes a picture as legal actions of an episode say; without any, nothing is sent.

    Args:
        source: the picture.
        actions: from the first; if they end before the episode does, it stops there.
    """
    if not actions:
        return source.encode(0, np.empty(0, np.int64))
    budget, node = end_of(actions)
    return source.encode(BUDGETS[budget] * source.latent[0].size, choices_at(budget, node))


def actions_of(weights: CompactWeights, stream: Stream) -> tuple[int, ...]:
    """The actions that a stream stands for, the inverse of `encode_actions`.

    Args:
        weights: of the preset.
        stream: of the preset.

    Raises:
        MisfitError: no episode leads to this stream.
        DamagedStreamError: a value is impossible.
        UnknownModelError: the stream was coded with other weights.
    """
    latent, segments = decode_latent(weights, stream)
    channels, rest = divmod(CompactSettings.from_header(stream.header).bit_budget, latent[0].size)
    if not channels and not rest:
        return ()
    if channels in BUDGETS and not rest and not stream.truncated:
        tiers = [segment.tier for segment in segments] + [STOP] * (channels - len(segments))
        budget = BUDGETS.index(channels)
        for node in range(NODES):
            if np.array_equal(choices_at(budget, node), tiers):
                return actions_to(budget, node)
    raise MisfitError("no episode of preset compact leads to this stream")


class CompactProcess(DecisionProcess[CompactState]):
    """The decisions about some pictures.

    Args:
        spec: of the process.
        measurements: of the pictures, complete or lazy.
        predictors: of the encoder; several take turns with the pictures, see `rlcodec.control.decision_process.in_turns`.

    Attributes:
        measurements: the same.
        measured: every end, (n, budgets, NODES), with measured distortion.
        predicted: the same with the distortion that the encoder assumes before a budget is chosen.
    """

    state_type = CompactState

    def __init__(
        self, spec: ProcessSpec, measurements: CompactMeasurements, predictors: CompactPredictor | Sequence[CompactPredictor]
    ):
        self.spec, self.measurements = spec, measurements
        area, features = measurements.area[:, None, None], features_of(measurements)
        self._payload_bytes = payload_bytes_at_nodes(measurements.cost)
        macs = sums_at_nodes(measurements.macs).sum(0) + measurements.synthesis_macs[:, None, None]
        measured = distortions(measurements.mse, measurements.ms_ssim)
        predicted = np.empty_like(measured)
        for predictor, rows in in_turns(predictors, self.image_count):
            predicted[:, rows] = predictor.distortions(features[rows])
        predicted[..., PROBES] = measured[..., PROBES]
        self.measured = Outcomes(8 * self._payload_bytes / area, macs / MACS_PER_KMAC / area, measured[..., COUNT_AT_END])
        self.predicted = replace(self.measured, distortion=predicted[..., COUNT_AT_END])

    @property
    def image_count(self) -> int:
        return len(self.measurements.area)

    def legal(self, state: CompactState) -> np.ndarray:
        counts = np.array([len(BUDGETS), FIRST_TIER_ACTION + LATENT_TIERS])[state.phase]
        return np.arange(ACTIONS)[None] < counts[:, None]

    def apply(self, state: CompactState, action: np.ndarray) -> None:
        """As `advance`; measures what a chosen budget leads through."""
        choosing = ~state.done & (state.phase == BUDGET_PHASE)
        if choosing.any() and self.measurements.measure(COUNT_AT[action[choosing]]):
            measured = distortions(self.measurements.mse, self.measurements.ms_ssim)
            self.measured = replace(self.measured, distortion=measured[..., COUNT_AT_END])
        advance(state, action)

    def parts(self, state: CompactState) -> np.ndarray:
        end = state.image, state.budget, state.node
        distortion = self.measured.distortion[state.objectives.kind, *end]
        return np.stack([distortion, self._begun(state) * self.measured.rate_bpp[end], self.measured.kmac[end]])

    def totals(self, state: CompactState) -> Totals:
        distortion, rate, kmac = self.parts(state)
        bits = self._begun(state) * 8.0 * self._payload_bytes[state.image, state.budget, state.node]
        at = state.image, COUNT_AT_END[state.budget, state.node]
        return Totals(bits, rate, kmac, distortion, self.measurements.mse[at], self.measurements.ms_ssim[at])

    def observe(self, state: CompactState, rows: Rows = slice(None)) -> np.ndarray:
        state = state.take(rows)
        objectives, image, node = state.objectives, state.image, state.node
        each, begun = np.arange(len(image)), self._begun(state)
        between = begun & (DEPTH[node] < GROUPS)
        ends = self.measured.values(objectives, image, state.budget)
        nothing = self.predicted.take(image, 0, 0)  # a stream without a payload has no rate
        value_of_nothing = nothing.distortion[objectives.kind, each] + objectives.lambda_compute * nothing.kmac
        now = np.where(begun, ends[each, node], value_of_nothing)
        costs = np.full((len(each), ACTIONS), np.inf)
        costs[~begun, : len(BUDGETS)] = self.predicted.values(objectives.take(~begun), image[~begun]).min(2)
        costs[begun, STOP_ACTION] = now[begun]
        for tier in range(LATENT_TIERS):
            later = np.where(DESCENDANTS[child(node[between], tier)], ends[between], np.inf)
            costs[between, FIRST_TIER_ACTION + tier] = later.min(1)
        at_end = self.measured.take(image, state.budget, node)
        fields = [
            advice_of(costs, self.legal(state), now, objectives, RATE_RANGE),
            np.eye(2)[state.phase],
            (state.budget / len(BUDGETS))[:, None],
            (DEPTH[node] / GROUPS)[:, None],
            (TIER[node] == CONTEXT)[:, None],
            (begun * 10 * at_end.rate_bpp)[:, None],
            (at_end.kmac / 10)[:, None],
            *((-at_end.distortion[kind] / unit)[:, None] for kind, unit in DECIBEL_UNITS),
            *(np.log2(self.measured.rate_bpp[image, :, uniform]) / 10 for uniform in UNIFORM_NODES),
            *(-self.predicted.distortion[kind, image, :, -1] / unit for kind, unit in DECIBEL_UNITS),
        ]
        return joined(fields)

    @staticmethod
    def _begun(state: CompactState) -> np.ndarray:
        """Whether a budget is chosen, bool (B,)."""
        return state.phase != BUDGET_PHASE
