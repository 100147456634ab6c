"""Contexts of the pixels of a bilevel source: the causal window, learned rows, and pixels that need no network.

Learned rows of numbers are selected by the side of the source, the position in it, runs of equal pixels (upwards, to the left
and, one row above, to the right), and the number of strokes in the row above and so far in this one. If the eleven nearest
neighbours are all alike, or nearly determine the pixel, the network is skipped: the logit is a sum of learned numbers, one of
each selected row and one of the neighbours.
"""

import numpy as np

from rlcodec.presets.mnist.bilevel._context import (
    ABSENT,
    BORDER,
    LEFT,
    MARGIN,
    PEAK,
    PEAK_BITS,
    PLACE_BITS,
    PRESENT,
    SELECTED,
    SELECTED_ROWS,
    SIDE,
    SIDE_BITS,
    SKIPPED_SHIFT,
    STATUS,
    TOP,
    SourceState,
    SourceTables,
)
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource

__all__ = [
    "ABSENT",
    "BORDER",
    "LEFT",
    "MARGIN",
    "PEAK",
    "PEAK_BITS",
    "PLACE_BITS",
    "PRESENT",
    "SELECTED",
    "SELECTED_ROWS",
    "SIDE",
    "SIDE_BITS",
    "SKIPPED_SHIFT",
    "STATUS",
    "TOP",
    "SourceState",
    "SourceTables",
    "source_state",
    "window_size",
]


def source_state(source: BilevelSource | None = None, known: bool = False) -> SourceState:
    """The state before the first row.

    Args:
        source: of the image, when encoding.
        known: whether the image has this source, or none if that is None; false when decoding.
    """
    state = SourceState()
    if source:
        np.asarray(state.head)[:] = PRESENT, source.side, source.peak, source.top, source.left
        np.asarray(state.lines)[MARGIN : MARGIN + source.side] = source.rows
    elif known:
        state.head[STATUS] = ABSENT
    return state


def window_size(rows_above: int, columns_aside: int) -> int:
    """Pixels of a window as `gather_window` numbers them."""
    return rows_above * (2 * columns_aside + 1) + columns_aside
