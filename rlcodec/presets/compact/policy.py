"""Encoding a picture of preset `compact` under a policy, or as an episode chose."""

from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.observation import Goal
from rlcodec.control.onnx_policy import Policy, check_objective, description
from rlcodec.control.regressor import distortions
from rlcodec.core.container import pack
from rlcodec.core.integer_conv import keep_bits
from rlcodec.core.preset_ids import COMPACT
from rlcodec.core.segment_choice import STOP
from rlcodec.core.segments import CodedSegment
from rlcodec.images.color import ColorImage, check_pixels
from rlcodec.presets.base import Encoded
from rlcodec.presets.compact.decisions import (
    ACTION_NAMES,
    AT,
    COUNTS,
    DEPTH,
    GROUP_PHASE,
    GROUPS,
    LAYOUT,
    PROBES,
    RATE_RANGE,
    CompactStanding,
    child,
    choices_of,
    expect,
    features_of,
    legal_actions,
    measure_quality,
    observe,
    picture_facts,
    tables_of,
)
from rlcodec.presets.compact.decoder import encode_latent, synthesis_macs
from rlcodec.presets.compact.transform import LATENT_CHANNELS, analyse, latent_size, synthesise
from rlcodec.presets.compact.weights import CompactModel, load_compact_model
from rlcodec.presets.mnist.observation import FIRST_TIER_ACTION, STOP_ACTION


def describe_compact() -> dict[str, Any]:
    """The description of policies for preset `compact`."""
    return description(load_compact_model(), LAYOUT, ACTION_NAMES, RATE_RANGE)


def pack_actions(
    model: CompactModel, latent: np.ndarray, height: int, width: int, actions: tuple[int, ...], gray: bool
) -> tuple[bytes, int, tuple[CodedSegment, ...]]:
    """The stream that actions lead to, or without any that of nothing; its bit budget, and its segments."""
    channels, choices = choices_of(actions) if actions else (0, np.empty(0, np.int64))
    bits = channels * latent[0].size
    payload, segments = encode_latent(model, latent, bits, choices)
    return pack(COMPACT, model.fingerprint, height, width, 2 * bits + gray, payload), bits, segments


def encode_actions(pixels: np.ndarray, actions: tuple[int, ...]) -> Encoded:
    """Encodes a picture as an episode's actions say; where they end before the episode does, it stops there.

    Args:
        pixels: uint8 (height, width, 3).
        actions: legal ones, from the first.
    """
    model, (height, width, _) = load_compact_model(), pixels.shape
    latent = analyse(pixels, model.folder)
    data, bits, segments = pack_actions(model, latent, height, width, actions, False)
    sent = sum(segment.segment.symbols for segment in segments if segment.tier != STOP)
    picture = synthesise(keep_bits(latent, sent), height, width, model.folder)
    macs = sum(segment.macs for segment in segments) + synthesis_macs(*latent.shape[1:])
    mse = float(np.square(picture.astype(np.int64) - pixels).mean())
    return Encoded(data, segments, bits, picture, macs, mse, scan=False)


def show_nothing(pixels: np.ndarray) -> np.ndarray:
    """What decoders show of a picture, uint8 (height, width, 3), of which nothing was sent."""
    height, width = pixels.shape[:2]
    nothing = np.zeros((LATENT_CHANNELS, *latent_size(height, width)), np.int8)
    return synthesise(nothing, height, width, load_compact_model().folder)


def choose_under_policy(policy: Policy, picture: ColorImage, objective: Objective) -> tuple[np.ndarray, tuple[int, ...]]:
    """A picture's latent, int8 (LATENT_CHANNELS, rows, columns), and what a policy chooses for it, as actions.

    Args:
        policy: a loaded policy for preset `compact`.
        picture: what to code.
        objective: what to minimise.

    Raises:
        OptionError: the objective lies outside what policies are trained for, or the picture is too large.
    """
    check_objective(objective, RATE_RANGE)
    check_pixels(picture)
    model, pixels = load_compact_model(), picture.pixels
    goal = Goal(
        np.array([KINDS.index(objective.kind)]), np.array([objective.lambda_rate]), np.array([objective.lambda_compute])
    )
    alone, latent = picture_facts(model, pixels)
    facts = alone.take(None)
    expected = tables_of(facts, expect(policy.predictor, features_of(facts), facts))
    measured = tables_of(facts, expected.quality.copy())
    standing, actions = CompactStanding(*(np.zeros(1, np.int64) for _ in range(4))), []

    def choose() -> int:
        seen = observe(expected, measured, goal, standing)
        actions.append(int(np.where(legal_actions(standing.phase)[0], policy.logits(seen)[0], -np.inf).argmax()))
        return actions[-1]

    standing.setting[0] = choose()
    standing.phase[0] = GROUP_PHASE
    for index in np.setdiff1d(AT[standing.setting[0]], PROBES):
        sse, similar = measure_quality(model, latent, pixels, int(COUNTS[index]))
        measured.quality[:, 0, index] = distortions(np.array(sse / pixels.size), np.array(similar))
    while DEPTH[standing.node[0]] < GROUPS and choose() != STOP_ACTION:
        standing.node[0] = child(standing.node[0], actions[-1] - FIRST_TIER_ACTION)
    return latent, tuple(actions)


def encode_under_policy(policy: Policy, picture: ColorImage, objective: Objective) -> bytes:
    """Encodes a picture as a policy chooses; arguments and errors as `choose_under_policy`."""
    latent, actions = choose_under_policy(policy, picture, objective)
    height, width = picture.pixels.shape[:2]
    return pack_actions(load_compact_model(), latent, height, width, actions, picture.gray)[0]
