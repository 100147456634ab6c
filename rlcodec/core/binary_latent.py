"""Codes the slices of a binary latent in raster order, by static frequencies or by a context network."""

import functools

import numpy as np

from rlcodec.core._binary_latent import LatentCoder, code_latent_slices, measure_latent_slices
from rlcodec.core._integer_mlp import ContextNet

__all__ = [
    "ALL_AROUND",
    "LATENT_GRID",
    "LatentCoder",
    "Neighbours",
    "code_latent_slices",
    "latent_coder",
    "measure_latent_slices",
]

LATENT_GRID = 8
"""Positions along each side that preset `mnist` has frequencies and network inputs of their own for."""
Neighbours = tuple[tuple[int, int], ...]
"""Positions relative to a bit, (down, across), each from -1 to 1."""
ALL_AROUND: Neighbours = tuple((down, across) for down in (-1, 0, 1) for across in (-1, 0, 1))
"""The bit's own position and the eight around it."""


def latent_coder(
    net: ContextNet, frequencies: np.ndarray, shape: tuple[int, ...], neighbours: Neighbours = ALL_AROUND
) -> LatentCoder:
    """A coder before the first bit.

    Args:
        net: the latents' network, whose node i predicts slice i.
        frequencies: int32 (slices, grid, grid), of +1 in 1/65536; positions beyond the grid count as its last.
        shape: slices, rows and columns of the latent.
        neighbours: positions that are context, in all slices.

    Raises:
        ModelError: the network does not fit the frequencies.
    """
    return LatentCoder(net, frequencies, shape, _context_offsets(shape, neighbours))


@functools.lru_cache
def _context_offsets(shape: tuple[int, ...], neighbours: Neighbours) -> np.ndarray:
    """Where the context of a bit lies in the padded latent of a shape, relative to the bit's position in slice 0."""
    slices, rows, columns = shape
    return np.add.outer((rows + 2) * (columns + 2) * np.arange(slices), np.array(neighbours) @ (columns + 2, 1)).reshape(-1)
