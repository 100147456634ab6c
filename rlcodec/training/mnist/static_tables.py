"""The static tables of preset `mnist`, counted over training images."""

import numpy as np

from rlcodec.core.binary_latent import LATENT_GRID
from rlcodec.core.kernel import kernel
from rlcodec.presets.mnist.pixel_coder import (
    COLUMNS_ASIDE,
    GRID,
    ROWS_ABOVE,
    TABLE_CONTEXTS,
    TRIVIAL_STATES,
    is_trivial,
    pixel_buffer,
    pixel_offsets,
    pixel_totals,
    record_pixel,
    table_context,
    trivial_state,
)
from rlcodec.training.context_net import Tree, probability

COUNTED_AT_ONCE = 2000
TRIVIAL_PRIOR = 0.05


@kernel
def _count_static(images, budgets, buffers, totals, offsets, table_counts, trivial_counts, escapes):
    """Counts pixels by the contexts of the coder's static tables, and those that its networks skip."""
    height, width = images.shape[1], images.shape[2]
    for n in range(images.shape[0]):
        buffer, total = buffers[n], totals[n]
        flat = buffer.reshape(-1)
        for y in range(height):
            for x in range(width):
                base = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE + x
                value = images[n, y, x]
                table_counts[table_context(buffer, y, x, budgets[n]), value] += 1
                if is_trivial(flat, base, offsets):
                    state = trivial_state(total, budgets[n])
                    trivial_counts[state, min(y, GRID - 1), min(x, GRID - 1), 1 if value else 0] += 1
                    if value:
                        escapes[value] += 1
                record_pixel(buffer, total, y, x, height, width, np.int64(value))


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
    pixels = np.zeros((TABLE_CONTEXTS, 256), np.int64)
    trivial = np.zeros((TRIVIAL_STATES, GRID, GRID, 2), np.int64)
    escapes = np.zeros(256, np.int64)
    _, height, width = images.shape
    offsets = pixel_offsets(height, width)
    for start in range(0, len(images), COUNTED_AT_ONCE):
        part = slice(start, start + COUNTED_AT_ONCE)
        buffers = np.stack([pixel_buffer(r) for r in reconstructions[part]])
        totals = np.stack([pixel_totals(width)] * len(buffers))
        _count_static(images[part], budgets[part], buffers, totals, offsets, pixels, trivial, escapes)
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
