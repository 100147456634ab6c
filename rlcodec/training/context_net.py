"""The float form of `rlcodec.core.integer_mlp.ContextNet`: decision trees, the network, its code length, and its export."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlcodec.core.integer_mlp import LOGIT_UNITS_PER_NAT, ContextNet, context_net, sigmoid_table
from rlcodec.training._path_loss import path_loss
from rlcodec.training.quantise import ACTIVATION_SCALE, clipped_relu, quantise_layer, shift_between

Paths = tuple[np.ndarray, np.ndarray]
"""Nodes, int64, and decisions, float32 (+1, -1; 0 for padding), from the root to each symbol: (symbols, depth)."""


@dataclass(frozen=True)
class Tree:
    """An order-preserving tree of decisions over symbols 0..n-1.

    Attributes:
        threshold: int16 (nodes,); a symbol above it goes to the second child.
        children: int16 (nodes, 2), the next node, or -1 - symbol for a leaf.
    """

    threshold: np.ndarray
    children: np.ndarray

    @functools.cached_property
    def paths(self) -> Paths:
        """The path to each symbol."""
        all_steps: list[list[tuple[int, int]]] = []
        for symbol in range(len(self.threshold) + 1):
            node, steps = 0, []
            while node >= 0:
                bit = int(symbol > self.threshold[node])
                steps.append((node, 2 * bit - 1))
                node = int(self.children[node, bit])
            all_steps.append(steps)
        shape = len(all_steps), max(map(len, all_steps))
        nodes, signs = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        for symbol, steps in enumerate(all_steps):
            nodes[symbol, : len(steps)], signs[symbol, : len(steps)] = zip(*steps, strict=True)
        return nodes, signs


BIT = Tree(np.zeros(1, np.int16), np.array([[-1, -2]], np.int16))
"""The tree of a single decision."""


def balanced_tree(frequency: np.ndarray) -> Tree:
    """A tree whose nodes split the remaining symbols into two parts of nearly equal frequency; node 0 separates symbol 0."""
    weight = np.concatenate(([0.0], np.cumsum(frequency + 1.0)))
    threshold = np.zeros(len(frequency) - 1, np.int16)
    children = np.zeros((len(frequency) - 1, 2), np.int16)
    count = 0

    def build(first: int, last: int, split: int | None) -> int:
        nonlocal count
        if first == last:
            return -1 - first
        node, count = count, count + 1
        if split is None:
            middle = (weight[first] + weight[last + 1]) / 2
            split = first + int(np.argmin(np.abs(weight[first + 1 : last + 1] - middle)))
        threshold[node] = split
        children[node] = build(first, split, None), build(split + 1, last, None)
        return node

    build(0, len(frequency) - 1, 0)
    return Tree(threshold, children)


class RasterNet(nn.Module):
    """Two clipped hidden layers, and one logit for each node of the tree.

    Inputs are the window, followed by an indicator for each learned row: (n, window + rows). A matrix product with indicators
    is several times faster than an embedding bag, whose gradient has to be sorted.
    """

    def __init__(self, window: int, rows: int, width1: int, width2: int, nodes: int):
        super().__init__()
        self.window = window
        self.first = nn.Linear(window + rows, width1, bias=False)
        nn.init.normal_(self.first.weight[:, window:], std=0.05)
        self.second = nn.Linear(width1, width2)
        self.nodes = nn.Linear(width2, nodes)

    def hidden(self, inputs: Tensor) -> Tensor:
        """Activations of the second hidden layer, (n, width2)."""
        return clipped_relu(self.second(clipped_relu(self.first(inputs))))


def indicators(rows: np.ndarray, count: int) -> np.ndarray:
    """Indicators of selected rows, uint8 (n, count), from their indices, int64 (n, selected)."""
    chosen = np.zeros((len(rows), count), np.uint8)
    np.put_along_axis(chosen, rows, 1, 1)
    return chosen


class _PathLoss(torch.autograd.Function):
    """`path_loss` as a torch function; on a CPU much faster than computing the logits of all nodes."""

    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, bias: Tensor, paths: Paths, symbols: np.ndarray):
        tensors = hidden, weight, bias
        arrays = [t.detach().float().contiguous().numpy() for t in tensors]
        gradients = [np.zeros_like(a) for a in arrays]
        total = path_loss(*arrays, *paths, symbols, *gradients)  # type: ignore[call-arg]
        ctx.save_for_backward(*(torch.from_numpy(g).to(t.dtype) for g, t in zip(gradients, tensors, strict=True)))
        return torch.tensor(total)

    @staticmethod
    def backward(ctx, upstream: Tensor):
        return *(g * upstream for g in ctx.saved_tensors), None, None


def path_bits(model: RasterNet, inputs: Tensor, symbols: np.ndarray, tree: Tree) -> Tensor:
    """Code length of all symbols under the model, in bits.

    Args:
        model: the network.
        inputs: (n, window + rows), on the network's device.
        symbols: int64 (n,).
        tree: of the symbols.
    """
    device = inputs.device
    with torch.autocast(device.type, torch.bfloat16):
        hidden = model.hidden(inputs)
    if device.type == "cpu":
        return _PathLoss.apply(hidden, model.nodes.weight, model.nodes.bias, tree.paths, symbols) / np.log(2)
    with torch.autocast(device.type, torch.bfloat16):
        logits = model.nodes(hidden)
    nodes, signs = (torch.from_numpy(array[symbols]).to(device) for array in tree.paths)
    path = logits.gather(1, nodes).float()
    return (F.softplus(-signs * path) * signs.abs()).sum() / np.log(2)


def probability(ones: np.ndarray, zeros: np.ndarray, prior: float = 0.4) -> np.ndarray:
    """Smoothed frequency of ones in units of 1/65536, int32; nearly the estimator of Krichevsky and Trofimov."""
    return np.clip(np.rint(65536 * (ones + prior) / (ones + zeros + 2 * prior)), 1, 65535).astype(np.int32)


def export_net(
    model: RasterNet,
    selected: int,
    tree: Tree | None = None,
    input_max: float = 1,
    input_scale: float = 1.0,
    row_on: float = 1.0,
) -> ContextNet:
    """Exports the integer network that the runtime runs.

    Args:
        model: the trained network.
        selected: number of learned rows that are added in the first layer.
        tree: of its nodes; if None, every node is a tree of its own that codes one bit.
        input_max: largest absolute value of an integer input.
        input_scale: integer value of the float input 1.0.
        row_on: float input of a selected row.

    Raises:
        ModelError: a sum could overflow int32.
    """
    weights = {name: value.detach().double().cpu().numpy() for name, value in model.state_dict().items()}
    window, rows = weights["first.weight"][:, : model.window], weights["first.weight"][:, model.window :].T * row_on
    first = quantise_layer(window, rows, input_max, input_scale, selected)
    second, nodes = (quantise_layer(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in ("second", "nodes"))
    count = len(nodes.bias)
    if tree is None:
        tree = Tree(np.repeat(BIT.threshold, count), np.repeat(BIT.children, count, 0))
    to_activation = shift_between(input_scale, ACTIVATION_SCALE)
    to_logit = shift_between(ACTIVATION_SCALE, LOGIT_UNITS_PER_NAT)
    return context_net(
        first=first.weight.T,
        rows=first.bias,
        second=second.weight.T,
        second_bias=second.bias,
        nodes=nodes.weight,
        node_bias=nodes.bias,
        shifts=np.array([first.bits + to_activation, second.bits, nodes.bits + to_logit], np.int64),
        threshold=tree.threshold,
        children=tree.children,
        sigmoid=sigmoid_table(),
    )
