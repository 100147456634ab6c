"""Training of the network of tier `network` of preset `photo`, which predicts the decisions of coefficients.

Its inputs are recorded while training pictures are coded, so it learns from what decoders see. It is trained in floats with the
limits of the integer network; its rounded weights lose nothing that could be measured.
"""

import numpy as np
import torch
from rich.progress import track
from torch.nn.functional import embedding, softplus

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.presets.photo._network import HIDDEN, INPUT_UNIT, NETWORK_INPUTS, NODES, SECOND, WEIGHT_BITS
from rlcodec.presets.photo.transform import PLANES, SLICES, TRANSFORMS

CLASSES = PLANES * TRANSFORMS * (SLICES - 1)
BATCH, LEARNING_RATE = 8192, 4e-3
ACTIVATION_UNIT = 128
LARGEST_ACTIVATION = ACTIVATION_MAX / ACTIVATION_UNIT


class Records:
    """What the network saw of some coefficients.

    Attributes:
        inputs: int16 (n, NETWORK_INPUTS), in 1/INPUT_UNIT.
        values: uint8 (n, 2), class and magnitude of each.
    """

    def __init__(self, room: int):
        self.inputs = np.zeros((room, NETWORK_INPUTS), np.int16)
        self.values = np.zeros((room, 2), np.uint8)

    def drawn(self, found: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """At most `count` of the `found` that were filled."""
        chosen = np.sort(rng.permutation(found)[:count])
        return self.inputs[chosen], self.values[chosen]


class FloatNetwork(torch.nn.Module):
    """The network in floats."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(NETWORK_INPUTS, HIDDEN, bias=False)
        self.rows = torch.nn.Parameter(torch.zeros(CLASSES, HIDDEN))
        self.second, self.last = torch.nn.Linear(HIDDEN, SECOND), torch.nn.Linear(SECOND, NODES)

    def forward(self, inputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Log odds, in nats, float32 (n, NODES), that the magnitude is greater than each node."""
        hidden = (self.first(inputs) + embedding(classes, self.rows)).clamp(0, LARGEST_ACTIVATION)
        return self.last(self.second(hidden).clamp(0, LARGEST_ACTIVATION))


def code_lengths(logits: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Bits of the decisions of each coefficient, float32 (n, NODES), of which those that are not made are 0."""
    nodes = torch.arange(NODES)
    greater, made = magnitudes[:, None] > nodes, (magnitudes[:, None] >= nodes) & (nodes < NODES - 1)
    return (softplus(logits) - greater * logits) * made / np.log(2)


def fit_network(inputs: np.ndarray, values: np.ndarray, steps: int, seed: int) -> dict[str, np.ndarray]:
    """Trains the network.

    Args:
        inputs: int16 (n, NETWORK_INPUTS), in 1/INPUT_UNIT.
        values: uint8 (n, 2), class and magnitude.
        steps: of the optimiser.
        seed: of the first weights and the draws.

    Returns:
        The network's arrays of `PhotoWeights` by name.
    """
    torch.manual_seed(seed)
    network, rng = FloatNetwork(), np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / steps, 0.005))
    for _ in track(range(steps), "network"):
        chosen = rng.integers(0, len(inputs), BATCH)
        x = torch.from_numpy(inputs[chosen].astype(np.float32) / INPUT_UNIT)
        classes, magnitudes = (torch.from_numpy(part.astype(np.int64)) for part in values[chosen].T)
        loss = code_lengths(network(x, classes), magnitudes).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return integer_arrays(network)


def integer_arrays(network: FloatNetwork) -> dict[str, np.ndarray]:
    """The rounded weights of a network, as arrays of `PhotoWeights` by name."""
    unit, sums = 1 << WEIGHT_BITS, ACTIVATION_UNIT << WEIGHT_BITS

    def rounded(values: torch.Tensor, scale: int, kind: type) -> np.ndarray:
        limits = np.iinfo(kind)
        return np.clip(np.rint(values.detach().double().numpy() * scale), limits.min, limits.max).astype(kind)

    return {
        "network_first": np.ascontiguousarray(rounded(network.first.weight, unit, np.int16).T),
        "network_rows": rounded(network.rows, INPUT_UNIT << WEIGHT_BITS, np.int32),
        "network_second": np.ascontiguousarray(rounded(network.second.weight, unit, np.int16).T),
        "network_second_bias": rounded(network.second.bias, sums, np.int32),
        "network_last": np.ascontiguousarray(rounded(network.last.weight, unit, np.int16).T),
        "network_last_bias": rounded(network.last.bias, sums, np.int32),
    }
