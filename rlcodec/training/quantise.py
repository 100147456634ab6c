"""Conversion of float weights to the runtime's integers, with a proof that no sum overflows int32."""

import numpy as np

from rlcodec.errors import ModelError

INT16_MAX = 32767
INT32_MAX = 2**31 - 1
MAX_WEIGHT_BITS = 14


def weight_scale_bits(weight: np.ndarray, bias: np.ndarray, input_max: float, input_scale: float, tables: int = 1) -> int:
    """The largest number of fraction bits with which weights fit int16 and all sums fit int32.

    Args:
        weight: float (outputs, inputs), one row of weights per output.
        bias: float (rows, outputs); `tables` of its rows are added to each sum.
        input_max: largest absolute value of an integer input.
        input_scale: integer value of the float input 1.0.
        tables: number of rows of `bias` in a sum.

    Raises:
        ModelError: no scale fits.
    """
    for bits in range(MAX_WEIGHT_BITS, -1, -1):
        quantised = np.abs(np.rint(weight * 2.0**bits))
        reach = quantised.sum(1) * input_max + tables * np.abs(bias).max(0) * input_scale * 2.0**bits + 2.0**24
        if quantised.max() <= INT16_MAX and reach.max() <= INT32_MAX:
            return bits
    raise ModelError("a layer's weights are too large for int32 sums")


def to_int16(weight: np.ndarray, bits: int) -> np.ndarray:
    """Weights as int16 with `bits` fraction bits."""
    return np.rint(weight * 2.0**bits).astype(np.int16)


def to_int32(bias: np.ndarray, bits: int, input_scale: float) -> np.ndarray:
    """Biases as int32 in the unit of the sums: weights with `bits` fraction bits times inputs of scale `input_scale`."""
    return np.rint(bias * 2.0**bits * input_scale).astype(np.int32)
