"""The integer transformer that `rlcodec.presets.mnist.bilevel.transformer` describes."""

import numpy as np

cimport cython
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from rlcodec.core._int16_products cimport ACTIVATION_MAX, LANES, activate, multiply_columns
from rlcodec.core._integer_mlp cimport LOGIT_LIMIT, add_ink, add_rows, clip, node_logit
from rlcodec.core.compiler cimport cloned
from rlcodec.presets.mnist.bilevel._context cimport SELECTED_ROWS
from rlcodec.presets.mnist.bilevel._geometry cimport MAX_SIDE

from rlcodec.core.int16_products import to_pairs
from rlcodec.errors import ModelError

cdef enum:
    ROUNDED_BITS = 20  # of a reciprocal root mean square, in the product with the residual stream


cdef class LmNet(DecisionTree):
    """The integer transformer: l layers of width d, with h hidden units, and one decision, as in `DecisionTree`.

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
        stored: names of these arrays, under which weights files hold them.

    Raises:
        ModelError: the shapes of the arrays do not fit, or kernels cannot take their widths or shifts.
    """

    stored = (
        "first", "rows", "qkv", "outcome", "sink", "out", "up", "up_bias", "down", "down_bias", "layer_shifts", "embed_shift",
        "exponential", "nodes", "node_bias", "shifts", "threshold", "children", "sigmoid",
    )

    def __init__(
        self, *, first, rows, qkv, outcome, sink, out, up, up_bias, down, down_bias, layer_shifts, embed_shift, exponential,
        **decisions
    ):
        super().__init__(**decisions)
        layers, width, hidden = up.shape
        if width == 0 or width % HEAD_SIZE or hidden == 0 or hidden % LANES:
            raise ModelError(
                f"the transformer's widths are {width} and {hidden}; they must be multiples of {HEAD_SIZE} and {LANES}"
            )
        shapes = {
            "first": (first, (LM_INPUTS, width)), "rows": (rows, (SELECTED_ROWS, width)),
            "qkv": (qkv, (layers, width, 3 * width)), "outcome": (outcome, (layers, 2, width)),
            "sink": (sink, (layers, 2, width)), "out": (out, (layers, width, width)),
            "up_bias": (up_bias, (layers, hidden)), "down": (down, (layers, hidden, width)),
            "down_bias": (down_bias, (layers, width)), "layer_shifts": (layer_shifts, (layers, 4)),
            "embed_shift": (embed_shift, (1,)), "exponential": (exponential, (WEIGHT_ENTRIES,)),
            "nodes": (decisions["nodes"], (1, width)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape:
                raise ModelError(f"the transformer's array {name} has the shape {array.shape}; it must have {shape}")
        for shifts in (layer_shifts, embed_shift):
            if not ((0 <= shifts) & (shifts < 31)).all():
                raise ModelError("the shifts of the transformer's sums are not from 0 to 30")
        if exponential[0] != WEIGHT_ONE or not ((0 <= exponential) & (exponential <= WEIGHT_ONE)).all():
            raise ModelError(f"the transformer's attention weights are not from 0 to {WEIGHT_ONE}, which the first must be")
        if not (np.abs(sink.astype(np.int32)) <= ACTIVATION_MAX).all():
            raise ModelError(f"the transformer's learned entry is not within ±{ACTIVATION_MAX}")
        self.first, self.rows, self.qkv, self.outcome, self.sink, self.out = first, rows, qkv, outcome, sink, out
        self.up, self.up_bias, self.down, self.down_bias = up, up_bias, down, down_bias
        self.layer_shifts, self.embed_shift, self.exponential = layer_shifts, embed_shift, exponential
        self.layers, self.width, self.hidden = layers, width, hidden
        self.qkv_pairs, self.out_pairs, self.up_pairs, self.down_pairs = map(to_pairs, (qkv, out, up, down))
        self.weight_table = np.append(exponential, 0).astype(np.int16)


cdef class KvCache:
    """Keys and values of the tokens of an image, and scratch buffers of the transformer.

    With a network, the kernel runs it. Without one, the network runs elsewhere, for instance on a GPU: with `logits`, all of
    them are known, as for an encoder; without, the decoder asks for the logit of every token and waits for the answer.

    Args:
        net: the network.
        logits: int32 (tokens,), as indices into the table of the sigmoid.

    Attributes:
        layers: l of the network, 0 without one; so are the widths.
        width: d of the network.
        hidden: h of the network.
        tokens: tokens so far.
        y: int16 (d,), activations.
        given: int32, logits of tokens, as indices into the table of the sigmoid; empty if the kernel runs the network.
        progress: int64 (2,), tokens coded, and tokens whose logits were given.
        asked: int64 (ASKED,), what a decoder asks about its next token: whether it waits, the symbol of the previous token, how
            many inputs are ink, the learned rows, and the inputs; empty unless the decoder asks.

    Raises:
        ValueError: a logit is outside the table.
    """

    def __init__(self, LmNet net=None, logits=None):
        cdef int64_t asks = net is None and logits is None
        if net is not None:
            self.layers, self.width, self.hidden = net.layers, net.width, net.hidden
        heads = self.width // HEAD_SIZE
        # The first token writes the learned entry. What stands beyond the last is multiplied, but changes no result.
        self.keys = np.empty((self.layers, heads, CACHE_ENTRIES // KEY_BLOCK, KEY_PAIRS * KEY_BLOCK * 2), np.int16)
        self.values = np.empty((self.layers, heads, CACHE_ENTRIES // 2, HEAD_SIZE * 2), np.int16)
        self.x, self.y = np.zeros(self.width, np.int32), np.zeros(self.width, np.int16)
        self.query, self.raised = np.zeros(3 * self.width, np.int16), np.zeros(self.hidden, np.int16)
        self.sums = np.zeros(max(3 * self.width, self.hidden), np.int32)
        self.products, self.shares = np.zeros(CACHE_ENTRIES, np.int32), np.zeros(CACHE_ENTRIES, np.int16)
        self.progress = np.zeros(2, np.int64)
        self.asked = np.zeros(ASKED if asks else 0, np.int64)
        self.up_before = np.zeros(MAX_SIDE if asks else 0, np.int64)
        if net is not None:
            self.given = np.zeros(0, np.int32)
        elif asks:
            self.given = np.zeros(MAX_SIDE * MAX_SIDE, np.int32)
        else:
            if len(logits) and not (0 <= min(logits) and max(logits) < 2 * LOGIT_LIMIT):
                raise ValueError("a logit is outside the table of the sigmoid")
            # Never empty, as that would tell the kernel to run the network.
            self.given = np.append(np.asarray(logits, np.int32), np.int32(0))
            self.progress[GIVEN] = len(logits)


cdef int check_cache(LmNet net, KvCache cache) except -1:
    """Raises ValueError if a cache is that of another network; one without a network serves all."""
    if cache.given.shape[0] == 0 and (cache.layers != net.layers or cache.width != net.width or cache.hidden != net.hidden):
        raise ValueError("the KV cache is of another network")
    return 0


cdef void write_key(KvCache cache, Py_ssize_t layer, Py_ssize_t slot, const int16_t* key) noexcept nogil:
    """Writes the key of an entry."""
    cdef Py_ssize_t head, _pair
    cdef int16_t* block
    for head in range(cache.keys.shape[1]):
        block = &cache.keys[layer, head, slot >> 6, 2 * (slot & (KEY_BLOCK - 1))]
        for _pair in range(KEY_PAIRS):
            block[0], block[1] = key[0], key[1]
            block += 2 * KEY_BLOCK
            key += 2


cdef void write_value(KvCache cache, Py_ssize_t layer, Py_ssize_t slot, const int16_t* value) noexcept nogil:
    """Writes the value of an entry."""
    cdef Py_ssize_t head, j
    cdef int16_t* pair
    for head in range(cache.values.shape[1]):
        pair = &cache.values[layer, head, slot >> 1, slot & 1]
        for j in range(HEAD_SIZE):
            pair[2 * j] = value[j]
        value += HEAD_SIZE


@cython.cdivision(True)
cpdef int64_t root(int64_t value) noexcept nogil:
    """Integer part of the square root of a non-negative int64, by Newton's iteration from above."""
    cdef int64_t guess = 1, rest = value, better
    if value < 2:
        return value
    while rest:
        guess <<= 1
        rest >>= 2
    better = (guess + value // guess) >> 1
    while better < guess:
        guess = better
        better = (guess + value // guess) >> 1
    return guess


cdef cloned add_squares(const int32_t* x, Py_ssize_t width, int64_t* total) noexcept nogil:
    cdef int64_t squares = 0
    cdef Py_ssize_t j
    for j in range(width):
        squares += <int64_t>x[j] * x[j]
    total[0] = squares


cdef cloned scale_clipped(const int32_t* x, Py_ssize_t width, int32_t scale, int32_t limit, int16_t* y) noexcept nogil:
    """Writes x, first clipped to ±limit, times scale / 2**ROUNDED_BITS into y, clipped to ±ACTIVATION_MAX."""
    cdef int32_t value
    cdef Py_ssize_t j
    for j in range(width):
        value = x[j]
        value = limit if value > limit else -limit if value < -limit else value
        value = (value * scale + (1 << (ROUNDED_BITS - 1))) >> ROUNDED_BITS
        y[j] = <int16_t>(ACTIVATION_MAX if value > ACTIVATION_MAX else -ACTIVATION_MAX if value < -ACTIVATION_MAX else value)


@cython.cdivision(True)
cdef void normalise(const int32_t* x, Py_ssize_t width, int16_t* y) noexcept nogil:
    """Writes x over its root mean square into y, in 1/128, clipped to ±ACTIVATION_MAX."""
    cdef int64_t total, scale
    add_squares(x, width, &total)
    scale = (<int64_t>1 << NORM_BITS) // max(root((total << 8) // width), <int64_t>SMALLEST_NORM)
    # Whatever is beyond the limit gives ACTIVATION_MAX in any case; within it, products fit int32.
    scale_clipped(x, width, <int32_t>scale, <int32_t>((<int64_t>ACTIVATION_MAX << ROUNDED_BITS) // scale + 1), y)


cdef cloned add_to_residual(int32_t* x, const int32_t* sums, Py_ssize_t width, int32_t shift) noexcept nogil:
    cdef int32_t value, half = (1 << shift) >> 1
    cdef Py_ssize_t j
    for j in range(width):
        value = x[j] + ((sums[j] + half) >> shift)
        x[j] = RESIDUAL_LIMIT if value > RESIDUAL_LIMIT else -RESIDUAL_LIMIT if value < -RESIDUAL_LIMIT else value


cdef cloned round_clipped(const int32_t* sums, Py_ssize_t size, int32_t shift, int16_t* values) noexcept nogil:
    """Rounds sums to units of 2**shift and clips them to ±ACTIVATION_MAX."""
    cdef int32_t value, half = (1 << shift) >> 1
    cdef Py_ssize_t j
    for j in range(size):
        value = (sums[j] + half) >> shift
        values[j] = <int16_t>(
            ACTIVATION_MAX if value > ACTIVATION_MAX else -ACTIVATION_MAX if value < -ACTIVATION_MAX else value
        )


cdef cloned find_distances(const int32_t* products, Py_ssize_t entries, int16_t* distances) noexcept nogil:
    """Writes how far entries, of which there is at least one, are below the largest, at most WEIGHT_ENTRIES."""
    cdef int32_t largest = products[0], distance
    cdef Py_ssize_t t
    for t in range(1, entries):
        largest = products[t] if products[t] > largest else largest
    for t in range(entries):
        distance = (largest - products[t]) >> LOGIT_SHIFT
        distances[t] = <int16_t>(distance if distance < WEIGHT_ENTRIES else WEIGHT_ENTRIES)


cdef int32_t look_up(int16_t* shares, Py_ssize_t entries, const int16_t* table) noexcept nogil:
    """Replaces distances by attention weights, and returns their sum. One by one: vectors are slower at reading tables."""
    cdef int32_t total = 0, share
    cdef Py_ssize_t t
    for t in range(entries):
        share = table[shares[t]]
        shares[t] = <int16_t>share
        total += share
    return total


cdef cloned divide(const int32_t* mixed, int32_t scale, int16_t* out) noexcept nogil:
    """Writes HEAD_SIZE sums times scale / 2**32."""
    cdef Py_ssize_t j
    for j in range(HEAD_SIZE):
        out[j] = <int16_t>((<int64_t>mixed[j] * scale + (<int64_t>1 << 31)) >> 32)


@cython.cdivision(True)
cdef void attend(LmNet net, KvCache cache, Py_ssize_t layer, Py_ssize_t entries, int16_t* out) noexcept nogil:
    """Attention of one token over the first `entries` of the cache of a layer; writes into `out`, (d,), in 1/128."""
    cdef Py_ssize_t head, start, j
    cdef int32_t[HEAD_SIZE] mixed
    cdef int32_t total
    cdef int32_t* products = &cache.products[0]
    cdef int16_t* shares = &cache.shares[0]
    # Whole vectors: products beyond the last entry are computed and ignored.
    cdef Py_ssize_t columns = (entries + LANES - 1) & ~<Py_ssize_t>(LANES - 1)
    for head in range(cache.keys.shape[1]):
        memset(products, 0, columns * sizeof(int32_t))
        for start in range(0, columns, 64):  # KEY_BLOCK
            multiply_columns(
                &cache.query[head * HEAD_SIZE], &cache.keys[layer, head, start >> 6, 0], KEY_PAIRS, 2 * KEY_BLOCK,
                min(columns - start, <Py_ssize_t>KEY_BLOCK), products + start,
            )
        find_distances(products, entries, shares)
        total = look_up(shares, entries, &net.weight_table[0])
        if entries & 1:
            shares[entries] = 0
        for j in range(HEAD_SIZE):
            mixed[j] = 0
        multiply_columns(
            shares, &cache.values[layer, head, 0, 0], (entries + 1) >> 1, 2 * HEAD_SIZE, HEAD_SIZE, mixed
        )
        divide(mixed, <int32_t>((<int64_t>1 << 32) // total), out + head * HEAD_SIZE)


cdef int64_t run_token(
    LmNet net, KvCache cache, const int64_t* selected, Py_ssize_t selected_count, const int64_t* which, Py_ssize_t active
) noexcept nogil:
    """Runs the transformer on the next token; its final activations are then in `cache.y`.

    Args:
        net: the network.
        cache: of the tokens before; `remember` adds this one.
        selected: learned rows of the token.
        selected_count: how many.
        which: inputs that are ink.
        active: how many.

    Returns:
        Multiply-accumulates spent.
    """
    cdef Py_ssize_t layer, width = net.width, hidden = net.hidden
    cdef int32_t* x = &cache.x[0]
    cdef int32_t* sums = &cache.sums[0]
    cdef int16_t* y = &cache.y[0]
    cdef Py_ssize_t entries = min(1 + cache.tokens, <int64_t>CACHE_ENTRIES)
    cdef Py_ssize_t slot = slot_of(cache.tokens)
    add_rows(sums, net.rows, selected, selected_count)
    add_ink(sums, net.first, which, active)
    memset(x, 0, width * sizeof(int32_t))
    add_to_residual(x, sums, width, <int32_t>net.embed_shift[0])
    for layer in range(net.layers):
        if cache.tokens == 0:
            write_key(cache, layer, 0, &net.sink[layer, 0, 0])
            write_value(cache, layer, 0, &net.sink[layer, 1, 0])
        normalise(x, width, y)
        memset(sums, 0, 3 * width * sizeof(int32_t))
        multiply_columns(y, &net.qkv_pairs[layer, 0, 0, 0], width >> 1, 6 * width, 3 * width, sums)
        round_clipped(sums, 3 * width, <int32_t>net.layer_shifts[layer, 0], &cache.query[0])
        attend(net, cache, layer, entries, y)
        write_key(cache, layer, slot, &cache.query[width])
        write_value(cache, layer, slot, &cache.query[2 * width])
        memset(sums, 0, width * sizeof(int32_t))
        multiply_columns(y, &net.out_pairs[layer, 0, 0, 0], width >> 1, 2 * width, width, sums)
        add_to_residual(x, sums, width, <int32_t>net.layer_shifts[layer, 1])
        normalise(x, width, y)
        memcpy(sums, &net.up_bias[layer, 0], hidden * sizeof(int32_t))
        multiply_columns(y, &net.up_pairs[layer, 0, 0, 0], width >> 1, 2 * hidden, hidden, sums)
        activate(sums, hidden, net.layer_shifts[layer, 2], &cache.raised[0])
        memcpy(sums, &net.down_bias[layer, 0], width * sizeof(int32_t))
        multiply_columns(&cache.raised[0], &net.down_pairs[layer, 0, 0, 0], hidden >> 1, 2 * width, width, sums)
        add_to_residual(x, sums, width, <int32_t>net.layer_shifts[layer, 3])
    normalise(x, width, y)
    return token_macs(net, cache.tokens, selected_count + active)


@cython.cdivision(True)
cdef inline Py_ssize_t slot_of(int64_t token) noexcept nogil:
    """Entry of the cache of a token: the first is the learned one, and after the last comes the second."""
    return 1 + token % (CACHE_ENTRIES - 1)


cdef void remember(LmNet net, KvCache cache, int64_t symbol) noexcept nogil:
    """Completes the values of the latest token with its symbol."""
    cdef Py_ssize_t layer, head, j, slot = slot_of(cache.tokens)
    cdef const int16_t* added
    cdef int16_t* pair
    for layer in range(net.layers):
        added = &net.outcome[layer, symbol != 0, 0]
        for head in range(cache.values.shape[1]):
            pair = &cache.values[layer, head, slot >> 1, slot & 1]
            for j in range(HEAD_SIZE):
                pair[2 * j] = <int16_t>clip(<int32_t>pair[2 * j] + added[j], -ACTIVATION_MAX, ACTIVATION_MAX)
            added += HEAD_SIZE
    cache.tokens += 1


def token_logits(
    LmNet net not None, KvCache cache not None, const uint8_t[:, ::1] inputs, const int64_t[:, ::1] rows,
    const int64_t[::1] symbols,
):
    """Runs the network on tokens whose symbols are known.

    Args:
        net: the network.
        cache: of the tokens before; these are added.
        inputs: uint8 (tokens, LM_INPUTS), what is ink in the window.
        rows: int64 (tokens, SELECTED), learned rows.
        symbols: int64 (tokens,).

    Returns:
        Indices into the table of the sigmoid, int32 (tokens,).

    Raises:
        ValueError: the cache is of another network or of none, or the arrays do not fit.
    """
    cdef Py_ssize_t token, i, active, count = symbols.shape[0]
    cdef int64_t[LM_INPUTS] which
    cdef int32_t[::1] logits = np.zeros(count, np.int32)
    cdef bint fitting = inputs.shape[0] == rows.shape[0] == count and inputs.shape[1] == LM_INPUTS and rows.shape[1] == SELECTED
    if cache.given.shape[0]:
        raise ValueError("the KV cache is for networks that run elsewhere")
    check_cache(net, cache)
    if not fitting or (count and not 0 <= np.min(rows) <= np.max(rows) < net.rows.shape[0]):
        raise ValueError("the inputs, learned rows and symbols of tokens do not fit the network")
    with nogil:
        for token in range(count):
            active = 0
            for i in range(LM_INPUTS):
                if inputs[token, i]:
                    which[active] = i
                    active += 1
            run_token(net, cache, &rows[token, 0], SELECTED, which, active)
            logits[token] = <int32_t>node_logit(net, &cache.y[0], 0)
            remember(net, cache, symbols[token])
    return np.asarray(logits)


cdef void ask(
    RangeCoder coder, KvCache cache, const int64_t* selected, Py_ssize_t selected_count, const int64_t* which, Py_ssize_t active
) noexcept nogil:
    """Asks for the logit of the next token, and makes the kernels of the coder return."""
    cdef Py_ssize_t i
    if cache.asked.shape[0] == 0:  # an encoder with fewer logits than tokens
        coder.state.exhausted = 1
        return
    cache.asked[WAITS], cache.asked[INK] = 1, active
    for i in range(min(selected_count, <Py_ssize_t>SELECTED)):
        cache.asked[ASKED_ROWS + i] = selected[i]
    for i in range(min(active, <Py_ssize_t>LM_INPUTS)):
        cache.asked[ASKED_INPUTS + i] = which[i]
    coder.state.exhausted = WAITING


def answer(KvCache cache not None, int64_t index):
    """Answers a decoder that waits: the logit of its token, as an index into the table of the sigmoid.

    Raises:
        ValueError: the decoder does not wait, or the index is outside the table.
    """
    cdef int64_t given = cache.progress[GIVEN]
    waits = cache.asked.shape[0] and cache.asked[WAITS] and 0 <= given < cache.given.shape[0]
    if not waits or not 0 <= index < 2 * LOGIT_LIMIT:
        raise ValueError(f"{index} answers no question about a token")
    cache.given[given] = <int32_t>index
    cache.progress[GIVEN] += 1
    cache.asked[WAITS] = 0


cdef void save_place(RangeCoder coder, KvCache cache, int64_t[::1] up) noexcept nogil:
    """Saves the state at the beginning of a row of pixels, for a decoder that may have to wait inside it."""
    cdef Py_ssize_t i
    cache.state_before = coder.state
    cache.coded_before = cache.progress[CODED]
    for i in range(min(up.shape[0], cache.up_before.shape[0])):
        cache.up_before[i] = up[i]


cdef void restore_place(RangeCoder coder, KvCache cache, int64_t[::1] up) noexcept nogil:
    """Returns to the beginning of the row. Pixels of the source that were decoded stay, and decode to the same again."""
    cdef Py_ssize_t i
    coder.state = cache.state_before
    cache.progress[CODED] = cache.coded_before
    for i in range(min(up.shape[0], cache.up_before.shape[0])):
        up[i] = cache.up_before[i]
