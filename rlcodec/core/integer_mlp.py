"""The integer network that predicts symbols: two hidden layers, and a tree of binary decisions that codes a symbol.

Inputs and weights are int16, sums int32 whose bounds are proved at export, activations in [0, ACTIVATION_MAX], logits in units
of 1/LOGIT_UNITS_PER_NAT nat, and probabilities in 1/65536. A symbol is coded as a path down the tree, and only the nodes on the
path are evaluated.
"""

from typing import Any, NamedTuple

import numpy as np

from rlcodec.core.int16_products import activate, dot_row, in_rows, made_pairs, multiply_pairs
from rlcodec.core.kernel import inlined, kernel
from rlcodec.core.range_coder import EXHAUSTED, MACS, code_decision

LOGIT_LIMIT = 2048
"""Logits are clipped to ±LOGIT_LIMIT units; the sigmoid table has twice as many entries."""
LOGIT_UNITS_PER_NAT = 128
UNROLL = 4
"""Inputs that are accumulated in one pass over the sums."""


class ContextNet(NamedTuple):
    """An integer network with two hidden layers and a tree of decisions.

    Attributes:
        first: int16 (inputs, h1), weights of the first layer.
        rows: int32 (table rows, h1), learned rows that are added to the sums of the first layer.
        second: int16 (h1, h2), weights of the second layer.
        second_bias: int32 (h2,).
        nodes: int16 (nodes, h2), weights of the tree's decisions.
        node_bias: int32 (nodes,).
        shifts: int64 (3,), the sums of both layers and of the nodes are divided by 2**shift.
        threshold: int16 (nodes,), symbols above it go to the second child.
        children: int16 (nodes, 2), nodes, or leaves as -1 - symbol.
        sigmoid: int32 (2 * LOGIT_LIMIT,), see `sigmoid_table`.
        first_pairs: `first`, padded and in pairs as `rlcodec.core.int16_products` takes it; computed by `context_net`.
        second_pairs: `second`, likewise.
        node_pairs: `nodes`, likewise.
    """

    first: np.ndarray
    rows: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    nodes: np.ndarray
    node_bias: np.ndarray
    shifts: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    sigmoid: np.ndarray
    first_pairs: np.ndarray
    second_pairs: np.ndarray
    node_pairs: np.ndarray


class Layers(NamedTuple):
    """Scratch buffers of a network; their padding is zero and stays zero.

    Attributes:
        inputs: int16, of the first layer.
        hidden: int16, activations of the first layer.
        last: int16, activations of the second layer.
        first: int32, sums of the first layer.
        second: int32, sums of the second layer.
    """

    inputs: np.ndarray
    hidden: np.ndarray
    last: np.ndarray
    first: np.ndarray
    second: np.ndarray


def context_net(**stored: np.ndarray) -> ContextNet:
    """Builds a network from its stored arrays."""
    stored = in_rows(stored)
    return ContextNet(**stored, **made_pairs(stored, "first", "second"))


def layers_of(net: Any) -> Layers:
    """Scratch buffers for a `ContextNet`."""
    inputs, hidden = np.zeros(2 * net.first_pairs.shape[0], np.int16), np.zeros(2 * net.second_pairs.shape[0], np.int16)
    last = np.zeros(net.node_pairs.shape[1], np.int16)
    first, second = np.zeros(net.first_pairs.shape[1], np.int32), np.zeros(net.second_pairs.shape[1], np.int32)
    return Layers(inputs, hidden, last, first, second)


def sigmoid_table() -> np.ndarray:
    """Probability of a 1 at each clipped logit, int32 in [1, 65535]; weights files hold it, so decoders never compute it."""
    logits = (np.arange(2 * LOGIT_LIMIT) - LOGIT_LIMIT) / LOGIT_UNITS_PER_NAT
    return np.clip(np.rint(65536 / (1 + np.exp(-logits))), 1, 65535).astype(np.int32)


@kernel
def clip(value, low, high):
    """The value, or the nearer bound."""
    return min(max(value, low), high)


@inlined
def _accumulate(sums, weights, which, values, count):
    """Adds `values[i] * weights[which[i]]` to `sums`, UNROLL at a time, so that the sums are loaded less often."""
    for i in range(0, count, UNROLL):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        p, q, r, s = which[i], which[i + 1], which[i + 2], which[i + 3]
        for j in range(weights.shape[1]):
            sums[j] += (
                a * np.int32(weights[p, j])
                + b * np.int32(weights[q, j])
                + c * np.int32(weights[r, j])
                + d * np.int32(weights[s, j])
            )


@inlined
def add_rows(sums, rows, selected):
    """Sets `sums` to the sum of the selected learned rows."""
    width = rows.shape[1]
    for j in range(width):
        sums[j] = rows[selected[0], j]
    for i in range(1, selected.shape[0]):
        row = selected[i]
        for j in range(width):
            sums[j] += rows[row, j]


@kernel
def add_ink(sums, weights, which, count):
    """Adds the weights of the inputs that are 1 to `sums`, UNROLL at a time.

    Args:
        sums: int32 (h,).
        weights: int16 (inputs, h).
        which: int64, indices of the inputs that are 1.
        count: how many of them.
    """
    whole, width = count - count % UNROLL, weights.shape[1]
    for i in range(0, whole, UNROLL):
        p, q, r, s = which[i], which[i + 1], which[i + 2], which[i + 3]
        for j in range(width):
            sums[j] += np.int32(weights[p, j]) + np.int32(weights[q, j]) + np.int32(weights[r, j]) + np.int32(weights[s, j])
    for i in range(whole, count):
        p = which[i]
        for j in range(width):
            sums[j] += weights[p, j]


@inlined
def run_sparse(net, layers, selected, which, values, count):
    """Runs both hidden layers on inputs that are given by index, into `layers.last`.

    Args:
        net: `ContextNet`.
        layers: scratch buffers.
        selected: int64, learned rows.
        which: int64, indices of the inputs that are not 0.
        values: int16, their values.
        count: how many, a multiple of UNROLL.

    Returns:
        Multiply-accumulates with nonzero values.
    """
    add_rows(layers.first, net.rows, selected)
    _accumulate(layers.first, net.first, which, values, count)
    return (selected.shape[0] + count) * net.rows.shape[1] + run_second(net, layers)


@inlined
def run_dense(net, layers, selected):
    """Runs both hidden layers on `layers.inputs`, into `layers.last`; returns as `run_sparse`."""
    inputs = layers.inputs
    add_rows(layers.first, net.rows, selected)
    multiply_pairs(inputs, net.first_pairs, layers.first)
    count = 0
    for i in range(inputs.shape[0]):
        count += 1 if inputs[i] != 0 else 0
    return (selected.shape[0] + count) * net.rows.shape[1] + run_second(net, layers)


@inlined
def run_second(net, layers):
    """Runs the second hidden layer on the sums of the first, into `layers.last`; returns as `run_sparse`."""
    second, width = layers.second, net.second_bias.shape[0]
    count = activate(layers.first, net.shifts[0], layers.hidden)
    for k in range(width):
        second[k] = net.second_bias[k]
    multiply_pairs(layers.hidden, net.second_pairs, second)
    activate(second, net.shifts[1], layers.last)
    return count * width


@inlined
def node_probability(net, last, node):
    """Probability, in 1/65536, that a symbol goes to the second child of a node, from the activations of the second layer."""
    logit = net.node_bias[node] + dot_row(last, net.node_pairs, node)
    half = np.int32((1 << net.shifts[2]) >> 1)
    return np.int64(net.sigmoid[clip(((logit + half) >> net.shifts[2]) + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)])


@kernel
def code_tree(state, data, costs, net, last, root, symbol):
    """Codes a symbol down the tree from `root`, and returns it; -1 if the data are exhausted."""
    node = root
    while node >= 0:
        bit = code_decision(state, data, costs, node_probability(net, last, node), 1 if symbol > net.threshold[node] else 0)
        if state[EXHAUSTED]:
            return -1
        state[MACS] += net.nodes.shape[1]
        node = net.children[node, bit]
    return -1 - node
