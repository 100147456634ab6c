"""Float layers whose weights become the runtime's integers, with a proof that no sum overflows int32."""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.errors import ModelError

ACTIVATION_SCALE = 128.0
"""Integer value of the float activation 1.0."""
ACTIVATION_CEILING = ACTIVATION_MAX / ACTIVATION_SCALE
"""Upper limit of activations in training, that of the integer networks."""
PIXEL_SCALE = 256.0
"""Networks of gray images take and give pixels divided by this; a power of two, so that integers scale exactly."""
INT16_MAX = 32767
INT32_MAX = 2**31 - 1
MAX_WEIGHT_BITS = 14


def clipped_relu(x: Tensor) -> Tensor:
    """ReLU with the upper limit of the integer networks."""
    return F.hardtanh(x, 0.0, ACTIVATION_CEILING)


@dataclass(frozen=True)
class IntegerLayer:
    """A layer in integers.

    Attributes:
        bits: fraction bits of the weights.
        weight: int16, of the shape of the float weights.
        bias: int32, in the unit of the sums: weights with `bits` fraction bits times integer inputs.
    """

    bits: int
    weight: np.ndarray
    bias: np.ndarray


def quantise_layer(
    weight: np.ndarray,
    bias: np.ndarray,
    input_max: float = ACTIVATION_MAX,
    input_scale: float = ACTIVATION_SCALE,
    added: int = 1,
) -> IntegerLayer:
    """Converts a layer with the largest number of fraction bits with which weights fit int16 and all sums fit int32.

    Args:
        weight: float (outputs, ...).
        bias: float (outputs,), or (rows, outputs), of which `added` rows are added to each sum.
        input_max: largest absolute value of an integer input.
        input_scale: integer value of the float input 1.0.
        added: number of rows of `bias` in a sum.

    Raises:
        ModelError: no scale fits.
    """
    reach_of_bias = added * np.abs(np.atleast_2d(bias)).max(0) * input_scale
    for bits in range(MAX_WEIGHT_BITS, -1, -1):
        quantised = np.rint(weight * 2.0**bits)
        magnitudes = np.abs(quantised).reshape(len(weight), -1)
        reach = magnitudes.sum(1) * input_max + reach_of_bias * 2.0**bits + 2.0**24
        if magnitudes.max() <= INT16_MAX and reach.max() <= INT32_MAX:
            return IntegerLayer(bits, quantised.astype(np.int16), np.rint(bias * 2.0**bits * input_scale).astype(np.int32))
    raise ModelError("a layer's weights are too large for int32 sums")


def shift_between(input_scale: float, output_scale: float) -> int:
    """By how many bits an output of one scale has to be shifted right to have another, both powers of two."""
    return int(np.log2(input_scale)) - int(np.log2(output_scale))
