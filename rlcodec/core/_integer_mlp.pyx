"""The integer networks that `rlcodec.core.integer_mlp` describes."""

import numpy as np

from libc.stdint cimport int16_t, int32_t, int64_t

from rlcodec.core._int16_products cimport LANES, activate, multiply_columns, multiply_pairs
from rlcodec.core.compiler cimport cloned

from rlcodec.core.int16_products import padded, to_pairs
from rlcodec.errors import ModelError


cdef class DecisionTree:
    """A tree of binary decisions, each predicted by a row of weights from the activations of a network's last layer.

    Attributes:
        nodes: int16 (nodes, h2), weights of the decisions.
        node_bias: int32 (nodes,).
        shifts: int64 (3,), the sums of both layers and of the nodes are divided by 2**shift.
        threshold: int16 (nodes,), symbols above it go to the second child.
        children: int16 (nodes, 2), nodes, or leaves as -1 - symbol.
        sigmoid: int32 (2 * LOGIT_LIMIT,), see `rlcodec.core.integer_mlp.sigmoid_table`.

    Raises:
        ModelError: the shapes of the arrays do not fit, or a child is no node of the tree.
    """

    def __init__(self, *, nodes, node_bias, shifts, threshold, children, sigmoid, **others):
        self.nodes, self.node_bias, self.shifts = nodes, node_bias, shifts
        self.threshold, self.children, self.sigmoid = threshold, children, sigmoid
        self.node_rows = padded(nodes, 2 * LANES)
        count = len(nodes)
        shapes = [a.shape for a in (node_bias, threshold, children, sigmoid, shifts)]
        if shapes != [(count,), (count,), (count, 2), (2 * LOGIT_LIMIT,), (3,)]:
            raise ModelError(f"the arrays of a network's decisions have shapes {shapes} for {count} decisions")
        # A child comes behind its parent, so that every path ends.
        after = np.arange(count)[:, None]
        if ((children >= 0) & ((children <= after) | (children >= count))).any() or not ((0 <= shifts) & (shifts < 31)).all():
            raise ModelError("the decisions of a network form no tree, or its shifts are not from 0 to 30")


cdef class ContextNet(DecisionTree):
    """An integer network with two hidden layers and a tree of decisions.

    Args:
        first: int16 (inputs, h1), weights of the first layer.
        rows: int32 (table rows, h1), learned rows that are added to the sums of the first layer.
        second: int16 (h1, h2), weights of the second layer.
        second_bias: int32 (h2,).
        decisions: the arrays of a `DecisionTree`.

    Attributes:
        stored: names of these arrays, under which weights files hold them.

    Raises:
        ModelError: the shapes of the arrays do not fit.
    """

    stored = (
        "first", "rows", "second", "second_bias", "nodes", "node_bias", "shifts", "threshold", "children", "sigmoid",
    )

    def __init__(self, *, first, rows, second, second_bias, **decisions):
        super().__init__(**decisions)
        self.first, self.rows, self.second, self.second_bias = first, rows, second, second_bias
        self.first_pairs, self.second_pairs = to_pairs(first), to_pairs(second)
        widths = (first.shape[1], second.shape[1])
        fitting = rows.shape[1:] == widths[:1] and second.shape[0] == widths[0] and second_bias.shape == widths[1:]
        if not fitting or self.nodes.shape[1] != widths[1]:
            raise ModelError(f"the layers of a network, {first.shape}, {rows.shape} and {second.shape}, do not fit")


cdef class Layers:
    """Scratch buffers of a network: inputs and activations, int16, and sums, int32. Their padding is zero and stays zero."""

    def __init__(self, ContextNet net):
        self.inputs = np.zeros(2 * net.first_pairs.shape[0], np.int16)
        self.hidden = np.zeros(2 * net.second_pairs.shape[0], np.int16)
        # As long as rows of nodes, which are padded further.
        self.last = np.zeros(max(net.second_pairs.shape[1], net.node_rows.shape[1]), np.int16)
        self.first = np.zeros(net.first_pairs.shape[1], np.int32)
        self.second = np.zeros(net.second_pairs.shape[1], np.int32)


cdef cloned add_selected(
    int32_t* sums, const int32_t* rows, Py_ssize_t width, const int64_t* selected, Py_ssize_t count
) noexcept nogil:
    cdef Py_ssize_t i, j, whole = 1 + ((count - 1) & ~(UNROLL - 1))
    cdef const int32_t* p = rows + selected[0] * width
    cdef const int32_t* q
    cdef const int32_t* r
    cdef const int32_t* s
    for j in range(width):
        sums[j] = p[j]
    for i in range(1, whole, 4):  # UNROLL
        p, q = rows + selected[i] * width, rows + selected[i + 1] * width
        r, s = rows + selected[i + 2] * width, rows + selected[i + 3] * width
        for j in range(width):
            sums[j] += p[j] + q[j] + r[j] + s[j]
    for i in range(whole, count):
        p = rows + selected[i] * width
        for j in range(width):
            sums[j] += p[j]


cdef void add_rows(int32_t* sums, const int32_t[:, ::1] rows, const int64_t* selected, Py_ssize_t count) noexcept nogil:
    """Sets `sums` to the sum of the selected rows, of which there is at least one, UNROLL at a time."""
    add_selected(sums, &rows[0, 0], rows.shape[1], selected, count)


cdef cloned add_unit_inputs(
    int32_t* sums, const int16_t* weights, Py_ssize_t width, const int64_t* which, Py_ssize_t count
) noexcept nogil:
    cdef Py_ssize_t i, j, whole = count - (count & (UNROLL - 1))
    cdef const int16_t* p
    cdef const int16_t* q
    cdef const int16_t* r
    cdef const int16_t* s
    for i in range(0, whole, 4):  # UNROLL
        p, q = weights + which[i] * width, weights + which[i + 1] * width
        r, s = weights + which[i + 2] * width, weights + which[i + 3] * width
        for j in range(width):
            sums[j] += <int32_t>p[j] + q[j] + r[j] + s[j]
    for i in range(whole, count):
        p = weights + which[i] * width
        for j in range(width):
            sums[j] += p[j]


cdef void add_ink(int32_t* sums, const int16_t[:, ::1] weights, const int64_t* which, Py_ssize_t count) noexcept nogil:
    """Adds the weights of the inputs that are 1 to `sums`, UNROLL at a time.

    Args:
        sums: (h,).
        weights: (inputs, h).
        which: indices of the inputs that are 1.
        count: how many of them.
    """
    add_unit_inputs(sums, &weights[0, 0], weights.shape[1], which, count)


cdef cloned add_products(
    int32_t* sums, const int16_t* weights, Py_ssize_t width, const int64_t* which, const int32_t* values, Py_ssize_t count
) noexcept nogil:
    """Adds `values[i] * weights[which[i]]` to `sums`, UNROLL at a time, so that the sums are loaded less often."""
    cdef Py_ssize_t i, j
    cdef int32_t a, b, c, d
    cdef const int16_t* p
    cdef const int16_t* q
    cdef const int16_t* r
    cdef const int16_t* s
    for i in range(0, count, 4):  # UNROLL
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        p, q = weights + which[i] * width, weights + which[i + 1] * width
        r, s = weights + which[i + 2] * width, weights + which[i + 3] * width
        for j in range(width):
            sums[j] += a * p[j] + b * q[j] + c * r[j] + d * s[j]


cdef int64_t run_sparse(
    ContextNet net, Layers layers, const int64_t* selected, Py_ssize_t selected_count,
    const int64_t* which, const int32_t* values, Py_ssize_t count,
) noexcept nogil:
    """Runs both hidden layers on inputs that are given by index, into `layers.last`.

    Args:
        net: the network.
        layers: scratch buffers.
        selected: learned rows.
        selected_count: how many.
        which: indices of the inputs that are not 0, followed by UNROLL - 1 zeros.
        values: their values, followed by as many zeros.
        count: how many.

    Returns:
        Multiply-accumulates with nonzero values.
    """
    add_rows(&layers.first[0], net.rows, selected, selected_count)
    add_products(&layers.first[0], &net.first[0, 0], net.first.shape[1], which, values, count)
    return (selected_count + count) * net.rows.shape[1] + run_second(net, layers)


cdef int64_t run_dense(
    ContextNet net, Layers layers, const int64_t* selected, Py_ssize_t selected_count, Py_ssize_t inputs
) noexcept nogil:
    """Runs both hidden layers on the first `inputs` of `layers.inputs`, behind which one more is 0, into `layers.last`.

    Returns:
        As `run_sparse`.
    """
    cdef Py_ssize_t i, columns = net.first_pairs.shape[1]
    cdef int32_t count = 0
    add_rows(&layers.first[0], net.rows, selected, selected_count)
    multiply_columns(
        &layers.inputs[0], &net.first_pairs[0, 0, 0], (inputs + 1) >> 1, 2 * columns, columns, &layers.first[0]
    )
    for i in range(inputs):
        count += layers.inputs[i] != 0
    return (selected_count + count) * net.rows.shape[1] + run_second(net, layers)


cdef int64_t run_second(ContextNet net, Layers layers) noexcept nogil:
    """Runs the second hidden layer on the sums of the first, into `layers.last`; returns as `run_sparse`."""
    cdef Py_ssize_t k, width = net.second_bias.shape[0]
    cdef int64_t count = activate(&layers.first[0], layers.first.shape[0], net.shifts[0], &layers.hidden[0])
    for k in range(width):
        layers.second[k] = net.second_bias[k]
    multiply_pairs(&layers.hidden[0], net.second_pairs, &layers.second[0])
    activate(&layers.second[0], layers.second.shape[0], net.shifts[1], &layers.last[0])
    return count * width


cdef int64_t code_tree(RangeCoder coder, DecisionTree tree, const int16_t* last, int64_t root, int64_t symbol) noexcept nogil:
    """Codes a symbol down the tree from `root`, and returns it; -1 if the data are exhausted."""
    cdef int64_t node = root, bit
    while node >= 0:
        bit = code_decision(coder, node_probability(tree, last, node), symbol > tree.threshold[node])
        if coder.state.exhausted:
            return -1
        coder.state.macs += tree.nodes.shape[1]
        node = tree.children[node, bit]
    return -1 - node
