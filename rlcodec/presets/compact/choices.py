"""What can be chosen about a picture of preset `compact`: where an episode can end, and what each end costs.

The first choice is a bit budget: a number of channels of the latent. They are sent in GROUPS equal groups; before each group
the choice is to stop or to send it in one of the tiers. So the ends of an episode under a budget are the nodes of a tree: its
root is an immediate stop, and each branch is a group in one tier. An end is a pair of a budget's index and a node.
"""

import itertools

import numpy as np

from rlcodec.core.range_coder import COSTS, PROBABILITY_ONE, payload_bytes
from rlcodec.core.segment_choice import CONTEXT, LATENT, LATENT_TIERS, STOP, STOP_PROBABILITY, change_costs
from rlcodec.presets.compact.transform import LATENT_CHANNELS

BUDGETS = tuple(range(LATENT_CHANNELS // 8, LATENT_CHANNELS + 1, LATENT_CHANNELS // 8))
"""Bit budgets, in channels."""
GROUPS = 4

_SENT = [tiers for depth in range(GROUPS + 1) for tiers in itertools.product(range(LATENT_TIERS), repeat=depth)]
PATHS = np.array([(*tiers, *[STOP] * (GROUPS - len(tiers))) for tiers in _SENT])
"""The tier of every group at each node, STOP for groups that are not sent, int64 (NODES, GROUPS). Node 0 is the root, and
2 i + 1 + t follows node i by a group of tier t."""
NODES = len(PATHS)
DEPTH = (PATHS != STOP).sum(1)
"""Groups sent at each node."""
TIER = np.where(np.arange(NODES) > 0, (np.arange(NODES) - 1) % LATENT_TIERS, CONTEXT)
"""Tier of the last group sent at each node; coders begin as if it were `context`."""
UNIFORM_NODES = (NODES - LATENT_TIERS**GROUPS, NODES - 1)
"""Where all groups were sent in tier `table`, and all in `context`."""

COUNTS = np.unique(np.outer(BUDGETS, np.arange(GROUPS + 1)) // GROUPS)
"""Numbers of channels that can be sent."""
COUNT_AT = np.searchsorted(COUNTS, np.outer(BUDGETS, np.arange(GROUPS + 1)) // GROUPS)
"""Index in COUNTS by budget and groups sent."""
DESCENDANTS = ((PATHS[:, None] == PATHS) | (PATHS[:, None] == STOP)).all(2)
"""Whether the second node follows the first or is the same, bool (NODES, NODES)."""


def child(node: np.ndarray, tier: np.ndarray | int) -> np.ndarray:
    """The nodes that a further group of some tier leads to."""
    return LATENT_TIERS * node + 1 + tier


def choices_at(budget: int, node: int) -> np.ndarray:
    """STOP or a tier for each channel of a budget, int64, as `encode_latent` takes them."""
    return np.repeat(PATHS[node], BUDGETS[budget] // GROUPS)


def sums_at_nodes(by_channel: np.ndarray) -> np.ndarray:
    """Sums over the channels sent at every end, by tier, int64 (LATENT_TIERS, n, budgets, NODES).

    Args:
        by_channel: int64 (n, LATENT_TIERS, LATENT_CHANNELS), for instance multiply-accumulates of decoding every channel.
    """
    sums = np.pad(by_channel.cumsum(2), ((0, 0), (0, 0), (1, 0)))[..., COUNTS[COUNT_AT]]
    sent = (np.arange(LATENT_TIERS)[:, None, None] == PATHS).astype(np.int64)
    return np.einsum("ntbg,tkg->tnbk", np.diff(sums), sent)


def _choice_costs() -> np.ndarray:
    """Code length of the choices that lead to every end, int64 (budgets, NODES), in 1/COST_UNIT bit."""
    naming = change_costs(LATENT, 0)[:LATENT_TIERS, :LATENT_TIERS].astype(np.int64)
    before = np.pad(PATHS[:, :-1], ((0, 0), (1, 0)), constant_values=CONTEXT)
    channels = np.array(BUDGETS)[:, None, None] // GROUPS
    named = naming[before, PATHS] + (channels - 1) * naming[PATHS, PATHS]
    by_group = named + channels * COSTS[PROBABILITY_ONE - STOP_PROBABILITY]
    return np.where(PATHS == STOP, 0, by_group).sum(2) + np.where(DEPTH < GROUPS, COSTS[STOP_PROBABILITY], 0)


_CHOICE_COSTS = _choice_costs()


def payload_bytes_at_nodes(cost: np.ndarray) -> np.ndarray:
    """Bytes of the payload at every end, int64 (n, budgets, NODES).

    Args:
        cost: int64 (n, LATENT_TIERS, LATENT_CHANNELS), of every channel in 1/COST_UNIT bit, without naming its tier.
    """
    return payload_bytes(sums_at_nodes(cost).sum(0) + _CHOICE_COSTS)
