from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core._integer_mlp cimport DecisionTree
from rlcodec.core._range_coder cimport CoderState, RangeCoder
from rlcodec.presets.mnist.bilevel._context cimport SELECTED

cpdef enum:
    LM_ROWS_ABOVE = 8
    LM_COLUMNS_ASIDE = 8
    LM_INPUTS = 144  # pixels of that window
    RESIDUAL = 1024
    RESIDUAL_LIMIT = 1 << 20
    SMALLEST_NORM = 256
    NORM_BITS = 31  # reciprocals of the root mean square, with four more fraction bits than the residual, are in 2**-NORM_BITS
    WEIGHT_ONE = 2047
    WEIGHT_UNITS_PER_NAT = 128
    WEIGHT_ENTRIES = 1024  # attention weights below exp(-WEIGHT_ENTRIES / WEIGHT_UNITS_PER_NAT) of the largest are 0
    HEAD_SIZE = 32
    LOGIT_SHIFT = 10  # from a product of query and key, in 1/128 each and times 1/8, to 1/WEIGHT_UNITS_PER_NAT nat
    CACHE_ENTRIES = 1024  # of the KV cache, the learned one included; times WEIGHT_ONE * ACTIVATION_MAX they are below 2**31
    # Fields of `KvCache.progress`.
    CODED = 0
    GIVEN = 1
    # Fields of `KvCache.asked`; the learned rows and the inputs follow.
    WAITS = 0
    OUTCOME = 1
    INK = 2
    ASKED_ROWS = 3
    ASKED_INPUTS = ASKED_ROWS + SELECTED
    ASKED = ASKED_INPUTS + LM_INPUTS
    WAITING = 2  # value of a coder's `exhausted` while a decoder waits for the answer to a question

cdef enum:
    KEY_BLOCK = 64
    KEY_PAIRS = HEAD_SIZE >> 1


cdef class LmNet(DecisionTree):
    cdef readonly const int16_t[:, ::1] first
    cdef readonly const int32_t[:, ::1] rows
    cdef readonly const int16_t[:, :, ::1] qkv
    cdef readonly const int16_t[:, :, ::1] outcome
    cdef readonly const int16_t[:, :, ::1] sink
    cdef readonly const int16_t[:, :, ::1] out
    cdef readonly const int16_t[:, :, ::1] up
    cdef readonly const int32_t[:, ::1] up_bias
    cdef readonly const int16_t[:, :, ::1] down
    cdef readonly const int32_t[:, ::1] down_bias
    cdef readonly const int64_t[:, ::1] layer_shifts
    cdef readonly const int64_t[::1] embed_shift
    cdef readonly const int32_t[::1] exponential
    cdef readonly Py_ssize_t layers
    cdef readonly Py_ssize_t width
    cdef readonly Py_ssize_t hidden
    cdef const int16_t[:, :, :, ::1] qkv_pairs  # `qkv` and so on as `multiply_pairs` takes them
    cdef const int16_t[:, :, :, ::1] out_pairs
    cdef const int16_t[:, :, :, ::1] up_pairs
    cdef const int16_t[:, :, :, ::1] down_pairs
    cdef const int16_t[::1] weight_table  # `exponential`, and 0 for all that is beyond it


cdef class KvCache:
    cdef readonly Py_ssize_t layers
    cdef readonly Py_ssize_t width
    cdef readonly Py_ssize_t hidden
    cdef readonly int64_t tokens
    cdef readonly int16_t[::1] y
    cdef readonly int32_t[::1] given
    cdef readonly int64_t[::1] progress
    cdef readonly int64_t[::1] asked
    # Keys, (layers, heads, CACHE_ENTRIES / KEY_BLOCK, KEY_PAIRS, KEY_BLOCK, 2): pairs of a key's numbers lie together, so that
    # products with a query run along the entries. Values, (layers, heads, CACHE_ENTRIES / 2, HEAD_SIZE, 2): pairs of entries
    # lie together, so that products with attention weights run along a value's numbers.
    cdef int16_t[:, :, :, ::1] keys
    cdef int16_t[:, :, :, ::1] values
    cdef int32_t[::1] x  # (width,), the residual stream
    cdef int16_t[::1] query  # (3 * width,), followed by the key and the value
    cdef int16_t[::1] raised  # (hidden,), activations
    cdef int32_t[::1] sums  # of products with weights
    cdef int32_t[::1] products  # (CACHE_ENTRIES,), of a query and keys
    cdef int16_t[::1] shares  # (CACHE_ENTRIES,), attention weights
    # The beginning of a row of pixels, to which a decoder that waits returns.
    cdef CoderState state_before
    cdef int64_t coded_before
    cdef int64_t[::1] up_before


cdef int check_cache(LmNet net, KvCache cache) except -1
cdef int64_t run_token(
    LmNet net, KvCache cache, const int64_t* selected, Py_ssize_t selected_count, const int64_t* which, Py_ssize_t active
) noexcept nogil
cdef void remember(LmNet net, KvCache cache, int64_t symbol) noexcept nogil
cdef void ask(
    RangeCoder coder, KvCache cache, const int64_t* selected, Py_ssize_t selected_count, const int64_t* which, Py_ssize_t active
) noexcept nogil
cdef void save_place(RangeCoder coder, KvCache cache, int64_t[::1] up) noexcept nogil
cdef void restore_place(RangeCoder coder, KvCache cache, int64_t[::1] up) noexcept nogil


cdef inline int64_t token_macs(LmNet net, int64_t tokens, int64_t inputs) noexcept nogil:
    """Multiply-accumulates of a token after `tokens` others, with `inputs` rows of ink and learned rows."""
    cdef int64_t entries = 1 + tokens if tokens < CACHE_ENTRIES - 1 else CACHE_ENTRIES
    return inputs * net.width + net.layers * (4 * net.width + 2 * net.hidden + 2 * entries) * net.width
