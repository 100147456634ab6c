"""Codes the slices of a binary latent in raster order, by static frequencies or by a context network."""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.integer_mlp import ContextNet, Layers, code_tree, layers_of, run_dense
from rlcodec.core.kernel import kernel
from rlcodec.core.range_coder import COST, EXHAUSTED, MACS, code_decision
from rlcodec.core.segment_choice import (
    CHANGE_PROBABILITY,
    CONTEXT,
    LATENT_TIERS,
    STOP,
    STOP_PROBABILITY,
    code_choice,
)

LATENT_GRID = 8
"""Positions along each side that preset `mnist` has frequencies and network inputs of their own for."""
Neighbours = tuple[tuple[int, int], ...]
"""Positions relative to a bit, (down, across), each from -1 to 1."""
ALL_AROUND: Neighbours = tuple((down, across) for down in (-1, 0, 1) for across in (-1, 0, 1))
"""The bit's own position and the eight around it."""


class LatentCoder(NamedTuple):
    """Network, frequencies and state of coding a latent.

    Attributes:
        net: the latents' `ContextNet`, whose node i predicts slice i.
        frequencies: int32 (slices, grid, grid), of +1 in 1/65536; positions beyond the grid count as its last.
        buffer: int16 (slices, rows + 2, columns + 2), the bits coded so far; 0 where they are unknown.
        offsets: int64 (slices * neighbours,), where the context of a bit lies in the flat buffer, relative to the bit's
            position in slice 0.
        layers: scratch buffers of the network.
        selected: int64 (1,), scratch buffer.
    """

    net: ContextNet
    frequencies: np.ndarray
    buffer: np.ndarray
    offsets: np.ndarray
    layers: Layers
    selected: np.ndarray


def latent_coder(
    net: ContextNet, frequencies: np.ndarray, shape: tuple[int, ...], neighbours: Neighbours = ALL_AROUND
) -> LatentCoder:
    """A coder before the first bit.

    Args:
        net: see `LatentCoder`.
        frequencies: see `LatentCoder`.
        shape: slices, rows and columns of the latent.
        neighbours: positions that are context, in all slices.
    """
    slices, rows, columns = shape
    buffer = np.zeros((slices, rows + 2, columns + 2), np.int16)
    return LatentCoder(
        net, frequencies, buffer, _context_offsets(buffer.shape, neighbours), layers_of(net), np.empty(1, np.int64)
    )


@functools.lru_cache
def _context_offsets(shape: tuple[int, ...], neighbours: Neighbours) -> np.ndarray:
    """The offsets of a `LatentCoder` whose buffer has a shape."""
    slices, rows, stride = shape
    return np.add.outer(rows * stride * np.arange(slices), np.array(neighbours) @ (stride, 1)).reshape(-1)


@kernel
def code_latent_slice(state, data, costs, coder, latent, index, count, use_network):
    """Codes the first `count` bits of latent slice `index` in raster order, in the direction of the coder's state.

    Args:
        state: coder state.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        coder: `LatentCoder`, whose buffer holds the slices before.
        latent: int8 (slices, rows, columns), -1 or +1; read when encoding, written when decoding.
        index: the slice.
        count: bits to code.
        use_network: tier `context` if true, `table` otherwise.

    Returns:
        Bits coded: `count`, or fewer when the data is exhausted.
    """
    net, frequencies, buffer, offsets, layers, selected = coder
    columns, grid = latent.shape[2], frequencies.shape[1]
    flat = buffer.reshape(-1)
    for position in range(count):
        y, x = position // columns, position % columns
        grid_y, grid_x = min(y, grid - 1), min(x, grid - 1)
        symbol = np.int64(1 if latent[index, y, x] > 0 else 0)
        if use_network:
            selected[0] = (index * grid + grid_y) * grid + grid_x
            base = (y + 1) * (columns + 2) + x + 1
            for i in range(offsets.shape[0]):
                layers.inputs[i] = flat[base + offsets[i]]
            state[MACS] += run_dense(net, layers, selected)
            symbol = code_tree(state, data, costs, net, layers.last, index, symbol)
        else:
            symbol = code_decision(state, data, costs, np.int64(frequencies[index, grid_y, grid_x]), symbol)
            state[MACS] += 1
        if state[EXHAUSTED]:
            return position
        latent[index, y, x] = 2 * symbol - 1
        buffer[index, y + 1, x + 1] = 2 * symbol - 1
    return count


@kernel
def code_latent_slices(state, data, costs, coder, latent, start, bit_budget, last, done, choices, segment_costs, segment_macs):
    """Codes latent slices from `start` on, each with its choice, in the direction of the coder's state.

    Args:
        state: coder state; this and what follows, up to `latent`, as `code_latent_slice` takes it.
        start: the first slice.
        bit_budget: binary latents kept.
        last: bits of the last slice that the budget touches.
        done: bits coded before.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        segment_costs: int64, receives the code length of each segment in 1/COST_UNIT bit.
        segment_macs: int64, receives the multiply-accumulates of each segment.

    Returns:
        Segments coded, the stop mark included, and bits coded in all.
    """
    size = latent.shape[1] * latent.shape[2]
    for i in range(choices.shape[0]):
        cost_before, macs_before = state[COST], state[MACS]
        choice = code_choice(state, data, costs, LATENT_TIERS, CHANGE_PROBABILITY, STOP_PROBABILITY, choices[i])
        choices[i] = choice
        if not state[EXHAUSTED] and choice != STOP:
            bits = last if (start + i + 1) * size >= bit_budget else size
            use_network = choice == CONTEXT
            done += code_latent_slice(state, data, costs, coder, latent, start + i, bits, use_network)
        segment_costs[i], segment_macs[i] = state[COST] - cost_before, state[MACS] - macs_before
        if state[EXHAUSTED] or choice == STOP:
            return i + 1, done
    return choices.shape[0], done
