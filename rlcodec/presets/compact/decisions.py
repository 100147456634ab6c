"""What a policy for preset `compact` chooses and sees: its fields, its predictions, the same for encoder and environment.

An episode is one picture under one objective. The first action is a bit budget, whole channels of the latent. These go in
GROUPS equal groups, and each later action is stop or a tier for the next group. So the places where an episode can be under a
budget are the nodes of a binary tree, whose branches are the tiers of the groups so far, and J of ending at each is a table.

After the analysis the encoder knows what every channel costs in either tier. What is lost is measured at PROBES, and at other
numbers of channels predicted by least squares; once the budget is chosen, it is measured wherever that leads. Everything here
works on batches, one row per picture.
"""

import json
from dataclasses import asdict, dataclass

import numpy as np

from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.observation import Goal, advice_layout, advice_of, joined
from rlcodec.control.regressor import Net, decibels_to_quality, distortions, net_of
from rlcodec.core.integer_conv import keep_bits
from rlcodec.core.metrics import ms_ssim
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import CONTEXT, LATENT, LATENT_TIERS, STOP, STOP_PROBABILITY, TIERS, change_costs
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.presets.compact.decoder import encode_latent, synthesis_macs
from rlcodec.presets.compact.transform import LATENT_CHANNELS, analyse, synthesise
from rlcodec.presets.compact.weights import CompactModel
from rlcodec.presets.mnist.observation import FIRST_TIER_ACTION, STOP_ACTION

BUDGETS = tuple(range(LATENT_CHANNELS // 8, LATENT_CHANNELS + 1, LATENT_CHANNELS // 8))
"""The first action's meaning, in channels."""
GROUPS = 4
SETTINGS = len(BUDGETS)
ACTIONS = max(SETTINGS, FIRST_TIER_ACTION + LATENT_TIERS)
SETTING_PHASE, GROUP_PHASE = range(2)

DEPTH = np.repeat(np.arange(GROUPS + 1), LATENT_TIERS ** np.arange(GROUPS + 1))
"""Groups sent at each node; node 0 is the root, and 2 i + 1 + t follows node i by a group of tier t."""
NODES = len(DEPTH)
PARENT = (np.arange(NODES) - 1) // LATENT_TIERS
TIER = np.where(np.arange(NODES) > 0, (np.arange(NODES) - 1) % LATENT_TIERS, CONTEXT)
"""Of the group before, at each node; coders begin as if that were `context`."""
EVEN = (NODES - LATENT_TIERS**GROUPS, NODES - 1)
"""Where all groups were sent in tier `table`, and all in `context`."""

COUNTS = np.unique(np.outer(BUDGETS, np.arange(GROUPS + 1)) // GROUPS)
"""Numbers of channels that can be sent."""
AT = np.searchsorted(COUNTS, np.outer(BUDGETS, np.arange(GROUPS + 1)) // GROUPS)
"""Index in COUNTS by setting and groups sent."""
PROBES = np.searchsorted(COUNTS, (0, BUDGETS[3], *BUDGETS[5:]))
"""Indices in COUNTS of what is measured before anything is chosen. Predicting what 192 and 224 channels give loses a quarter
of what there is to win."""

RATE_RANGE = {"mse": (3.0, 5.4), "psnr": (1.0, 2.6), "ms-ssim": (1.0, 2.1)}
"""log10 of lambda_rate that policies for preset `compact` are trained for, by kind."""
NAMED = {
    "small": Objective("psnr", 150.0, 0.1),
    "balanced": Objective("psnr", 50.0, 0.05),
    "fast": Objective("psnr", 50.0, 1.0),
}
"""What the named objectives mean for preset `compact`."""

STATISTICS = ("mean", "deviation", "gradient_x", "gradient_y")
FEATURES = len(STATISTICS) + 2 * len(PROBES) + LATENT_TIERS * SETTINGS
LAYOUT = (
    *advice_layout(ACTIONS),
    ("phase", 2, "one-hot: bit budget, groups"),
    ("setting", 1, "index of the chosen budget, of all; 0 before"),
    ("groups", 1, "groups sent, of all"),
    ("tier", 1, "1 where the group before was of tier context, or there was none"),
    ("rate", 1, "bits per pixel if stopped now, * 10"),
    ("compute", 1, "decoder kMAC per pixel if stopped now, / 10"),
    ("quality", 2, "PSNR and MS-SSIM in dB if stopped now, / 50 and / 30"),
    ("rates", LATENT_TIERS * SETTINGS, "bits per pixel of each budget in tier table, then in tier context, log2, / 10"),
    ("qualities", 2 * SETTINGS, "predicted PSNR of each budget, then MS-SSIM in dB, / 50 and / 30"),
)
"""The observation's fields in order: name, length, unit and scale."""
LAYOUT_SIZE = sum(length for _, length, _ in LAYOUT)


@dataclass(frozen=True)
class Facts:
    """What is known of n pictures before anything is chosen; of one picture without the first axis.

    Attributes:
        area: int64 (n,), pixels.
        statistics: float64 (n, len(STATISTICS)).
        cost: int64 (n, LATENT_TIERS, LATENT_CHANNELS), of every channel in 1/COST_UNIT bit, without naming its tier.
        macs: int64, of the same shape, multiply-accumulates of decoding every channel.
        synthesis_macs: int64 (n,).
        mse: float64 (n, len(PROBES)), mean squared errors.
        ms_ssim: float64, of the same shape.
    """

    area: np.ndarray
    statistics: np.ndarray
    cost: np.ndarray
    macs: np.ndarray
    synthesis_macs: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray

    def take(self, index: np.ndarray | slice | None) -> "Facts":
        """The same of some pictures; of one, with a first axis, where None."""
        return Facts(*(values[index] for values in vars(self).values()))


def measure_latent(model: CompactModel, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What every channel costs and computes in every tier, as `Facts` has it; codes the latent once in each."""
    naming, costs, macs = change_costs(LATENT, 0), [], []
    for tier in range(LATENT_TIERS):
        _, segments = encode_latent(model, latent, latent.size, np.full(LATENT_CHANNELS, tier))
        named = np.array([naming[CONTEXT, tier]] + [naming[tier, tier]] * (LATENT_CHANNELS - 1))
        spent = np.array([segment.cost for segment in segments])
        costs.append(spent - named.astype(np.int64) - COSTS[PROBABILITY_ONE - STOP_PROBABILITY])
        macs.append([segment.macs for segment in segments])
    return np.stack(costs), np.array(macs, np.int64)


def show(model: CompactModel, latent: np.ndarray, channels: int, height: int, width: int) -> np.ndarray:
    """What decoders show of a latent's first channels, uint8 (height, width, 3)."""
    return synthesise(keep_bits(latent, channels * latent[0].size), height, width, model.folder)


def measure_quality(model: CompactModel, latent: np.ndarray, pixels: np.ndarray, channels: int) -> tuple[int, float]:
    """Sum of squared errors, and MS-SSIM, of a picture's first channels."""
    shown = show(model, latent, channels, *pixels.shape[:2])
    return int(np.square(shown.astype(np.int64) - pixels).sum()), ms_ssim(pixels, shown)


def picture_facts(model: CompactModel, pixels: np.ndarray) -> tuple[Facts, np.ndarray]:
    """What the encoder knows of one picture, uint8 (height, width, 3), and its latent."""
    latent = analyse(pixels, model.folder)
    probed = [measure_quality(model, latent, pixels, int(COUNTS[i])) for i in PROBES]
    area = np.array(pixels[..., 0].size)
    mse, similar = np.array([sse for sse, _ in probed]) / pixels.size, np.array([similar for _, similar in probed])
    synthesis = np.array(synthesis_macs(*latent.shape[1:]))
    return Facts(area, statistics_of(pixels), *measure_latent(model, latent), synthesis, mse, similar), latent


def statistics_of(pixels: np.ndarray) -> np.ndarray:
    """STATISTICS of a picture, uint8 (height, width, 3): of its brightness, in 1/255, float64."""
    light = pixels.mean(2) / 255
    gradients = [np.abs(np.diff(light, axis=axis)).sum() / light.size for axis in (1, 0)]
    return np.array([light.mean(), light.std(), *gradients])


def features_of(facts: Facts) -> np.ndarray:
    """What predictions are made from, float64 (n, FEATURES)."""
    decibels = -distortions(facts.mse, facts.ms_ssim)[[KINDS.index("psnr"), KINDS.index("ms-ssim")]]
    sums = facts.cost.cumsum(2)[..., np.array(BUDGETS) - 1] / COST_UNIT
    rates = np.log2(sums / facts.area[:, None, None])
    return np.concatenate([facts.statistics, *decibels, rates.reshape(len(rates), -1)], 1)


@dataclass(frozen=True)
class CompactPredictor:
    """What the encoder expects: from the features PSNR, then MS-SSIM in dB, of every number of channels in COUNTS."""

    net: Net

    def to_json(self) -> str:
        """All arrays as JSON."""
        return json.dumps(asdict(self), default=lambda array: array.tolist())

    @staticmethod
    def from_json(text: str) -> "CompactPredictor":
        """Inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        net = net_of(json.loads(text)["net"])
        if net(np.zeros(FEATURES)).shape != (2 * len(COUNTS),):
            raise ValueError("the predictions have other outputs")
        return CompactPredictor(net)


def expect(predictor: CompactPredictor, features: np.ndarray, facts: Facts) -> np.ndarray:
    """D of every number of channels, (kinds, n, len(COUNTS)): measured where it was, predicted elsewhere."""
    found = predictor.net(features)
    quality = decibels_to_quality(found[:, : len(COUNTS)], found[:, len(COUNTS) :])
    quality[..., PROBES] = distortions(facts.mse, facts.ms_ssim)
    return quality


def _at_nodes(by_channel: np.ndarray) -> np.ndarray:
    """Sums over the channels sent at every node: (n, settings, NODES), from (n, LATENT_TIERS, LATENT_CHANNELS)."""
    sums = np.pad(by_channel.cumsum(2), ((0, 0), (0, 0), (1, 0)))[..., COUNTS[AT]]
    out = np.zeros((len(by_channel), SETTINGS, NODES), np.int64)
    for node in range(1, NODES):
        ends = sums[:, TIER[node]]
        out[..., node] = out[..., PARENT[node]] + ends[..., DEPTH[node]] - ends[..., DEPTH[node] - 1]
    return out


def _choice_costs() -> np.ndarray:
    """What the choices cost that lead to every node and end there, int64 (settings, NODES), in 1/COST_UNIT bit."""
    naming, going = change_costs(LATENT, 0), int(COSTS[PROBABILITY_ONE - STOP_PROBABILITY])
    slices, out = np.array(BUDGETS) // GROUPS, np.zeros((SETTINGS, NODES), np.int64)
    for node in range(1, NODES):
        before, tier = TIER[PARENT[node]], TIER[node]
        out[:, node] = (
            out[:, PARENT[node]] + slices * going + int(naming[before, tier]) + (slices - 1) * int(naming[tier, tier])
        )
    return out + np.where(DEPTH < GROUPS, COSTS[STOP_PROBABILITY], 0)


CHOICE_COSTS = _choice_costs()


def payload_bytes_of(cost: np.ndarray) -> np.ndarray:
    """Bytes of the payload that ends at every node, int64 (n, settings, NODES), from `Facts.cost`."""
    return -(-(_at_nodes(cost) + CHOICE_COSTS) // (8 * COST_UNIT))


def coding_macs_of(macs: np.ndarray) -> np.ndarray:
    """Multiply-accumulates of what ends at every node by tier, int64 (LATENT_TIERS, n, settings, NODES), from `Facts.macs`."""
    tiers = np.arange(LATENT_TIERS)
    return np.stack([_at_nodes(np.where((tiers == tier)[:, None], macs, 0)) for tier in tiers])


def tiers_used(node: int) -> set[int]:
    """The tiers on the way to a node."""
    return {int(TIER[above]) for above in range(1, NODES) if REACHABLE[above, node]}


def decoder_macs_of(facts: Facts) -> np.ndarray:
    """Multiply-accumulates of decoding what ends at every node, int64 (n, settings, NODES)."""
    return _at_nodes(facts.macs) + facts.synthesis_macs[:, None, None]


def _reachable() -> np.ndarray:
    """Whether the second node comes after the first, or is the same, bool (NODES, NODES)."""
    out = np.eye(NODES, dtype=bool)
    for node in range(NODES - 1, 0, -1):
        out[PARENT[node]] |= out[node]
    return out


REACHABLE = _reachable()


def child(node: np.ndarray, tier: np.ndarray | int) -> np.ndarray:
    """The node that a group of a tier leads to."""
    return LATENT_TIERS * node + 1 + tier


@dataclass(frozen=True)
class Tables:
    """What ending at every node of every budget costs and gives, of n pictures.

    Attributes:
        rate: bits per pixel, (n, settings, NODES).
        kmac: of the decoder, per pixel, (n, settings, NODES).
        quality: D by kind and number of channels, (kinds, n, len(COUNTS)).
    """

    rate: np.ndarray
    kmac: np.ndarray
    quality: np.ndarray

    def values(self, goal: Goal, image: np.ndarray) -> np.ndarray:
        """J of rows of pictures, (B, settings, NODES)."""
        quality = self.quality[goal.kind, image][:, AT[:, DEPTH]]
        return quality + goal.rate[:, None, None] * self.rate[image] + goal.compute[:, None, None] * self.kmac[image]


def tables_of(facts: Facts, quality: np.ndarray) -> Tables:
    """Tables of what is known and of D by kind and number of channels, (kinds, n, len(COUNTS))."""
    area = facts.area[:, None, None]
    return Tables(8 * payload_bytes_of(facts.cost) / area, decoder_macs_of(facts) / MACS_PER_KMAC / area, quality)


@dataclass
class CompactStanding:
    """Where B episodes stand: int64 arrays (B,), `image`, `phase`, `setting` and `node`."""

    image: np.ndarray
    phase: np.ndarray
    setting: np.ndarray
    node: np.ndarray


def legal_actions(phase: np.ndarray) -> np.ndarray:
    """Legal actions, bool (B, ACTIONS)."""
    counts = np.array([SETTINGS, FIRST_TIER_ACTION + LATENT_TIERS])[phase]
    return np.arange(ACTIONS)[None] < counts[:, None]


def observe(expected: Tables, measured: Tables, goal: Goal, standing: CompactStanding) -> np.ndarray:
    """Observations, float32 (B, LAYOUT_SIZE).

    Args:
        expected: with D as `expect` has it.
        measured: with D as it is where a budget is chosen; only of the numbers of channels that the budget leads through.
        goal: the objectives.
        standing: of the episodes, which says which pictures of the tables they are about.
    """
    rows, image = np.arange(len(standing.phase)), standing.image
    choosing = standing.phase == SETTING_PHASE
    costs = np.full((len(rows), ACTIONS), np.inf)
    costs[choosing, :SETTINGS] = expected.values(goal.take(choosing), image[choosing]).min(2)
    later = measured.values(goal, image)[rows, standing.setting]
    between = ~choosing & (DEPTH[standing.node] < GROUPS)
    costs[~choosing, STOP_ACTION] = later[rows, standing.node][~choosing]
    for tier in range(LATENT_TIERS):
        after = REACHABLE[child(standing.node[between], tier)]
        costs[between, FIRST_TIER_ACTION + tier] = np.where(after, later[between], np.inf).min(1)
    here = np.where(choosing, value_of_nothing(expected, goal, image), later[rows, standing.node])
    sent = AT[standing.setting, DEPTH[standing.node]]
    decibels = [(KINDS.index("psnr"), 50), (KINDS.index("ms-ssim"), 30)]
    parts = [
        advice_of(costs, legal_actions(standing.phase), here, goal, RATE_RANGE),
        np.eye(2)[standing.phase],
        (standing.setting / SETTINGS)[:, None],
        (DEPTH[standing.node] / GROUPS)[:, None],
        (TIER[standing.node] == CONTEXT)[:, None],
        (~choosing * 10 * expected.rate[image, standing.setting, standing.node])[:, None],
        (expected.kmac[image, standing.setting, standing.node] / 10)[:, None],
        *((-measured.quality[kind, image, sent] / unit)[:, None] for kind, unit in decibels),
        *(np.log2(expected.rate[image][:, :, node]) / 10 for node in EVEN),
        *(-expected.quality[kind, image][:, AT[:, GROUPS]] / unit for kind, unit in decibels),
    ]
    return joined(parts)


def value_of_nothing(tables: Tables, goal: Goal, image: np.ndarray) -> np.ndarray:
    """J of a stream without a payload, which shows what the synthesis makes of nothing, (B,)."""
    return tables.quality[goal.kind, image, 0] + goal.compute * tables.kmac[image, 0, 0]


def choices_of(actions: tuple[int, ...]) -> tuple[int, np.ndarray]:
    """Channels kept, and a choice for each, as `encode_latent` takes them; where the actions end, the stream stops."""
    kept = BUDGETS[actions[0]]
    choices = np.full(kept, STOP)
    for group, action in enumerate(actions[1:]):
        if action == STOP_ACTION:
            break
        choices[group * kept // GROUPS : (group + 1) * kept // GROUPS] = action - FIRST_TIER_ACTION
    return kept, choices


def actions_to(setting: int, node: int) -> tuple[int, ...]:
    """The actions that lead to a node of a budget and end there."""
    later = [] if DEPTH[node] == GROUPS else [STOP_ACTION]
    while node:
        later.insert(0, int(TIER[node]) + FIRST_TIER_ACTION)
        node = int(PARENT[node])
    return setting, *later


ACTION_NAMES = {
    "first": [f"keep {channels} channels" for channels in BUDGETS],
    "later": ["stop", *(f"{tier} for the next of {GROUPS} groups" for tier in TIERS[:LATENT_TIERS])],
}
"""What the actions mean, as policy files have it."""
