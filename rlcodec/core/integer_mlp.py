"""The integer network that predicts symbols: two hidden layers, and a tree of binary decisions that codes a symbol.

Numbers: inputs are int16, weights int16, sums int32 whose bounds are proved at export, activations in
[0, ACTIVATION_MAX], logits in units of 1/LOGIT_UNITS_PER_NAT nat, probabilities in 1/65536. A symbol is coded as a path down
the tree; only the nodes on the path are evaluated.
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


class ContextNet(NamedTuple):
    """An integer network with two hidden layers and a tree of decisions.

    Shapes: `first` (inputs, h1) int16, `rows` (table rows, h1) int32, `second` (h1, h2) int16, `second_bias` (h2,)
    int32, `nodes` (nodes, h2) int16, `node_bias` (nodes,) int32, `shifts` (3,) int64, `threshold` (nodes,) int16,
    `children` (nodes, 2) int16 with leaves as -1 - symbol, `sigmoid` (2 * LOGIT_LIMIT,) int32; and, made from them by
    `context_net`, `first_pairs`, `second_pairs` and `node_pairs`, padded as `rlcodec.core.int16_products` takes them.
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
    """Working space of a network: `inputs`, `hidden` and `last` int16, what enters the first and the second layer and the
    tree; `first` and `second` int32, the sums of both layers. What pads them is zero and stays so."""

    inputs: np.ndarray
    hidden: np.ndarray
    last: np.ndarray
    first: np.ndarray
    second: np.ndarray


def context_net(**stored: np.ndarray) -> ContextNet:
    """A network from what is stored of it."""
    stored = in_rows(stored)
    return ContextNet(**stored, **made_pairs(stored, "first", "second"))


def layers_of(net: Any) -> Layers:
    """Working space for a `ContextNet`."""
    inputs, hidden = np.zeros(2 * net.first_pairs.shape[0], np.int16), np.zeros(2 * net.second_pairs.shape[0], np.int16)
    last = np.zeros(net.node_pairs.shape[1], np.int16)
    first, second = np.zeros(net.first_pairs.shape[1], np.int32), np.zeros(net.second_pairs.shape[1], np.int32)
    return Layers(inputs, hidden, last, first, second)


def sigmoid_table() -> np.ndarray:
    """Probability of a 1 at each clipped logit, int32 in [1, 65535]; shipped with the weights, never recomputed."""
    logits = (np.arange(2 * LOGIT_LIMIT) - LOGIT_LIMIT) / LOGIT_UNITS_PER_NAT
    return np.clip(np.rint(65536 / (1 + np.exp(-logits))), 1, 65535).astype(np.int32)


@kernel
def clip(value, low, high):
    """The value, or the nearer bound."""
    return min(max(value, low), high)


@inlined
def _accumulate(sums, weights, which, values, count):
    """Adds `values[i] * weights[which[i]]` to `sums`; four at a time, so that the sums are fetched a quarter as often."""
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
    """Writes the sum of the selected learned rows into `sums`."""
    width = rows.shape[1]
    for j in range(width):
        sums[j] = rows[selected[0], j]
    for i in range(1, selected.shape[0]):
        row = selected[i]
        for j in range(width):
            sums[j] += rows[row, j]


@kernel
def add_ink(sums, weights, which, count):
    """Adds the weights of the `count` inputs that are ink to `sums`; four at a time."""
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
    """Runs both hidden layers on the inputs that a caller listed, into `layers.last`.

    Returns the multiply-accumulates with what is not zero.
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
    """Probability, in 1/65536, of the upper way at a node of the tree, from the last activations."""
    logit = net.node_bias[node] + dot_row(last, net.node_pairs, node)
    half = np.int32((1 << net.shifts[2]) >> 1)
    return np.int64(net.sigmoid[clip(((logit + half) >> net.shifts[2]) + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)])


@kernel
def code_tree(state, data, costs, net, last, root, symbol):
    """Codes a symbol down the tree from `root`; -1 when the data is exhausted."""
    node = root
    while node >= 0:
        bit = code_decision(state, data, costs, node_probability(net, last, node), 1 if symbol > net.threshold[node] else 0)
        if state[EXHAUSTED]:
            return -1
        state[MACS] += net.nodes.shape[1]
        node = net.children[node, bit]
    return -1 - node
