"""The contexts of a scan that is known, all at once: for training, and for transformers that run on whole scans."""

from typing import NamedTuple

import numpy as np

from rlcodec.core.kernel import array_kernel
from rlcodec.presets.mnist.bilevel.context import (
    BORDER,
    MARGIN,
    SELECTED,
    extend_run,
    gather_window,
    is_quiet,
    scan_state,
    select_rows,
    survey_row,
    window_size,
)
from rlcodec.presets.mnist.bilevel.geometry import Scan, get_bit, near_context


class Contexts(NamedTuple):
    """Contexts of m scan pixels: `inputs` uint8 (m, window), `rows` int64 (m, SELECTED), `near`, `symbols` int64 (m,)."""

    inputs: np.ndarray
    rows: np.ndarray
    near: np.ndarray
    symbols: np.ndarray


@array_kernel
def _contexts(lines, side, near, rows_above, columns_aside, quiet, inputs, selections, contexts, symbols):
    """Lists the contexts of a scan's quiet pixels, or of the others; returns how many."""
    above = lines[MARGIN - 2 :]
    up, right = np.full(side, BORDER), np.empty(side, np.int64)
    which = np.empty(inputs.shape[1], np.int64)
    count = 0
    for i in range(side):
        line = lines[MARGIN + i]
        strokes, strokes_here, left = survey_row(lines[MARGIN + i - 1], side, right), 0, BORDER
        for j in range(side):
            context, symbol = near_context(above, i, j), get_bit(line, j)
            if is_quiet(near, context) == quiet:
                select_rows(side, i, j, up[j], left, right[j], strokes, strokes_here, selections[count])
                if not quiet:
                    inputs[count] = 0
                    for k in range(gather_window(lines, i, j, rows_above, columns_aside, which)):
                        inputs[count, which[k]] = 1
                contexts[count], symbols[count] = context, symbol
                count += 1
            strokes_here += 1 if symbol and left < 0 else 0
            left = extend_run(left, symbol)
            up[j] = extend_run(up[j], symbol)
    return count


def scan_contexts(
    scans: list[Scan], near: np.ndarray, rows_above: int, columns_aside: int, quiet: bool = False
) -> list[Contexts]:
    """Contexts of each scan's quiet pixels, without inputs, or of those that a network codes.

    Args:
        scans: whose.
        near: as in `ScanTables`.
        rows_above: of the network's window.
        columns_aside: of the network's window.
        quiet: which pixels.
    """
    window = 0 if quiet else window_size(rows_above, columns_aside)
    out = []
    for scan in scans:
        room = scan.side**2
        inputs, rows = np.empty((room, window), np.uint8), np.empty((room, SELECTED), np.int64)
        contexts, symbols = np.empty(room, np.int64), np.empty(room, np.int64)
        count = _contexts(
            scan_state(scan).lines, scan.side, near, rows_above, columns_aside, quiet, inputs, rows, contexts, symbols
        )
        out.append(Contexts(inputs[:count], rows[:count], contexts[:count], symbols[:count]))
    return out
