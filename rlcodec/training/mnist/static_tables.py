"""The static tables of preset `mnist`, counted over training images."""

import numpy as np

from rlcodec.core.binary_latent import LATENT_GRID
from rlcodec.training.context_net import Tree, probability
from rlcodec.training.mnist._pixels import count_static

TRIVIAL_PRIOR = 0.05


def _tree_probabilities(tree: Tree, counts: np.ndarray) -> np.ndarray:
    """Probability of the second child at every node, int32 (..., nodes), from histograms of symbols (..., symbols)."""
    ones = np.zeros((*counts.shape[:-1], len(tree.threshold)))
    zeros = np.zeros_like(ones)
    for symbol, (nodes, signs) in enumerate(zip(*tree.paths, strict=True)):
        ones[..., nodes[signs > 0]] += counts[..., symbol, None]
        zeros[..., nodes[signs < 0]] += counts[..., symbol, None]
    return probability(ones, zeros)


def pixel_tables(images: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray, tree: Tree) -> dict[str, np.ndarray]:
    """Counts pixels by their static contexts; see `rlcodec.presets.mnist.static_tables.StaticTables`.

    Args:
        images: uint8 (n, h, w).
        reconstructions: uint8 (n, h, w); zeros where the budget is 0.
        budgets: int64 (n,), index of the bit budget.
        tree: of the pixel values.

    Returns:
        The tables of pixels, by their names in the weights file.
    """
    pixels, trivial, escapes = count_static(images, reconstructions, budgets)
    return {
        "tables.pixel": _tree_probabilities(tree, pixels),
        "tables.trivial": probability(trivial[..., 1], trivial[..., 0], TRIVIAL_PRIOR),
        "tables.escape": _tree_probabilities(tree, escapes),
    }


def latent_frequencies(latents: np.ndarray) -> np.ndarray:
    """Frequency of +1 at each slice and position in units of 1/65536, int32 (slices, LATENT_GRID, LATENT_GRID).

    Args:
        latents: int8 (n, slices, rows, columns), -1 or +1.
    """
    slices, rows, columns = latents.shape[1:]
    table = np.full((slices, LATENT_GRID, LATENT_GRID), 32768, np.int32)
    ones = (latents > 0).sum(0)
    table[:, :rows, :columns] = probability(ones, len(latents) - ones)[:, :LATENT_GRID, :LATENT_GRID]
    return table
