"""What can be chosen about a picture of preset `compact`: where an episode can end, and what each end costs.

The first choice is a bit budget: a number of channels of the latent. They are sent in GROUPS equal groups; before each group
the choice is to stop or to send it in one of the tiers. So the ends of an episode under a budget are the nodes of a tree: its
root is an immediate stop, and each branch is a group in one tier. An end is a pair of a budget's index and a node.
"""

import numpy as np

from rlcodec.core.range_coder import COSTS, PROBABILITY_ONE, payload_bytes
from rlcodec.core.segment_choice import CONTEXT, LATENT, LATENT_TIERS, STOP, STOP_PROBABILITY, change_costs
from rlcodec.presets.compact.transform import LATENT_CHANNELS

BUDGETS = tuple(range(LATENT_CHANNELS // 8, LATENT_CHANNELS + 1, LATENT_CHANNELS // 8))
"""Bit budgets, in channels."""
GROUPS = 4

DEPTH = np.repeat(np.arange(GROUPS + 1), LATENT_TIERS ** np.arange(GROUPS + 1))
"""Groups sent at each node; node 0 is the root, and 2 i + 1 + t follows node i by a group of tier t."""
NODES = len(DEPTH)
PARENT = (np.arange(NODES) - 1) // LATENT_TIERS
TIER = np.where(np.arange(NODES) > 0, (np.arange(NODES) - 1) % LATENT_TIERS, CONTEXT)
"""Tier of the last group sent at each node; coders begin as if it were `context`."""
UNIFORM_NODES = (NODES - LATENT_TIERS**GROUPS, NODES - 1)
"""Where all groups were sent in tier `table`, and all in `context`."""

COUNTS = np.unique(np.outer(BUDGETS, np.arange(GROUPS + 1)) // GROUPS)
"""Numbers of channels that can be sent."""
COUNT_AT = np.searchsorted(COUNTS, np.outer(BUDGETS, np.arange(GROUPS + 1)) // GROUPS)
"""Index in COUNTS by budget and groups sent."""


def child(node: np.ndarray, tier: np.ndarray | int) -> np.ndarray:
    """The nodes that a further group of some tier leads to."""
    return LATENT_TIERS * node + 1 + tier


def _descendants() -> np.ndarray:
    """Whether the second node follows the first or is the same, bool (NODES, NODES)."""
    out = np.eye(NODES, dtype=bool)
    for node in range(NODES - 1, 0, -1):
        out[PARENT[node]] |= out[node]
    return out


DESCENDANTS = _descendants()


def path_to(node: int) -> list[int]:
    """Tiers of the groups sent at a node, from the first."""
    tiers: list[int] = []
    while node:
        tiers.insert(0, int(TIER[node]))
        node = int(PARENT[node])
    return tiers


def choices_at(budget: int, node: int) -> np.ndarray:
    """STOP or a tier for each channel of a budget, int64, as `encode_latent` takes them."""
    tiers = path_to(node)
    return np.repeat(tiers + [STOP] * (GROUPS - len(tiers)), BUDGETS[budget] // GROUPS)


def _sum_at_nodes(by_channel: np.ndarray) -> np.ndarray:
    """Sums over the channels sent at every end, int64 (n, budgets, NODES), from int64 (n, LATENT_TIERS, LATENT_CHANNELS)."""
    sums = np.pad(by_channel.cumsum(2), ((0, 0), (0, 0), (1, 0)))[..., COUNTS[COUNT_AT]]
    out = np.zeros((len(by_channel), len(BUDGETS), NODES), np.int64)
    for node in range(1, NODES):
        of_tier = sums[:, TIER[node]]
        out[..., node] = out[..., PARENT[node]] + of_tier[..., DEPTH[node]] - of_tier[..., DEPTH[node] - 1]
    return out


def _choice_costs() -> np.ndarray:
    """Code length of the choices that lead to every end, int64 (budgets, NODES), in 1/COST_UNIT bit."""
    naming, going_on = change_costs(LATENT, 0), int(COSTS[PROBABILITY_ONE - STOP_PROBABILITY])
    channels, out = np.array(BUDGETS) // GROUPS, np.zeros((len(BUDGETS), NODES), np.int64)
    for node in range(1, NODES):
        before, tier = TIER[PARENT[node]], TIER[node]
        named = int(naming[before, tier]) + (channels - 1) * int(naming[tier, tier])
        out[:, node] = out[:, PARENT[node]] + channels * going_on + named
    return out + np.where(DEPTH < GROUPS, COSTS[STOP_PROBABILITY], 0)


_CHOICE_COSTS = _choice_costs()


def payload_bytes_at_nodes(cost: np.ndarray) -> np.ndarray:
    """Bytes of the payload at every end, int64 (n, budgets, NODES).

    Args:
        cost: int64 (n, LATENT_TIERS, LATENT_CHANNELS), of every channel in 1/COST_UNIT bit, without naming its tier.
    """
    return payload_bytes(_sum_at_nodes(cost) + _CHOICE_COSTS)


def coding_macs_at_nodes(macs: np.ndarray) -> np.ndarray:
    """Multiply-accumulates of decoding the latent at every end, by tier, int64 (LATENT_TIERS, n, budgets, NODES).

    Args:
        macs: int64 (n, LATENT_TIERS, LATENT_CHANNELS), of every channel.
    """
    tiers = np.arange(LATENT_TIERS)
    return np.stack([_sum_at_nodes(np.where((tiers == tier)[:, None], macs, 0)) for tier in tiers])
