"""Encoding an image of preset `mnist` under a policy."""

from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, MEASURE_OF, RATE_RANGE, Objective
from rlcodec.control.observation import Goal
from rlcodec.control.onnx_policy import Policy, check_objective, description
from rlcodec.core.integer_conv import analyse, keep_bits, latent_shape, synthesise
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.core.segment_choice import CONTEXT, LATENT, STOP, TIERS
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.base import Encoded
from rlcodec.presets.mnist.encoder import finish_encoder, start_encoder
from rlcodec.presets.mnist.measurements import budget_facts, image_facts, picture_error, stop_errors
from rlcodec.presets.mnist.observation import (
    FIRST_TIER_ACTION,
    LATENT_PHASE,
    PIXEL_PHASE,
    STOP_ACTION,
    Geometry,
    Known,
    Standing,
    layout,
)
from rlcodec.presets.mnist.planner import Planner
from rlcodec.presets.mnist.segments import synthesis_macs
from rlcodec.presets.mnist.weights import Model


def describe(model: Model) -> dict[str, Any]:
    """The description of policies for preset `mnist`."""
    budgets = model.preset.budget_slices
    actions = {"first": [f"keep {slices} latent slices" for slices in budgets], "later": ["stop", *TIERS]}
    return description(model, layout(len(budgets)), actions, RATE_RANGE)


def geometry_of(model: Model, height: int, width: int) -> Geometry:
    """The planner's sizes for an image of this size."""
    rows, columns = latent_shape(height, width)
    kmac = synthesis_macs(model, height, width, 1) / MACS_PER_KMAC
    return Geometry(height, width, rows * columns, kmac, model.preset.budget_slices)


def encode_under_policy(policy: Policy, model: Model, pixels: np.ndarray, objective: Objective) -> Encoded:
    """Encodes an image as the policy chooses.

    Args:
        policy: a loaded policy.
        model: the codec it was trained for.
        pixels: uint8 (height, width).
        objective: what to minimise.

    Raises:
        OptionError: the objective lies outside what policies are trained for.
    """
    check_objective(objective)
    height, width = pixels.shape
    geometry = geometry_of(model, height, width)
    planner, measured_in = Planner(policy.predictor, geometry), int(MEASURE_OF[KINDS.index(objective.kind)])
    goal = Goal(
        np.array([KINDS.index(objective.kind)]),
        np.array([objective.lambda_rate], np.float64),
        np.array([objective.lambda_compute], np.float64),
    )
    latent = analyse(model.analysis, pixels)
    facts = image_facts(model, pixels, latent)
    known = Known(
        facts.statistics[None],
        facts.latent_cost[None] / COST_UNIT,
        facts.latent_macs[None] / MACS_PER_KMAC,
        facts.row_cost[None] / COST_UNIT,
        facts.row_macs[None] / MACS_PER_KMAC,
    )
    predicted = planner.predict(known)
    only = np.zeros(1, np.int64)
    error = planner.expect_errors(predicted, only, goal.kind, model.slices)
    probes = planner.probes(known, predicted, only, error, goal)[0]
    pictures = {model.slices // 2: facts.probe}

    def measure(slices: int) -> None:
        if slices not in pictures:
            kept = keep_bits(latent, slices * geometry.slice_symbols)
            pictures[slices] = synthesise(model.synthesis, kept, height, width)
        error[0, slices] = picture_error(pictures[slices], pixels, measured_in)

    measure(0)
    measure(model.slices // 2)
    for budget in probes:
        measure(geometry.budget_slices[budget])

    standing = Standing(only, only, only, np.full(1, CONTEXT), np.zeros(1), np.zeros(1))
    outlook = planner.no_outlook(1, model.slices)
    first = policy.logits(planner.observe(known, predicted, only, error, goal, standing, outlook, only))[0]
    slices = geometry.budget_slices[int(first[: len(geometry.budget_slices)].argmax())]
    measure(slices)
    bit_budget = slices * geometry.slice_symbols
    rows = budget_facts(model, pixels, pictures[slices], bit_budget)
    planner.fill_outlook(
        known, only, error, goal, np.array([slices]), rows.table.cost[None] / COST_UNIT, rows.busy[None].astype(np.float64),
        stop_errors(model, pixels, pictures[slices], bit_budget, measured_in)[None], only, outlook,
    )  # fmt: skip

    session = start_encoder(model, pixels, bit_budget, latent)
    session.use_reconstruction(pictures[slices])
    while not session.done:
        in_latents = session.next_segment.kind == LATENT
        standing = Standing(
            np.array([LATENT_PHASE if in_latents else PIXEL_PHASE]),
            np.array([slices]),
            np.array([len(session.coded)]),
            np.array([session.coded[-1].tier if session.coded else CONTEXT]),
            np.array([sum(c.cost for c in session.coded) / COST_UNIT]),
            np.array([session.macs / MACS_PER_KMAC]),
        )
        seen = planner.observe(known, predicted, only, error, goal, standing, outlook, only)
        logits = policy.logits(seen)[0]
        legal = seen[0, : FIRST_TIER_ACTION + len(TIERS)] > 0.5
        action = int(np.where(legal, logits[: len(legal)], -np.inf).argmax())
        session.code(STOP if action == STOP_ACTION else action - FIRST_TIER_ACTION)
    return finish_encoder(session)
