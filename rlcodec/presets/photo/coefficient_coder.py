"""The raster-encoder of photographs: codes quantised coefficients block by block, with one loop for both directions.

Blocks are coded in raster order, their three planes one after another. Of each plane of a block are coded: the constant
coefficient, as its difference from a prediction by the neighbours; the extent, that is the number of diagonals of frequencies
that hold anything; then the coefficients of these diagonals, the lowest first. A magnitude is a path down a chain of binary
decisions ("more than 0?", "more than 1?", ...), whose probabilities a small integer network predicts from the magnitudes around
it: in this block, in neighbouring blocks, and in the planes before. Signs are coded with probability 1/2. When encoding, the
loop also quantises: each coefficient is rounded to the one of its two neighbours that has the smaller sum of squared error and
lambda times bits, by the same probabilities that code it (rate-distortion-optimised quantisation).
"""

import functools

import numpy as np

from rlcodec.presets.photo._coefficient_coder import (
    BLOCK_PAD,
    DIAGONALS,
    GAINS,
    INPUT_SCALE,
    SPAN,
    PhotoNets,
    ScratchBuffers,
    StripState,
    choose_extents,
    code_constants,
    code_diagonals,
)
from rlcodec.presets.photo.transform import BLOCK

__all__ = [
    "DIAGONALS",
    "GAINS",
    "PhotoNets",
    "ScratchBuffers",
    "StripState",
    "choose_extents",
    "code_constants",
    "code_diagonals",
]
GAINS_PER_OCTAVE = 8
"""The quantiser's step doubles with every so many gains."""
FINEST_STEP = 4.0
MAX_INPUT = 1023

SLICES = ((1, 2), (3, 6), (7, 13), (14, DIAGONALS - 1))
"""First and last diagonal of the slices after the first, which holds the constant coefficients and the extents."""
SLICE_COUNT = 1 + len(SLICES)
SLICE_OF = np.searchsorted([low for low, _ in SLICES], np.add.outer(np.arange(BLOCK), np.arange(BLOCK)), "right")
"""Index of the slice that a frequency belongs to, int64 (BLOCK, BLOCK)."""

INSIDE = ((0, -1), (-1, 0), (-1, -1), (0, -2), (-2, 0), (-1, 1), (1, -2), (-2, 1))
"""Offsets (down, across) to frequencies of this block that were coded before."""
NEXT = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (1, 1))
"""Offsets to frequencies of the blocks to the left and above."""
FAR = ((0, 0),)
"""Of the blocks above to either side, and of those two blocks away."""
ACROSS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""Of this block in the planes before."""


def strip_state(rows: int, columns: int, logs: np.ndarray) -> StripState:
    """The state of a strip of which nothing has been coded; `logs` are from `log_table`."""
    return StripState(rows, columns, gather_offsets(rows, columns), logs)


def step_of(gain: int) -> float:
    """Quantiser step of a gain."""
    return FINEST_STEP * 2.0 ** (gain / GAINS_PER_OCTAVE)


def log_table() -> np.ndarray:
    """INPUT_SCALE * log2(1 + n), int16 (4096,). It is stored with the weights; coding uses the stored table."""
    return np.rint(INPUT_SCALE * np.log2(1 + np.arange(4096))).astype(np.int16)


@functools.cache
def gather_offsets(rows: int, columns: int) -> np.ndarray:
    """Flat offsets in the logarithms of a strip to the magnitudes around a coefficient, int64; other planes come last."""
    block = SPAN * SPAN
    line = (columns + 2 * BLOCK_PAD) * block
    plane = (rows + 2 * BLOCK_PAD) * line

    def at(frequencies: tuple[tuple[int, int], ...], base: int) -> list[int]:
        return [base + u * SPAN + v for u, v in frequencies]

    far = [at(FAR, base) for base in (-line - block, -line + block, -2 * block, -2 * line)]
    offsets = [at(INSIDE, 0), at(NEXT, -block), at(NEXT, -line), *far, at(ACROSS, -plane), at(ACROSS, -2 * plane)]
    return np.array([o for group in offsets for o in group], np.int64)
