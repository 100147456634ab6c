"""Tier `lm`: a decoder-only causal transformer over the pixels of a bilevel source, in exact integers, with a KV cache.

Every pixel that is not skipped (`rlcodec.presets.mnist.bilevel.context`) is a token. Its embedding is the sum of the rows of
the ink in its window and of its learned rows. Each layer adds causal attention and two dense layers with a clipped ReLU, each
behind a normalisation by the root mean square (Zhang and Sennrich, 2019; gains are folded into the weights that follow). A
token attends to the tokens before it and to one learned entry. The values of a token also depend on its symbol: they are
completed once it is known, so no token sees its own.

Numbers: the residual stream is int32 in units of 1/RESIDUAL. Factors of products are int16: activations in units of 1/128, at
    most
ACTIVATION_MAX, and weights. Sums are int32, with bounds that the export proves. Attention weights are looked up in a table of
the exponential that is shipped with the weights, so that softmax is a sum of integers and one division, and independent of the
order.
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
"""Attention weights below exp(-WEIGHT_ENTRIES / WEIGHT_UNITS_PER_NAT) of the largest are 0."""
HEAD_SIZE = 32
ATTENTION_SCALE = 1 / 8
LOGIT_SHIFT = 10
"""From a product of query and key, in units of 1/128 each and times ATTENTION_SCALE, to 1/WEIGHT_UNITS_PER_NAT nat."""
CACHE_ENTRIES = 1024
"""Entries of the KV cache, the learned one included; WEIGHT_ONE * ACTIVATION_MAX * CACHE_ENTRIES is below 2**31."""


CODED, GIVEN = 0, 1
"""Fields of `KvCache.progress`."""
WAITS, OUTCOME, INK = range(3)
"""First fields of `KvCache.asked`; the learned rows and the inputs follow."""
ASKED_ROWS = 3
ASKED_INPUTS = ASKED_ROWS + SELECTED
ASKED = ASKED_INPUTS + window_size(ROWS_ABOVE, COLUMNS_ASIDE)
BEFORE = STATE_FIELDS + 1 + MAX_SIDE
WAITING = 2
"""Value of a coder's EXHAUSTED while a decoder waits for the answer to a question."""


class LmNet(NamedTuple):
    """The integer transformer: l layers of width d, with h hidden units.

    Attributes:
        first: int16 (inputs, d), embeddings of ink in the window.
        rows: int32 (SELECTED_ROWS, d), embeddings of learned rows.
        qkv: int16 (l, d, 3 d), projections to query, key and value.
        outcome: int16 (l, 2, d), what a token's symbol adds to its values.
        sink: int16 (l, 2, d), key and value of the learned entry.
        out: int16 (l, d, d), projection of attention.
        up: int16 (l, d, h), first dense layer.
        up_bias: int32 (l, h).
        down: int16 (l, h, d), second dense layer.
        down_bias: int32 (l, d).
        layer_shifts: int64 (l, 4), of the sums of qkv, out, up and down.
        embed_shift: int64 (1,), of the embedding.
        exponential: int32 (WEIGHT_ENTRIES,), from `exponential_table`.
        nodes: as in `rlcodec.core.integer_mlp.ContextNet`, which reads a symbol out in the same way.
        node_bias: the same.
        shifts: the same.
        threshold: the same.
        children: the same.
        sigmoid: the same.
        qkv_pairs: `qkv` in the layout of `rlcodec.core.int16_products`, computed by `lm_net`.
        out_pairs: `out`, the same.
        up_pairs: `up`, the same.
        down_pairs: `down`, the same.
        node_pairs: `nodes`, the same.
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
    """A network from the arrays that are stored of it.

    Raises:
        ModelError: the widths of its layers are no multiples of LANES, as kernels need them.
    """
    if any(size % LANES for size in stored["up"].shape[1:]):
        raise ModelError(f"the transformer's widths are {stored['up'].shape[1:]}; they must be multiples of {LANES}")
    stored = in_rows(stored)
    return LmNet(**stored, **made_pairs(stored, "qkv", "out", "up", "down"))


class KvCache(NamedTuple):
    """Keys and values of the tokens of an image, and scratch buffers of the transformer.

    The last four attributes serve networks that run elsewhere, for instance on a GPU; they are empty if the kernel runs the
    network.

    Attributes:
        keys: int16 (l, d / 2, CACHE_ENTRIES, 2), in pairs as in `rlcodec.core.int16_products`.
        values: int16 (l, d, CACHE_ENTRIES).
        tokens: int64 (1,), tokens so far.
        x: int32 (d,), the residual stream.
        y: int16 (d,), activations.
        hidden: int16 (h,), activations.
        sums: int32 (max(3 d, h),).
        weights: int32 (CACHE_ENTRIES,), products of query and keys.
        shares: int16 (CACHE_ENTRIES,), attention weights.
        given: int32 (n,), logits of tokens, as indices into the table of the sigmoid.
        progress: int64 (2,), tokens coded, and tokens whose logits were given.
        asked: int64 (ASKED,), what a decoder asks about its next token: whether it waits, the symbol of the previous token, how
            many inputs are ink, the learned rows, and the inputs.
        before: int64, state at the beginning of a row, to which a decoder that waits returns.
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


def _new_cache(shape: tuple[int, ...] = (0, 0, 0), entries: int = 0) -> KvCache:
    """A cache without values, by the shape of `LmNet.up`; of a network that runs elsewhere by default."""
    layers, width, hidden = shape
    return KvCache(
        keys=np.empty((layers, width // 2, entries, 2), np.int16),
        values=np.empty((layers, width, entries), np.int16),
        tokens=np.zeros(1, np.int64),
        x=np.empty(width, np.int32),
        y=np.empty(width, np.int16),
        hidden=np.empty(hidden, np.int16),
        sums=np.empty(max(3 * width, hidden), np.int32),
        weights=np.empty(entries, np.int32),
        shares=np.empty(entries, np.int16),
        given=np.empty(0, np.int32),
        progress=np.zeros(2, np.int64),
        asked=np.empty(0, np.int64),
        before=np.empty(0, np.int64),
    )


def empty_cache(net: LmNet) -> KvCache:
    """A cache of no tokens, for the kernel to run the network."""
    cache = _new_cache(net.up.shape, CACHE_ENTRIES)
    cache.keys[:, :, 0], cache.values[:, :, 0] = net.sink[:, 0].reshape(len(net.sink), -1, 2), net.sink[:, 1]
    return cache


def cache_of_logits(logits: np.ndarray) -> KvCache:
    """For encoders with the logits of all tokens, int32 (tokens,), as indices into the table of the sigmoid."""
    return _new_cache()._replace(given=logits, progress=np.array([0, len(logits)], np.int64))


def asking_cache() -> KvCache:
    """For decoders that ask for the logit of every token and wait for the answer."""
    given = np.empty(MAX_SIDE**2, np.int32)
    return _new_cache()._replace(given=given, asked=np.zeros(ASKED, np.int64), before=np.empty(BEFORE, np.int64))


@kernel
def root(value):
    """Integer part of the square root of a non-negative int64, by Newton's iteration from above."""
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
    """Attention of one token over the first `entries` of the cache of a layer; writes into `out`, int16 (d,), in 1/128.

    Both products, int16 by int16, run along the entries of the cache.
    """
    # Whole vectors: products beyond the last entry are computed and ignored.
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
    """Multiply-accumulates of a token after `tokens` others, with `inputs` rows of ink and learned rows."""
    layers, width, hidden = net.up.shape
    return inputs * width + layers * (4 * width + 2 * hidden + 2 * min(1 + tokens, CACHE_ENTRIES)) * width


@kernel
def run_token(net, cache, selected, which, active):
    """Runs the transformer on the next token; its final activations are then in `cache.y`.

    Args:
        net: the network.
        cache: of the tokens before; `remember` adds this one.
        selected: int64, learned rows of the token.
        which: int64, inputs that are ink, in its first `active` entries.
        active: how many inputs are ink.

    Returns:
        Multiply-accumulates spent.
    """
    layers, width, hidden = net.up.shape
    x, y, sums = cache.x, cache.y, cache.sums
    entries = min(1 + cache.tokens[0], CACHE_ENTRIES)
    slot = 1 + cache.tokens[0] % (CACHE_ENTRIES - 1)
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
        keys, values, query = cache.keys[layer], cache.values[layer], cache.hidden[:width]
        assign(query, qkv[:width])
        _attend(keys, values, query, entries, net.exponential, cache.weights, cache.shares, y)
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
        activate(raised, net.layer_shifts[layer, 2], cache.hidden)
        lowered = sums[:width]
        assign(lowered, net.down_bias[layer])
        multiply_pairs(cache.hidden, net.down_pairs[layer], lowered)
        _add_to_residual(x, lowered, net.layer_shifts[layer, 3])
    _normalise(x, y)
    return token_macs(net, cache.tokens[0], selected.shape[0] + active)


@kernel
def remember(net, cache, symbol):
    """Completes the values of the latest token with its symbol."""
    slot = 1 + cache.tokens[0] % (CACHE_ENTRIES - 1)
    for layer in range(net.up.shape[0]):
        values = cache.values[layer]
        for j in range(values.shape[0]):
            value = np.int32(values[j, slot]) + np.int32(net.outcome[layer, symbol, j])
            values[j, slot] = min(max(value, -ACTIVATION_MAX), ACTIVATION_MAX)
    cache.tokens[0] += 1


@kernel
def ask(state, cache, selected, which, active):
    """Asks for the logit of the next token, and makes the kernels of the coder return."""
    asked = cache.asked
    asked[WAITS], asked[INK] = 1, active
    assign(asked[ASKED_ROWS:], selected)
    assign(asked[ASKED_INPUTS:], which[:active])
    state[EXHAUSTED] = WAITING


@kernel
def answer(cache, index):
    """Answers a decoder that waits: the logit of its token, as an index into the table of the sigmoid."""
    cache.given[cache.progress[GIVEN]] = index
    cache.progress[GIVEN] += 1
    cache.asked[WAITS] = 0


@kernel
def save_place(state, cache, up):
    """Saves the state at the beginning of a row of pixels, for a decoder that may have to wait inside it."""
    before = cache.before
    assign(before, state)
    before[STATE_FIELDS] = cache.progress[CODED]
    assign(before[STATE_FIELDS + 1 :], up)


@kernel
def restore_place(state, cache, up):
    """Returns to the beginning of the row. Pixels of the source that were decoded stay, and decode to the same again."""
    before = cache.before
    assign(state, before[:STATE_FIELDS])
    cache.progress[CODED] = before[STATE_FIELDS]
    assign(up, before[STATE_FIELDS + 1 :])
