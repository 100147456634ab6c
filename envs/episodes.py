"""The batched core: many episodes at once on trace tables, the arithmetic behind every environment.

The reward of a step is what it takes off the objective, `J` of stopping before it minus `J` of stopping after it, in
units of `objective_scale`; so an episode's rewards sum to `(J_nothing - J_final) / scale`.
"""

import numpy as np

from rlcodec.coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.envs.core import Outcome, Spent, draw_objectives, objective_arrays
from rlcodec.envs.prediction import known_of
from rlcodec.envs.trace import Trace
from rlcodec.errors import DataError
from rlcodec.model import Model
from rlcodec.objective import LOSS, MEASURE_OF, MEASURES, MSE, RATE_RANGE, Objective, distortion_of
from rlcodec.observation import (
    BUDGET_PHASE,
    CHANGE_COSTS,
    FIRST_TIER_ACTION,
    LATENT_PHASE,
    PIXEL_PHASE,
    STOP_ACTION,
    Goal,
    Planner,
    Predictor,
    Standing,
    objective_scale,
    segment_class,
)
from rlcodec.policy import geometry_of
from rlcodec.segments import MACS_PER_KMAC
from rlcodec.stream import (
    CONTEXT,
    LATENT_TIERS,
    STOP_BEFORE_PIXELS_PROBABILITY,
    STOP_PROBABILITY,
    TABLE,
    TIERS,
)


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
        known, predicted = self._known.take(image), self._predicted[image]
        exact = self._latent_error[MEASURE_OF[goal.kind], image]
        error = self.planner.predicted_error(predicted, goal.kind, self.model.slices)
        probes = self.budget_slices[self.planner.probes(known, predicted, goal)]
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
        before = self.objective_values()
        action = self.legalise(np.asarray(action, np.int64))
        choosing = (self.phase == BUDGET_PHASE) & ~self.done
        going = ~choosing & ~self.done
        if choosing.any():
            self.budget[choosing] = action[choosing]
            self.slices[choosing] = self.budget_slices[self.budget[choosing]]
            some = self.slices[choosing] > 0
            self.macs[choosing] += np.where(some, self._synthesis_macs, 0)
            self.phase[choosing] = np.where(some, LATENT_PHASE, PIXEL_PHASE)
            self._look_ahead(np.nonzero(choosing)[0])
        if going.any():
            self._advance(np.nonzero(going)[0], action[going])
            self.error = self.error_in(MEASURE_OF[self.kind])
        reward = (before - self.objective_values()) / objective_scale(self.lambda_rate, self.lambda_compute)
        return Outcome(reward, self.done.copy())

    def _advance(self, e: np.ndarray, action: np.ndarray) -> None:
        trace, image, position, slices = self.trace, self.image[e], self.position[e], self.slices[e]
        latent = position < slices
        boundary = (position == slices) & (slices > 0)
        stop_probability = np.where(boundary, STOP_BEFORE_PIXELS_PROBABILITY, STOP_PROBABILITY)
        stopping = action == STOP_ACTION
        tier = np.maximum(action - FIRST_TIER_ACTION, 0)
        change = np.where(stopping, 0, CHANGE_COSTS[segment_class(position, slices), self.tier[e], tier]).astype(np.int64)
        named = COSTS[PROBABILITY_ONE - stop_probability] + change
        latent_tier = np.minimum(tier, LATENT_TIERS - 1)
        at_slice = np.minimum(position, trace.latent_cost.shape[2] - 1)
        row = np.clip(position - slices, 0, self.geometry.height - 1)
        cost = np.where(
            latent, trace.latent_cost[image, latent_tier, at_slice], trace.pixel_cost[image, self.budget[e], tier, row]
        )
        macs = np.where(
            latent, trace.latent_macs[image, latent_tier, at_slice], trace.pixel_macs[image, self.budget[e], tier, row]
        )
        self.cost[e] += np.where(stopping, COSTS[stop_probability], cost + named)
        self.macs[e] += np.where(stopping, 0, macs)
        self.tier[e] = np.where(stopping, self.tier[e], tier)
        self.position[e] += ~stopping
        finished = self.position[e] >= slices + self.geometry.height
        self.done[e] = stopping | finished
        self.phase[e] = np.where(self.position[e] < slices, LATENT_PHASE, PIXEL_PHASE)

    def _look_ahead(self, e: np.ndarray) -> None:
        """Computes the outlook of episodes whose budget was just chosen."""
        image, budget = self.image[e], self.budget[e]
        stop_error = self._row_error[MEASURE_OF[self.kind[e]], image, budget]
        error = self._slice_errors[e]
        error[np.arange(len(e)), self.slices[e]] = stop_error[:, 0]
        self._slice_errors[e] = error
        outlook = self.planner.outlook(
            self._known.take(image),
            error,
            self._goal().take(e),
            self.slices[e],
            self.trace.pixel_cost[image, budget, TABLE] / COST_UNIT,
            self.trace.row_busy[image, budget].astype(np.float64),
            stop_error,
        )
        for name in ("bits", "kmac", "stop", "go", "stop_db"):
            getattr(self._outlook, name)[e] = getattr(outlook, name)

    def _goal(self) -> Goal:
        return Goal(self.kind, self.lambda_rate, self.lambda_compute)

    def observe(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Observations of all episodes or of some, float32 (B, size)."""
        standing = Standing(
            self.phase[which],
            self.slices[which],
            self.position[which],
            self.tier[which],
            self.cost[which] / COST_UNIT,
            self.macs[which] / MACS_PER_KMAC,
        )
        image = self.image[which]
        return self.planner.observe(
            self._known.take(image),
            self._predicted[image],
            self._slice_errors[which],
            self._goal().take(which),
            standing,
            self._outlook.take(which),
        )
