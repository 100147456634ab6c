"""Products of int16 vectors and matrices, the arithmetic of every network in the coder, with SIMD instructions.

Pairs of int16 inputs are multiplied by pairs of int16 weights and the products added in int32: the instruction `pmaddwd` on
x86, which LLVM does not derive from such a loop. Matrices are stored with the weights of two inputs side by side. Integer sums
do not depend on their order, so every processor gets the same result; without the instruction plain products are used.
"""

from collections.abc import Mapping

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rlcodec.core.integer_conv import ACTIVATION_MAX
from rlcodec.core.kernel import inlined

SHORT, WORD, INDEX = ir.IntType(16), ir.IntType(32), ir.IntType(64)
SHORT_BYTES, WORD_BYTES = 2, 4
LANES = 16
"""Columns of a matrix that are summed at once; widths are padded to a multiple of this."""
WIDE, NARROW = ir.VectorType(WORD, LANES), ir.VectorType(SHORT, 2 * LANES)
PAIRS = "_pairs"
"""Suffix of the fields of networks that are computed from others when a network is loaded, and never stored."""


def padded(values: np.ndarray, *sizes: int) -> np.ndarray:
    """The array with its last axes padded by zeros up to multiples of the sizes."""
    outer = [(0, 0)] * (values.ndim - len(sizes))
    return np.pad(values, outer + [(0, -n % size) for n, size in zip(values.shape[-len(sizes) :], sizes, strict=True)])


def to_pairs(weights: np.ndarray) -> np.ndarray:
    """Weights, int16 (..., n, m), as `multiply_pairs` takes them: int16 (..., n / 2, m, 2), n and m padded to LANES."""
    whole = padded(weights, LANES, LANES)
    return np.ascontiguousarray(whole.reshape(*whole.shape[:-2], -1, 2, whole.shape[-1]).swapaxes(-1, -2))


def in_rows(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays in C order, as files hold them; kernels would be compiled again for arrays in another order."""
    return {name: np.ascontiguousarray(array) for name, array in stored.items()}


def made_pairs(stored: Mapping[str, np.ndarray], *matrices: str) -> dict[str, np.ndarray]:
    """The computed fields of a network: some of its matrices in pairs, and its padded nodes for `dot_row`."""
    made = {name + PAIRS: to_pairs(stored[name]) for name in matrices}
    return made | {"node" + PAIRS: padded(stored["nodes"], 2 * LANES)}


def _multiply_and_add(context, builder, values, weights):
    """IR of the operation of `pmaddwd`: two <32 x i16> to <16 x i32>."""
    features = getattr(context.codegen(), "_tm_features", "")
    if "+avx512bw" in features:
        kind = ir.FunctionType(WIDE, [NARROW, NARROW])
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.pmaddw.d.512"), (values, weights)
        )
    if "+avx2" in features:
        half_narrow, half_wide = ir.VectorType(SHORT, LANES), ir.VectorType(WORD, LANES // 2)
        kind = ir.FunctionType(half_wide, [half_narrow, half_narrow])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.pmadd.wd")
        halves = [
            builder.call(function, [_chosen(builder, v, range(at, at + LANES)) for v in (values, weights)]) for at in (0, LANES)
        ]
        return builder.shuffle_vector(*halves, _indices(range(LANES)))
    products = []
    for start in (0, 1):
        a, b = (builder.sext(_chosen(builder, v, range(start, 2 * LANES, 2)), WIDE) for v in (values, weights))
        products.append(builder.mul(a, b))
    return builder.add(*products)


def _indices(chosen):
    return ir.Constant(ir.VectorType(WORD, len(chosen)), list(chosen))


def _chosen(builder, vector, chosen):
    return builder.shuffle_vector(vector, vector, _indices(chosen))


def _load(builder, base, offset, kind, align):
    loaded = builder.load(builder.bitcast(builder.gep(base, [offset]), kind.as_pointer()))
    loaded.align = align
    return loaded


def _store(builder, value, base, offset, align):
    builder.store(value, builder.bitcast(builder.gep(base, [offset]), value.type.as_pointer())).align = align


def _arrays(context, builder, signature, arguments):
    pairs = zip(signature.args, arguments, strict=True)
    return [context.make_array(t)(context, builder, a) for t, a in pairs if isinstance(t, types.Array)]


def _spread(builder, value):
    """A vector whose LANES elements are all the same value."""
    kind = ir.VectorType(value.type, LANES)
    return _chosen(builder, builder.insert_element(ir.Constant(kind, ir.Undefined), value, WORD(0)), [0] * LANES)


def _columns(blocks):
    """An intrinsic that adds the products of `blocks` times LANES columns, whose sums stay in registers."""

    @intrinsic
    def add(typing, sums, weights, values, column):
        def generate(context, builder, signature, arguments):
            sums_, weights_, values_ = _arrays(context, builder, signature, arguments)
            column = arguments[3]
            pairs = cgutils.unpack_tuple(builder, weights_.shape)[0]
            stride = builder.udiv(cgutils.unpack_tuple(builder, weights_.strides)[0], INDEX(SHORT_BYTES))
            totals = [cgutils.alloca_once(builder, WIDE) for _ in range(blocks)]
            places = [builder.add(column, INDEX(LANES * block)) for block in range(blocks)]
            for total, place in zip(totals, places, strict=True):
                builder.store(_load(builder, sums_.data, place, WIDE, WORD_BYTES), total)
            with cgutils.for_range(builder, pairs, intp=INDEX) as loop:
                pair = _load(builder, values_.data, builder.mul(loop.index, INDEX(2)), WORD, SHORT_BYTES)
                both = builder.bitcast(_spread(builder, pair), NARROW)
                row = builder.mul(loop.index, stride)
                for total, place in zip(totals, places, strict=True):
                    at = builder.add(row, builder.mul(place, INDEX(2)))
                    product = _multiply_and_add(context, builder, both, _load(builder, weights_.data, at, NARROW, SHORT_BYTES))
                    builder.store(builder.add(builder.load(total), product), total)
            for total, place in zip(totals, places, strict=True):
                _store(builder, builder.load(total), sums_.data, place, WORD_BYTES)
            return context.get_dummy_value()

        return types.void(sums, weights, values, types.int64), generate

    return add


_add_one, _add_two, _add_three = (_columns(blocks) for blocks in (1, 2, 3))


@inlined
def multiply_pairs(values, weights, sums):
    """Adds the product of a vector and a matrix to sums.

    Args:
        values: int16, contiguous, at least 2 n; those beyond the matrix's inputs are zero.
        weights: int16 (n, m, 2), from `to_pairs`, or some of its columns, a multiple of LANES.
        sums: int32, contiguous, at least m.
    """
    left = weights.shape[1] // LANES
    column = 0
    while left > 2:
        _add_three(sums, weights, values, column)
        column += 3 * LANES
        left -= 3
    if left == 2:
        _add_two(sums, weights, values, column)
    elif left == 1:
        _add_one(sums, weights, values, column)


@intrinsic
def activate(typing, sums, shift, values):
    """Rounds sums to units of 2**shift, clips them to [0, ACTIVATION_MAX], and counts those above zero.

    Args:
        sums: int32, contiguous, a multiple of LANES.
        shift: int64, at least 0.
        values: int16, contiguous, at least as long; receives the activations.
    """

    def generate(context, builder, signature, arguments):
        sums_, values_ = _arrays(context, builder, signature, arguments)
        bits = builder.trunc(arguments[1], WORD)
        half = _spread(builder, builder.lshr(builder.shl(WORD(1), bits), WORD(1)))
        shifts, zero, most = _spread(builder, bits), ir.Constant(WIDE, [0] * LANES), ir.Constant(WIDE, [ACTIVATION_MAX] * LANES)
        count = cgutils.alloca_once_value(builder, INDEX(0))
        blocks = builder.udiv(cgutils.unpack_tuple(builder, sums_.shape)[0], INDEX(LANES))
        with cgutils.for_range(builder, blocks, intp=INDEX) as loop:
            at = builder.mul(loop.index, INDEX(LANES))
            value = builder.ashr(builder.add(_load(builder, sums_.data, at, WIDE, WORD_BYTES), half), shifts)
            positive = builder.icmp_signed(">", value, zero)
            value = builder.select(positive, value, zero)
            value = builder.select(builder.icmp_signed("<", value, most), value, most)
            _store(builder, builder.trunc(value, ir.VectorType(SHORT, LANES)), values_.data, at, SHORT_BYTES)
            found = builder.ctpop(builder.bitcast(positive, ir.IntType(LANES)))
            builder.store(builder.add(builder.load(count), builder.zext(found, INDEX)), count)
        return builder.load(count)

    return types.int64(sums, types.int64, values), generate


@intrinsic
def dot_row(typing, values, rows, row):
    """Sum, int32, of the products of a vector and a row of a matrix.

    Args:
        values: int16 (m,), contiguous; m is a multiple of 2 * LANES.
        rows: int16 (n, m), contiguous.
        row: int64, index of the row.
    """

    def generate(context, builder, signature, arguments):
        values_, rows_ = _arrays(context, builder, signature, arguments)
        width = cgutils.unpack_tuple(builder, rows_.shape)[1]
        start = builder.mul(arguments[2], width)
        total = cgutils.alloca_once_value(builder, ir.Constant(WIDE, [0] * LANES))
        with cgutils.for_range(builder, builder.udiv(width, INDEX(2 * LANES)), intp=INDEX) as loop:
            at = builder.mul(loop.index, INDEX(2 * LANES))
            one = _load(builder, values_.data, at, NARROW, SHORT_BYTES)
            other = _load(builder, rows_.data, builder.add(start, at), NARROW, SHORT_BYTES)
            builder.store(builder.add(builder.load(total), _multiply_and_add(context, builder, one, other)), total)
        kind = ir.FunctionType(WORD, [WIDE])
        add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.add.v{LANES}i32")
        return builder.call(add, [builder.load(total)])

    return types.int32(values, rows, types.int64), generate
