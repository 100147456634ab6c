"""Products of int16 vectors and matrices, the arithmetic of every network in the coder, with SIMD instructions.

Pairs of int16 inputs are multiplied by pairs of int16 weights and the products added in int32: the instruction `pmaddwd` on
x86. Matrices are stored with the weights of two inputs side by side. Integer sums do not depend on their order, so every
processor gets the same result; without the instruction plain products are used. The environment variable RLCODEC_SIMD names a
lesser set of instructions than the processor has: `avx2`, `sse2` or `plain`.
"""

import numpy as np

from rlcodec.core._int16_products import ACTIVATION_MAX, INSTRUCTIONS, LANES

__all__ = ["ACTIVATION_MAX", "INSTRUCTIONS", "LANES", "padded", "to_pairs"]


def padded(values: np.ndarray, *sizes: int) -> np.ndarray:
    """The array with its last axes padded by zeros up to multiples of the sizes."""
    outer = [(0, 0)] * (values.ndim - len(sizes))
    return np.pad(values, outer + [(0, -n % size) for n, size in zip(values.shape[-len(sizes) :], sizes, strict=True)])


def to_pairs(weights: np.ndarray) -> np.ndarray:
    """Weights, int16 (..., n, m), as `multiply_pairs` takes them: int16 (..., n / 2, m, 2), n and m padded to LANES."""
    whole = padded(weights, LANES, LANES)
    return np.ascontiguousarray(whole.reshape(*whole.shape[:-2], -1, 2, whole.shape[-1]).swapaxes(-1, -2))
