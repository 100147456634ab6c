"""The batched core: many episodes at once on trace tables, the arithmetic behind every environment.

The reward of a step is what it takes off the objective, `J` of stopping before it minus `J` of stopping after it, in
units of `objective_scale`; so an episode's rewards sum to `(J_nothing - J_final) / scale`.
"""

from typing import NamedTuple

import numpy as np

from rlcodec.control.objective import LOSS, MEASURE_OF, MEASURES, MSE, RATE_RANGE, Objective, distortion_in, distortion_of
from rlcodec.control.observation import Goal, objective_scale, scale_of
from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import CONTEXT, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY, TABLE, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.batch import Outcome, Spent, draw_objectives, objective_arrays
from rlcodec.envs.mnist.fit import known_of
from rlcodec.envs.mnist.trace import Trace
from rlcodec.errors import DataError
from rlcodec.presets.mnist.observation import (
    BUDGET_PHASE,
    CHANGE_COSTS,
    FIRST_ROW,
    FIRST_TIER_ACTION,
    LATENT_PHASE,
    PIXEL_PHASE,
    STOP_ACTION,
    Predictor,
    Standing,
    segment_class,
)
from rlcodec.presets.mnist.planner import Planner
from rlcodec.presets.mnist.policy import geometry_of
from rlcodec.presets.mnist.weights import Model


class State(NamedTuple):
    """Where episodes stand, for kernels; arrays as `Episodes` has them."""

    image: np.ndarray
    kind: np.ndarray
    lambda_rate: np.ndarray
    lambda_compute: np.ndarray
    budget: np.ndarray
    slices: np.ndarray
    position: np.ndarray
    tier: np.ndarray
    phase: np.ndarray
    cost: np.ndarray
    macs: np.ndarray
    error: np.ndarray
    done: np.ndarray


class Tables(NamedTuple):
    """What kernels need of a trace: its tables, errors by measure, and the slices of budgets."""

    latent_cost: np.ndarray
    latent_macs: np.ndarray
    pixel_cost: np.ndarray
    pixel_macs: np.ndarray
    latent_error: np.ndarray
    row_error: np.ndarray
    budget_slices: np.ndarray


@kernel
def _value(e, state, pixels):
    """J if an episode stopped now."""
    rate, kmac = state.cost[e] / COST_UNIT / pixels, state.macs[e] / MACS_PER_KMAC / pixels
    distortion = distortion_in(state.kind[e], state.error[e])
    return distortion + state.lambda_rate[e] * rate + state.lambda_compute[e] * kmac


@kernel
def _step(action, state, tables, pixels, synthesis_macs, measure_of, costs, change_costs, chosen, reward):
    """Takes legal actions; tells rewards, and of which episodes the budget was chosen."""
    for e in range(len(action)):
        if state.done[e]:
            continue
        before = _value(e, state, pixels)
        if state.phase[e] == BUDGET_PHASE:
            chosen[e] = True
            state.budget[e] = action[e]
            state.slices[e] = tables.budget_slices[action[e]]
            if state.slices[e] > 0:
                state.macs[e] += synthesis_macs
        else:
            _advance(e, action[e], state, tables, measure_of, costs, change_costs)
        state.phase[e] = LATENT_PHASE if state.position[e] < state.slices[e] else PIXEL_PHASE
        reward[e] = (before - _value(e, state, pixels)) / scale_of(state.lambda_rate[e], state.lambda_compute[e])


@kernel
def _advance(e, action, state, tables, measure_of, costs, change_costs):
    """Stops, or codes the next segment."""
    image, budget, slices, position = state.image[e], state.budget[e], state.slices[e], state.position[e]
    stop = STOP_BEFORE_PIXELS_PROBABILITY if position == slices and slices > 0 else STOP_PROBABILITY
    if action == STOP_ACTION:
        state.cost[e] += costs[stop]
        state.done[e] = True
        return
    tier, row = action - FIRST_TIER_ACTION, position - slices
    segment = np.sign(row) + FIRST_ROW  # as `segment_class`
    state.cost[e] += costs[PROBABILITY_ONE - stop] + np.int64(change_costs[segment, state.tier[e], tier])
    measure = measure_of[state.kind[e]]
    if row < 0:
        state.cost[e] += tables.latent_cost[image, tier, position]
        state.macs[e] += tables.latent_macs[image, tier, position]
    else:
        state.cost[e] += tables.pixel_cost[image, budget, tier, row]
        state.macs[e] += tables.pixel_macs[image, budget, tier, row]
    state.tier[e] = tier
    state.position[e] = position + 1
    if row + 1 < 0:
        state.error[e] = tables.latent_error[measure, image, position + 1]
    else:
        state.error[e] = tables.row_error[measure, image, budget, row + 1]
    state.done[e] = row + 1 >= tables.pixel_cost.shape[3]


class Episodes:
    """A batch of episodes on a trace.

    Attributes:
        planner: writes the observations.
        image: int64 (B,), which image each episode is about.
        error: float64 (B,), if stopped now, in the measure of the episode's kind.
    """

    def __init__(self, trace: Trace, model: Model, predictor: Predictor, batch: int):
        if not len(trace):
            raise DataError("the trace has no images")
        self.trace, self.model, self.batch = trace, model, batch
        height, width = trace.images.shape[1:]
        self.geometry = geometry_of(model, height, width)
        self.planner = Planner(predictor, self.geometry)
        self.budget_slices = np.array(model.preset.budget_slices)
        self._pixels = height * width
        self._known = known_of(trace)
        self._predicted = self.planner.predict(self._known)
        self._latent_error, self._row_error = (
            np.stack(tables) for tables in zip(*(trace.errors(measure) for measure in MEASURES), strict=True)
        )
        self._tables = Tables(
            trace.latent_cost, trace.latent_macs, trace.pixel_cost, trace.pixel_macs, self._latent_error, self._row_error,
            self.budget_slices,
        )  # fmt: skip
        self._synthesis_macs = round(self.geometry.synthesis_kmac * MACS_PER_KMAC)

        self.image = np.zeros(batch, np.int64)
        self.kind = np.zeros(batch, np.int64)
        self.lambda_rate = np.ones(batch)
        self.lambda_compute = np.zeros(batch)
        self.budget = np.zeros(batch, np.int64)
        self.slices = np.zeros(batch, np.int64)
        self.position = np.zeros(batch, np.int64)
        self.tier = np.full(batch, CONTEXT)
        self.phase = np.zeros(batch, np.int64)
        self.cost = np.zeros(batch, np.int64)
        self.macs = np.zeros(batch, np.int64)
        self.error = np.zeros(batch)
        self.done = np.ones(batch, bool)
        self._slice_errors = np.zeros((batch, model.slices + 1))
        self._outlook = self.planner.no_outlook(batch, model.slices)

    @property
    def action_count(self) -> int:
        """Actions; which of them are legal depends on the phase."""
        return self.planner.actions

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self.planner.size

    def spent(self) -> Spent:
        """Where the episodes stand."""
        _, rate, kmac = self.objective_parts()
        return Spent(self.cost / COST_UNIT, rate, kmac, self.mse, self.ms_ssim)

    def reward_weights(self) -> np.ndarray:
        """What turns what a step takes off D, R and C into its reward, float64 (3, B)."""
        weights = np.stack([np.ones(self.batch), self.lambda_rate, self.lambda_compute])
        return weights / objective_scale(self.lambda_rate, self.lambda_compute)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Random images and objectives, as `reset` takes them."""
        return rng.integers(0, len(self.trace), count), *self.draw_objectives(rng, count)

    def draw_objectives(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Random kinds and weights, log-uniform over the trained ranges: int64, float64, float64, each (count,)."""
        return draw_objectives(rng, count, RATE_RANGE)

    def reset(self, which: np.ndarray, image: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray) -> None:
        """Starts episodes `which` anew on given images and objectives; each argument int64 or float64 (len(which),)."""
        self.image[which], self.kind[which] = image, kind
        self.lambda_rate[which], self.lambda_compute[which] = rate, compute
        self.budget[which] = self.slices[which] = self.position[which] = 0
        self.tier[which], self.phase[which] = CONTEXT, BUDGET_PHASE
        self.cost[which] = self.macs[which] = 0
        self.error[which] = self._latent_error[MEASURE_OF[kind], image, 0]
        self.done[which] = False
        self._slice_errors[which] = self._measured_error(image, Goal(kind, rate, compute))

    def _measured_error(self, image: np.ndarray, goal: Goal) -> np.ndarray:
        """Error by slices as the encoder knows it: measured without latents, at the probes and at half; else predicted."""
        exact = self._latent_error[MEASURE_OF[goal.kind], image]
        error = self.planner.expect_errors(self._predicted, image, goal.kind, self.model.slices)
        probes = self.budget_slices[self.planner.probes(self._known, self._predicted, image, error, goal)]
        measured = np.concatenate([probes, np.tile([0, self.model.slices // 2], (len(image), 1))], 1)
        np.put_along_axis(error, measured, np.take_along_axis(exact, measured, 1), 1)
        return error

    def reset_to(self, objective: Objective, image: np.ndarray) -> None:
        """Starts all episodes under one objective."""
        self.reset(np.arange(len(image)), image, *objective_arrays(objective, len(image)))

    def objective_values(self) -> np.ndarray:
        """J if each episode stopped now, without the mark that says so."""
        distortion, rate, compute = self.objective_parts()
        return distortion + self.lambda_rate * rate + self.lambda_compute * compute

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        distortion = distortion_of(self.kind, self.error)
        return np.stack([distortion, self.cost / COST_UNIT / self._pixels, self.macs / MACS_PER_KMAC / self._pixels])

    def error_in(self, measure: int | np.ndarray) -> np.ndarray:
        """Error if each episode stopped now, in one measure or in one for each, float64 (B,)."""
        in_latents = (self.phase == BUDGET_PHASE) | (self.position < self.slices)
        return np.where(
            in_latents,
            self._latent_error[measure, self.image, np.minimum(self.position, self.model.slices)],
            self._row_error[measure, self.image, self.budget, np.maximum(self.position - self.slices, 0)],
        )

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error if each episode stopped now, float64 (B,)."""
        return self.error_in(MSE)

    @property
    def ms_ssim(self) -> np.ndarray:
        """MS-SSIM if each episode stopped now, float64 (B,)."""
        return 1 - self.error_in(LOSS)

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        masks = np.zeros((self.batch, self.action_count), bool)
        choosing = self.phase == BUDGET_PHASE
        masks[choosing, : len(self.budget_slices)] = True
        masks[~choosing, STOP_ACTION] = True
        legal = np.isfinite(CHANGE_COSTS[segment_class(self.position, self.slices), self.tier])
        masks[:, FIRST_TIER_ACTION : FIRST_TIER_ACTION + len(TIERS)] |= legal & ~choosing[:, None]
        return masks

    def legalise(self, action: np.ndarray) -> np.ndarray:
        """Actions with illegal ones replaced by the nearest legal one: the last tier that can be named."""
        legal = np.isfinite(CHANGE_COSTS[segment_class(self.position, self.slices), self.tier]).sum(1)
        return np.where(self.phase == BUDGET_PHASE, action, np.minimum(action, FIRST_TIER_ACTION + legal - 1))

    def step(self, action: np.ndarray) -> Outcome:
        """One step of every episode; those that are done stay as they are."""
        reward, chosen = np.zeros(self.batch), np.zeros(self.batch, bool)
        state = State(*(getattr(self, name) for name in State._fields))
        action = self.legalise(np.asarray(action, np.int64))
        _step(action, state, self._tables, self._pixels, self._synthesis_macs, MEASURE_OF, COSTS, CHANGE_COSTS, chosen, reward)
        if chosen.any():
            self._look_ahead(np.flatnonzero(chosen))
        return Outcome(reward, self.done.copy())

    def _look_ahead(self, e: np.ndarray) -> None:
        """Computes the outlook of episodes whose budget was just chosen."""
        image, budget = self.image[e], self.budget[e]
        stop_error = self._row_error[MEASURE_OF[self.kind[e]], image, budget]
        error = self._slice_errors[e]
        error[np.arange(len(e)), self.slices[e]] = stop_error[:, 0]
        self._slice_errors[e] = error
        self.planner.fill_outlook(
            self._known,
            image,
            error,
            self._goal().take(e),
            self.slices[e],
            self.trace.pixel_cost[image, budget, TABLE] / COST_UNIT,
            self.trace.row_busy[image, budget].astype(np.float64),
            stop_error,
            e,
            self._outlook,
        )

    def _goal(self) -> Goal:
        return Goal(self.kind, self.lambda_rate, self.lambda_compute)

    def observe(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Observations of all episodes or of some, float32 (B, size)."""
        standing = Standing(
            self.phase, self.slices, self.position, self.tier, self.cost / COST_UNIT, self.macs / MACS_PER_KMAC
        )  # fmt: skip
        return self.planner.observe(
            self._known, self._predicted, self.image, self._slice_errors, self._goal(), standing, self._outlook,
            np.arange(self.batch)[which],
        )  # fmt: skip
