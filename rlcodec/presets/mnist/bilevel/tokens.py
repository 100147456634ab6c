"""Contexts of all pixels of a known bilevel source at once: for training, and for transformers that run on whole sources."""

from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import array_kernel
from rlcodec.presets.mnist.bilevel.context import (
    BORDER,
    MARGIN,
    SELECTED,
    extend_run,
    gather_window,
    is_skipped,
    select_rows,
    source_state,
    survey_row,
    window_size,
)
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource, get_bit, near_context


class Contexts(NamedTuple):
    """Contexts of m source pixels.

    Attributes:
        inputs: uint8 (m, window), 1 where a pixel of the network's window is ink.
        rows: int64 (m, SELECTED), learned rows, see `rlcodec.presets.mnist.bilevel.context.select_rows`.
        near: int64 (m,), the nearest neighbours, see `rlcodec.presets.mnist.bilevel.geometry.near_context`.
        symbols: int64 (m,), the pixels.
    """

    inputs: np.ndarray
    rows: np.ndarray
    near: np.ndarray
    symbols: np.ndarray


@array_kernel
def _write_contexts(lines, side, near, rows_above, columns_aside, skipped, inputs, selections, contexts, symbols):
    """Writes the contexts of the skipped pixels of a source, or of the others; returns how many."""
    above = lines[MARGIN - 2 :]
    up, right = np.full(side, BORDER), np.empty(side, np.int64)
    which = np.empty(inputs.shape[1], np.int64)
    count = 0
    for i in range(side):
        line = lines[MARGIN + i]
        strokes, strokes_here, left = survey_row(lines[MARGIN + i - 1], side, right), 0, BORDER
        for j in range(side):
            context, symbol = near_context(above, i, j), get_bit(line, j)
            if is_skipped(near, context) == skipped:
                select_rows(side, i, j, up[j], left, right[j], strokes, strokes_here, selections[count])
                if not skipped:
                    inputs[count] = 0
                    for k in range(gather_window(lines, i, j, rows_above, columns_aside, which)):
                        inputs[count, which[k]] = 1
                contexts[count], symbols[count] = context, symbol
                count += 1
            strokes_here += 1 if symbol and left < 0 else 0
            left = extend_run(left, symbol)
            up[j] = extend_run(up[j], symbol)
    return count


def source_contexts(
    sources: list[BilevelSource], near: np.ndarray, rows_above: int, columns_aside: int, skipped: bool = False
) -> list[Contexts]:
    """Contexts of the pixels of each source that a network codes, or of the skipped ones, then without inputs.

    Args:
        sources: n of them.
        near: as in `SourceTables`.
        rows_above: of the network's window.
        columns_aside: of the network's window.
        skipped: which pixels.

    Returns:
        One `Contexts` for each source.
    """
    window = 0 if skipped else window_size(rows_above, columns_aside)
    out = []
    for source in sources:
        most = source.side**2
        inputs, rows = np.empty((most, window), np.uint8), np.empty((most, SELECTED), np.int64)
        contexts, symbols = np.empty(most, np.int64), np.empty(most, np.int64)
        count = _write_contexts(
            source_state(source).lines, source.side, near, rows_above, columns_aside, skipped, inputs, rows, contexts, symbols
        )
        out.append(Contexts(inputs[:count], rows[:count], contexts[:count], symbols[:count]))
    return out
