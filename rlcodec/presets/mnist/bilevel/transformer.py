"""Tier `lm`: a decoder-only causal transformer over the pixels of a scan, in exact integers, with a cache.

Every pixel that is not quiet (`rlcodec.presets.mnist.bilevel.context`) is a token. Its embedding is the sum of what the ink in its window
and its learned rows stand for. Each layer adds causal attention and two dense layers with a clipped ReLU, each behind a
normalisation by the root mean square (Zhang and Sennrich, 2019; gains are folded into the weights that follow). A token
attends to the tokens before it and to one learned entry that is always there. The values of a token tell its outcome, too:
they are completed once its symbol is known, so no token sees its own.

Numbers: the residual stream is int32 in units of 1/RESIDUAL; everything that is multiplied is int16 in units of 1/128 and
at most ACTIVATION_MAX, weights are int16, sums int32 with bounds that the export proves. Attention weights are looked up in
a shipped table of the exponential, so softmax is a sum of integers and one division, and its order does not matter.
"""

from typing import NamedTuple

import numpy as np

from rlcodec.core.int16_products import LANES, activate, in_rows, made_pairs, multiply_pairs
from rlcodec.core.integer_conv import ACTIVATION_MAX
from rlcodec.core.integer_mlp import add_ink, add_rows
from rlcodec.core.kernel import assign, kernel
from rlcodec.core.range_coder import EXHAUSTED, STATE_FIELDS
from rlcodec.errors import ModelError
from rlcodec.presets.mnist.bilevel.context import SELECTED, window_size
from rlcodec.presets.mnist.bilevel.geometry import MAX_SIDE

ROWS_ABOVE, COLUMNS_ASIDE = 8, 8
RESIDUAL = 1024
RESIDUAL_LIMIT = 1 << 20
SMALLEST_NORM = 256
NORM_BITS = 31
"""Reciprocals of the root mean square, which has four more fraction bits than the residual stream, are in 2**-NORM_BITS."""
WEIGHT_ONE = 2047
WEIGHT_UNITS_PER_NAT = 128
WEIGHT_ENTRIES = 1024
"""Attention weights below exp(-WEIGHT_ENTRIES / WEIGHT_UNITS_PER_NAT) of the largest are none."""
HEAD_SIZE = 32
ATTENTION_SCALE = 1 / 8
LOGIT_SHIFT = 10
"""From a product of query and key, in units of 1/128 each and times ATTENTION_SCALE, to 1/WEIGHT_UNITS_PER_NAT nat."""
MEMORY = 1024
"""Entries of the cache, the learned one included; WEIGHT_ONE * ACTIVATION_MAX * MEMORY is below 2**31."""


CODED, GIVEN = 0, 1
WAITS, OUTCOME, INK = range(3)
ASKED_ROWS = 3
ASKED_INPUTS = ASKED_ROWS + SELECTED
ASKED = ASKED_INPUTS + window_size(ROWS_ABOVE, COLUMNS_ASIDE)
BEFORE = STATE_FIELDS + 1 + MAX_SIDE
WAITING = 2
"""Said by a coder's EXHAUSTED while a decoder waits for what it asked."""


class LmNet(NamedTuple):
    """The integer transformer: l layers of width d, with h hidden units.

    Shapes: `first` (inputs, d) int16 and `rows` (table rows, d) int32, the embedding; `qkv` (l, d, 3 d) int16; `outcome`
    (l, 2, d) int16; `sink` (l, 2, d) int16, key and value of the learned entry; `out` (l, d, d) int16; `up` (l, d, h),
    `down` (l, h, d) int16 with biases `up_bias` (l, h), `down_bias` (l, d) int32; `layer_shifts` (l, 4) int64, of qkv, out,
    up and down; `embed_shift` (1,) int64; `exponential` (WEIGHT_ENTRIES,) int32. The rest are the fields of
    `rlcodec.core.integer_mlp.ContextNet` that read a symbol out; and, made by `lm_net`, the matrices as in `rlcodec.core.int16_products`.
    """

    first: np.ndarray
    rows: np.ndarray
    qkv: np.ndarray
    outcome: np.ndarray
    sink: np.ndarray
    out: np.ndarray
    up: np.ndarray
    up_bias: np.ndarray
    down: np.ndarray
    down_bias: np.ndarray
    layer_shifts: np.ndarray
    embed_shift: np.ndarray
    exponential: np.ndarray
    nodes: np.ndarray
    node_bias: np.ndarray
    shifts: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    sigmoid: np.ndarray
    qkv_pairs: np.ndarray
    out_pairs: np.ndarray
    up_pairs: np.ndarray
    down_pairs: np.ndarray
    node_pairs: np.ndarray


def lm_net(**stored: np.ndarray) -> LmNet:
    """A network from what is stored of it.

    Raises:
        ModelError: its layers do not come in whole vectors, which the kernels take for granted.
    """
    if any(size % LANES for size in stored["up"].shape[1:]):
        raise ModelError(f"the transformer's widths are {stored['up'].shape[1:]}; they must be multiples of {LANES}")
    stored = in_rows(stored)
    return LmNet(**stored, **made_pairs(stored, "qkv", "out", "up", "down"))


class Memory(NamedTuple):
    """The cache of a transformer on its way through an image, and its working space.

    Shapes: `keys` (l, d / 2, MEMORY, 2) int16, pairs as in `rlcodec.core.int16_products`; `values` (l, d, MEMORY) int16; `tokens` (1,)
    int64, how many so far; `x` (d,) int32, the residual stream; `y` (d,), `hidden` (h,) int16, activations; `sums`
    (max(3 d, h),) int32; `weights` (MEMORY,) int32 and `shares` (MEMORY,) int16, of attention.

    Where something else runs the network: `given` (n,) int32, what it found at each token, as indices into the table of the
    sigmoid; `progress` (2,) int64, tokens coded and tokens given; `asked` (ASKED,) int64, what a decoder needs to know next:
    whether it waits, the outcome of the token before, how many inputs are ink, the learned rows, the inputs; `before` int64,
    where a decoder that waits goes back to. All are empty where the kernel runs the network itself.
    """

    keys: np.ndarray
    values: np.ndarray
    tokens: np.ndarray
    x: np.ndarray
    y: np.ndarray
    hidden: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    shares: np.ndarray
    given: np.ndarray
    progress: np.ndarray
    asked: np.ndarray
    before: np.ndarray


def exponential_table() -> np.ndarray:
    """Attention weights by distance from the largest logit, int32; shipped with the weights, never recomputed."""
    return np.rint(WEIGHT_ONE * np.exp(-np.arange(WEIGHT_ENTRIES) / WEIGHT_UNITS_PER_NAT)).astype(np.int32)


def memory_of(net: LmNet) -> Memory:
    """An empty cache."""
    layers, width, hidden = net.up.shape
    memory = Memory(
        np.empty((layers, width // 2, MEMORY, 2), np.int16),
        np.empty((layers, width, MEMORY), np.int16),
        np.zeros(1, np.int64),
        np.empty(width, np.int32),
        np.empty(width, np.int16),
        np.empty(hidden, np.int16),
        np.empty(max(3 * width, hidden), np.int32),
        np.empty(MEMORY, np.int32),
        np.empty(MEMORY, np.int16),
        *_nothing_given(),
    )
    memory.keys[:, :, 0], memory.values[:, :, 0] = net.sink[:, 0].reshape(layers, -1, 2), net.sink[:, 1]
    return memory


def _nothing_given() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(0, np.int32), np.zeros(2, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)


def memory_of_logits(logits: np.ndarray) -> Memory:
    """For encoders that know all tokens' logits, int32 (tokens,), as indices into the table of the sigmoid."""
    progress = np.array([0, len(logits)], np.int64)
    return _without_cache()._replace(given=logits, progress=progress)


def memory_that_asks() -> Memory:
    """For decoders that wait at every token for what something else makes of it."""
    given = np.empty(MAX_SIDE**2, np.int32)
    return _without_cache()._replace(given=given, asked=np.zeros(ASKED, np.int64), before=np.empty(BEFORE, np.int64))


def _without_cache() -> Memory:
    return Memory(
        np.empty((0, 0, 0, 0), np.int16), np.empty((0, 0, 0), np.int16), np.zeros(1, np.int64),
        np.empty(0, np.int32), np.empty(0, np.int16), np.empty(0, np.int16), np.empty(0, np.int32), np.empty(0, np.int32),
        np.empty(0, np.int16), *_nothing_given(),
    )  # fmt: skip


@kernel
def root(value):
    """Integer part of the square root of a non-negative int64 (Newton's iteration from above)."""
    if value < 2:
        return value
    guess, rest = np.int64(1), value
    while rest:
        guess <<= 1
        rest >>= 2
    better = (guess + value // guess) >> 1
    while better < guess:
        guess = better
        better = (guess + value // guess) >> 1
    return guess


@kernel
def _normalise(x, y):
    """Writes x over its root mean square into y, in 1/128, clipped to ±ACTIVATION_MAX."""
    width = x.shape[0]
    total = np.int64(0)
    for j in range(width):
        total += np.int64(x[j]) * np.int64(x[j])
    norm = max(root((total << 8) // width), SMALLEST_NORM)
    scale = (np.int64(1) << NORM_BITS) // norm
    for j in range(width):
        value = (np.int64(x[j]) * scale + (1 << 19)) >> 20
        y[j] = min(max(value, -ACTIVATION_MAX), ACTIVATION_MAX)


@kernel
def _add_to_residual(x, sums, shift):
    half = np.int32((1 << shift) >> 1)
    for j in range(x.shape[0]):
        x[j] = min(max(x[j] + ((sums[j] + half) >> shift), -RESIDUAL_LIMIT), RESIDUAL_LIMIT)


@kernel
def _attend(keys, values, query, entries, exponential, weights, shares, out):
    """Attention of one token over the first `entries` of a layer's cache; writes into `out`, int16 (d,), in 1/128.

    Both products run along the cache, of int16 by int16.
    """
    # Whole vectors: what lies beyond the entries is computed and not looked at.
    columns = entries + -entries % LANES
    for head in range(0, query.shape[0], HEAD_SIZE):
        weights[:columns] = 0
        near = keys[head // 2 : (head + HEAD_SIZE) // 2, :columns]
        multiply_pairs(query[head : head + HEAD_SIZE], near, weights)
        largest = weights[0]
        for t in range(1, entries):
            largest = max(largest, weights[t])
        total = np.int64(0)
        for t in range(entries):
            distance = (largest - weights[t]) >> LOGIT_SHIFT
            share = exponential[distance] if distance < WEIGHT_ENTRIES else np.int32(0)
            shares[t] = share
            total += share
        scale = (np.int64(1) << 32) // total
        for j in range(head, head + HEAD_SIZE):
            mixed = np.int32(0)
            for t in range(entries):
                mixed = np.int32(mixed + np.int32(shares[t]) * np.int32(values[j, t]))
            out[j] = (np.int64(mixed) * scale + (np.int64(1) << 31)) >> 32


@kernel
def token_macs(net, tokens, inputs):
    """Multiply-accumulates of a token after `tokens` others, with so many inputs and learned rows."""
    layers, width, hidden = net.up.shape
    return inputs * width + layers * (4 * width + 2 * hidden + 2 * min(1 + tokens, MEMORY)) * width


@kernel
def run_token(net, memory, selected, which, active):
    """Runs the transformer on the next token; its final activations are then in `memory.y`.

    Args:
        net: the network.
        memory: cache and working space.
        selected: int64, learned rows of the token.
        which: int64, inputs that are ink; `active` of them.
        active: how many.

    Returns:
        Multiply-accumulates spent.
    """
    layers, width, hidden = net.up.shape
    x, y, sums = memory.x, memory.y, memory.sums
    entries = min(1 + memory.tokens[0], MEMORY)
    slot = 1 + memory.tokens[0] % (MEMORY - 1)
    embedding = sums[:width]
    add_rows(embedding, net.rows, selected)
    add_ink(embedding, net.first, which, active)
    x[:] = 0
    _add_to_residual(x, embedding, net.embed_shift[0])
    for layer in range(layers):
        _normalise(x, y)
        qkv = sums[: 3 * width]
        qkv[:] = 0
        multiply_pairs(y, net.qkv_pairs[layer], qkv)
        shift = net.layer_shifts[layer, 0]
        half = np.int32((1 << shift) >> 1)
        for j in range(3 * width):
            qkv[j] = min(max((qkv[j] + half) >> shift, -ACTIVATION_MAX), ACTIVATION_MAX)
        keys, values, query = memory.keys[layer], memory.values[layer], memory.hidden[:width]
        assign(query, qkv[:width])
        _attend(keys, values, query, entries, net.exponential, memory.weights, memory.shares, y)
        for j in range(width):
            keys[j // 2, slot, j % 2] = qkv[width + j]
            values[j, slot] = qkv[2 * width + j]
        mixed = sums[:width]
        mixed[:] = 0
        multiply_pairs(y, net.out_pairs[layer], mixed)
        _add_to_residual(x, mixed, net.layer_shifts[layer, 1])
        _normalise(x, y)
        raised = sums[:hidden]
        assign(raised, net.up_bias[layer])
        multiply_pairs(y, net.up_pairs[layer], raised)
        activate(raised, net.layer_shifts[layer, 2], memory.hidden)
        lowered = sums[:width]
        assign(lowered, net.down_bias[layer])
        multiply_pairs(memory.hidden, net.down_pairs[layer], lowered)
        _add_to_residual(x, lowered, net.layer_shifts[layer, 3])
    _normalise(x, y)
    return token_macs(net, memory.tokens[0], selected.shape[0] + active)


@kernel
def remember(net, memory, symbol):
    """Completes the values of the token that was run last with its outcome."""
    slot = 1 + memory.tokens[0] % (MEMORY - 1)
    for layer in range(net.up.shape[0]):
        values = memory.values[layer]
        for j in range(values.shape[0]):
            value = np.int32(values[j, slot]) + np.int32(net.outcome[layer, symbol, j])
            values[j, slot] = min(max(value, -ACTIVATION_MAX), ACTIVATION_MAX)
    memory.tokens[0] += 1


@kernel
def ask(state, memory, selected, which, active):
    """Writes down what has to be known of the next token, and makes the coder's kernels return."""
    asked = memory.asked
    asked[WAITS], asked[INK] = 1, active
    assign(asked[ASKED_ROWS:], selected)
    assign(asked[ASKED_INPUTS:], which[:active])
    state[EXHAUSTED] = WAITING


@kernel
def answer(memory, index):
    """Gives a decoder that waits what was found at its token."""
    memory.given[memory.progress[GIVEN]] = index
    memory.progress[GIVEN] += 1
    memory.asked[WAITS] = 0


@kernel
def keep_place(state, memory, up):
    """Notes where a row of pixels begins, for a decoder that may have to wait inside it."""
    before = memory.before
    assign(before, state)
    before[STATE_FIELDS] = memory.progress[CODED]
    assign(before[STATE_FIELDS + 1 :], up)


@kernel
def go_back(state, memory, up):
    """Back to where the row begins. What was decoded of it stays in the scan, and decodes to the same again."""
    before = memory.before
    assign(state, before[:STATE_FIELDS])
    memory.progress[CODED] = before[STATE_FIELDS]
    assign(up, before[STATE_FIELDS + 1 :])
