"""From float networks to the runtime's exact integers, with the proof that no accumulator overflows."""

import numpy as np

from rlcodec.errors import ModelError

INT16_MAX = 32767
INT32_MAX = 2**31 - 1
MAX_WEIGHT_BITS = 14


def weight_scale_bits(weight: np.ndarray, bias: np.ndarray, input_max: float, input_scale: float, tables: int = 1) -> int:
    """The largest number of fraction bits with which `weight` fits int16 and its sums fit int32.

    Args:
        weight: float, (outputs, inputs): every output's weights in one row.
        bias: float, (rows, outputs): what is added to the sum; `tables` of these rows are added.
        input_max: largest absolute integer input.
        input_scale: integer inputs per float unit.
        tables: how many rows of `bias` are added together.

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
    """Weights with `bits` fraction bits."""
    return np.rint(weight * 2.0**bits).astype(np.int16)


def to_int32(bias: np.ndarray, bits: int, input_scale: float) -> np.ndarray:
    """Biases in the units of an accumulator whose weights have `bits` fraction bits."""
    return np.rint(bias * 2.0**bits * input_scale).astype(np.int32)
