from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core._int16_products cimport dot
from rlcodec.core._range_coder cimport RangeCoder, code_decision

cpdef enum:
    LOGIT_LIMIT = 2048
    LOGIT_UNITS_PER_NAT = 128
    UNROLL = 4


cdef class DecisionTree:
    cdef readonly const int16_t[:, ::1] nodes
    cdef readonly const int32_t[::1] node_bias
    cdef readonly const int64_t[::1] shifts
    cdef readonly const int16_t[::1] threshold
    cdef readonly const int16_t[:, ::1] children
    cdef readonly const int32_t[::1] sigmoid
    cdef const int16_t[:, ::1] node_rows  # `nodes`, padded for `dot`


cdef class ContextNet(DecisionTree):
    cdef readonly const int16_t[:, ::1] first
    cdef readonly const int32_t[:, ::1] rows
    cdef readonly const int16_t[:, ::1] second
    cdef readonly const int32_t[::1] second_bias
    cdef const int16_t[:, :, ::1] first_pairs
    cdef const int16_t[:, :, ::1] second_pairs


cdef class Layers:
    cdef int16_t[::1] inputs
    cdef int16_t[::1] hidden
    cdef int16_t[::1] last
    cdef int32_t[::1] first
    cdef int32_t[::1] second


cdef void add_rows(int32_t* sums, const int32_t[:, ::1] rows, const int64_t* selected, Py_ssize_t count) noexcept nogil
cdef void add_ink(int32_t* sums, const int16_t[:, ::1] weights, const int64_t* which, Py_ssize_t count) noexcept nogil
cdef int64_t run_sparse(
    ContextNet net, Layers layers, const int64_t* selected, Py_ssize_t selected_count,
    const int64_t* which, const int32_t* values, Py_ssize_t count,
) noexcept nogil
cdef int64_t run_dense(
    ContextNet net, Layers layers, const int64_t* selected, Py_ssize_t selected_count, Py_ssize_t inputs
) noexcept nogil
cdef int64_t run_second(ContextNet net, Layers layers) noexcept nogil
cdef int64_t code_tree(RangeCoder coder, DecisionTree tree, const int16_t* last, int64_t root, int64_t symbol) noexcept nogil


cdef inline int64_t clip(int64_t value, int64_t low, int64_t high) noexcept nogil:
    """The value, or the nearer bound."""
    return low if value < low else high if value > high else value


cdef inline int64_t node_logit(DecisionTree tree, const int16_t* last, int64_t node) noexcept nogil:
    """Logit, as an index into the table of the sigmoid, that a symbol goes to the second child of a node."""
    cdef int64_t shift = tree.shifts[2]
    cdef int32_t logit = tree.node_bias[node] + dot(last, &tree.node_rows[node, 0], tree.node_rows.shape[1])
    logit = (logit + <int32_t>((1 << shift) >> 1)) >> shift
    return clip(logit + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)


cdef inline int64_t node_probability(DecisionTree tree, const int16_t* last, int64_t node) noexcept nogil:
    """Probability, in 1/65536, that a symbol goes to the second child of a node, from the activations of the last layer."""
    return tree.sigmoid[node_logit(tree, last, node)]
