"""Static frequencies of preset `mnist`, which drive tier `table` of its latents and pixels."""

from typing import NamedTuple

import numpy as np


class StaticTables(NamedTuple):
    """Static frequencies, in 1/65536.

    Attributes:
        pixel: int32 (TABLE_CONTEXTS, nodes), of the decisions about a pixel in tier `table`.
        trivial: int32 (TRIVIAL_STATES, GRID, GRID), of ink at a position whose whole context is background.
        escape: int32 (nodes,), of the decisions about the value of such ink.
        latent: int32 (slices, LATENT_GRID, LATENT_GRID), of +1 at each position of a latent slice.
    """

    pixel: np.ndarray
    trivial: np.ndarray
    escape: np.ndarray
    latent: np.ndarray
