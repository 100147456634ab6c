"""A binary range coder in exact integers, one routine for both directions.

When to use it: for streams of a hundred bytes, where flushing two words at the end would cost several per cent. It keeps 48
bits of range, so rounding loses less than 2**-24 of the interval per decision, and **a payload with a code length of c bits
takes exactly ceil(c / 8) bytes**. The size of a file is therefore a function of the code lengths of its segments, and tables of
code lengths predict it exactly.

Source: Martin, "Range encoding" (1979), with the carry resolved in the buffer.
"""

from typing import Any

import numpy as np

from rlcodec.core._range_coder import COST_BITS, COST_UNIT, PROBABILITY_BITS, PROBABILITY_ONE, RangeCoder, cost_table

__all__ = ["COSTS", "COST_BITS", "COST_UNIT", "PROBABILITY_BITS", "PROBABILITY_ONE", "RangeCoder", "payload_bytes"]

COSTS = np.array(cost_table(), np.int64)
"""Code length of a decision by its probability in 1/65536, in 1/COST_UNIT bit."""


def payload_bytes(cost: Any) -> Any:
    """Bytes of a payload of a code length in 1/COST_UNIT bit; int, or int64 array."""
    return -(-cost // (8 * COST_UNIT))
