"""Contexts of all pixels of a known bilevel source at once: for training, and for transformers that run on whole sources."""

from typing import NamedTuple

import numpy as np

from rlcodec.presets.mnist.bilevel._tokens import write_contexts
from rlcodec.presets.mnist.bilevel.context import SELECTED, source_state, window_size
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource


class Contexts(NamedTuple):
    """Contexts of m source pixels.

    Attributes:
        inputs: uint8 (m, window), 1 where a pixel of the network's window is ink.
        rows: int64 (m, SELECTED), learned rows, see `select_rows` in `rlcodec.presets.mnist.bilevel._context`.
        near: int64 (m,), the nearest neighbours, see `near_context` in `rlcodec.presets.mnist.bilevel._geometry`.
        symbols: int64 (m,), the pixels.
    """

    inputs: np.ndarray
    rows: np.ndarray
    near: np.ndarray
    symbols: np.ndarray


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
        count = write_contexts(source_state(source), near, rows_above, columns_aside, skipped, inputs, rows, contexts, symbols)
        out.append(Contexts(inputs[:count], rows[:count], contexts[:count], symbols[:count]))
    return out
