"""Codes the slices of a binary latent, for presets `mnist` and `compact`."""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.integer_mlp import code_tree, run_dense
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


class StaticTables(NamedTuple):
    """Static frequencies, in 1/65536.

    Shapes: `pixel` (TABLE_CONTEXTS, nodes) int32 for tier `table`; `trivial` (TRIVIAL_STATES, GRID, GRID) int32, the
    probability of ink where the whole context is background; `escape` (nodes,) int32 for the value of such ink;
    `latent` (slices, grid, grid) int32; positions beyond the grid count as its last.
    """

    pixel: np.ndarray
    trivial: np.ndarray
    escape: np.ndarray
    latent: np.ndarray


@functools.cache
def latent_offsets(slices: int, rows: int, columns: int) -> np.ndarray:
    """Flat offsets of the 3x3 neighbourhoods in all slices, relative to the position in slice 0, int64."""
    stride = columns + 2
    plane = (rows + 2) * stride
    return np.array([s * plane + dy * stride + dx for s in range(slices) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], np.int64)


def latent_buffer(slices: int, rows: int, columns: int) -> np.ndarray:
    """A context buffer in which every bit is unknown, int16 (slices, rows + 2, columns + 2)."""
    return np.zeros((slices, rows + 2, columns + 2), np.int16)


@kernel
def code_latent_slice(state, data, costs, net, tables, buffer, offsets, layers, selected, latent, index, count, use_network):
    """Codes the first `count` bits of latent slice `index` in raster order, in the direction of the coder's state.

    Args:
        state: coder state.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        net: the latents' `ContextNet`, whose node `index` predicts this slice.
        tables: `StaticTables`.
        buffer: context buffer from `latent_buffer`, holding the slices before.
        offsets: from `latent_offsets`.
        layers: from `layers_of`.
        selected: int64 (1,), working space.
        latent: int8 (slices, rows, columns), -1 or +1; read when encoding, written when decoding.
        index: the slice.
        count: bits to code.
        use_network: tier `context` when true, `table` otherwise.

    Returns:
        Bits coded: `count`, or fewer when the data is exhausted.
    """
    columns, grid = latent.shape[2], tables.latent.shape[1]
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
            symbol = code_decision(state, data, costs, np.int64(tables.latent[index, grid_y, grid_x]), symbol)
            state[MACS] += 1
        if state[EXHAUSTED]:
            return position
        latent[index, y, x] = 2 * symbol - 1
        buffer[index, y + 1, x + 1] = 2 * symbol - 1
    return count


@kernel
def code_latent_slices(
    state,
    data,
    costs,
    net,
    tables,
    buffer,
    offsets,
    layers,
    selected,
    latent,
    start,
    bit_budget,
    last,
    done,
    choices,
    spent,
    macs,
):
    """Codes latent slices from `start` on, each with its choice, in the direction of the coder's state.

    Args:
        state: coder state, and so on to `latent` as `code_latent_slice` takes them.
        start: the first slice.
        bit_budget: binary latents kept.
        last: bits of the last slice that the budget touches.
        done: bits coded before.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        spent: int64, receives each segment's cost.
        macs: int64, receives each segment's multiply-accumulates.

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
            done += code_latent_slice(
                state, data, costs, net, tables, buffer, offsets, layers, selected, latent, start + i, bits, choice == CONTEXT
            )
        spent[i], macs[i] = state[COST] - cost_before, state[MACS] - macs_before
        if state[EXHAUSTED] or choice == STOP:
            return i + 1, done
    return choices.shape[0], done
