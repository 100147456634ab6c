"""Codes the slices of a binary latent, in either direction; `rlcodec.core.binary_latent` says how."""

import numpy as np

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t

from rlcodec.core._integer_mlp cimport ContextNet, Layers, code_tree, run_dense
from rlcodec.core._range_coder cimport RangeCoder, code_decision
from rlcodec.core._segment_choice cimport CHANGE_PROBABILITY, CONTEXT, LATENT_TIERS, STOP, STOP_PROBABILITY, code_choice

from rlcodec.errors import ModelError


cdef class LatentCoder:
    """Network, frequencies and state of coding a latent, before the first bit.

    Args:
        net: the latents' network, whose node i predicts slice i.
        frequencies: int32 (slices, grid, grid), of +1 in 1/65536; positions beyond the grid count as its last.
        shape: slices, rows and columns of the latent.
        offsets: int64, where the context of a bit lies in the padded latent, relative to the bit's position in slice 0.

    Raises:
        ModelError: the network does not fit the frequencies.
    """

    def __init__(self, ContextNet net, const int32_t[:, :, ::1] frequencies, shape, const int64_t[::1] offsets):
        slices, rows, columns = shape
        self.net, self.frequencies, self.layers = net, frequencies, Layers(net)
        self.buffer, self.offsets = np.zeros((slices, rows + 2, columns + 2), np.int16), offsets
        grid = frequencies.shape[1]
        if (
            frequencies.shape[0] < slices
            or net.nodes.shape[0] < slices
            or net.rows.shape[0] < slices * grid * grid
            or net.first.shape[0] != self.offsets.shape[0]
        ):
            raise ModelError(f"the network of latents does not fit {slices} slices of {rows}x{columns}")


cdef int64_t code_slice(
    RangeCoder coder, LatentCoder latents, int8_t[:, :, ::1] latent, int64_t index, int64_t count, bint use_network
) noexcept nogil:
    """Codes the first `count` bits of latent slice `index` in raster order, in the coder's direction.

    Args:
        coder: its cost and multiply-accumulates grow by what the slice takes.
        latents: its buffer holds the slices before.
        latent: (slices, rows, columns), -1 or +1; read when encoding, written when decoding.
        index: the slice.
        count: bits to code.
        use_network: tier `context` if true, `table` otherwise.

    Returns:
        Bits coded: `count`, or fewer when the data are exhausted.
    """
    cdef int64_t columns = latent.shape[2], grid = latents.frequencies.shape[1]
    cdef int64_t position, y, x, grid_y, grid_x, selected, symbol
    cdef const int16_t* near
    # The slices after this one, whose inputs come last, are unknown: 0.
    cdef Py_ssize_t inputs = (index + 1) * (latents.offsets.shape[0] // latent.shape[0]), i
    for position in range(count):
        y, x = position // columns, position % columns
        grid_y, grid_x = min(y, grid - 1), min(x, grid - 1)
        symbol = latent[index, y, x] > 0
        if use_network:
            selected = (index * grid + grid_y) * grid + grid_x
            near = &latents.buffer[0, y + 1, x + 1]
            for i in range(inputs):
                latents.layers.inputs[i] = near[latents.offsets[i]]
            coder.state.macs += run_dense(latents.net, latents.layers, &selected, 1, inputs)
            symbol = code_tree(coder, latents.net, &latents.layers.last[0], index, symbol)
        else:
            symbol = code_decision(coder, latents.frequencies[index, grid_y, grid_x], symbol)
            coder.state.macs += 1
        if coder.state.exhausted:
            return position
        latent[index, y, x] = <int8_t>(2 * symbol - 1)
        latents.buffer[index, y + 1, x + 1] = <int16_t>(2 * symbol - 1)
    return count


def code_latent_slices(
    RangeCoder coder, LatentCoder latents, int8_t[:, :, ::1] latent, int64_t start, int64_t bit_budget, int64_t[::1] choices,
    int64_t[::1] costs, int64_t[::1] macs,
):
    """Codes latent slices from `start` on, each with its choice, in the coder's direction.

    Args:
        coder: its cost and multiply-accumulates grow by what the slices take.
        latents: holds the slices before.
        latent: int8 (slices, rows, columns), -1 or +1; read when encoding, written when decoding.
        start: the first slice.
        bit_budget: binary latents kept.
        choices: int64, STOP or tiers; read when encoding, written when decoding.
        costs: int64, receives the code length of each segment in 1/COST_UNIT bit.
        macs: int64, receives the multiply-accumulates of each segment.

    Returns:
        Segments coded, the stop mark included, and bits coded.
    """
    cdef int64_t size = latent.shape[1] * latent.shape[2], coded = choices.shape[0], done = 0
    cdef int64_t i, choice, cost_before, macs_before
    with nogil:
        for i in range(choices.shape[0]):
            cost_before, macs_before = coder.state.cost, coder.state.macs
            choice = code_choice(coder, LATENT_TIERS, CHANGE_PROBABILITY, STOP_PROBABILITY, choices[i])
            choices[i] = choice
            if not coder.state.exhausted and choice != STOP:
                done += code_slice(
                    coder, latents, latent, start + i, min(bit_budget - (start + i) * size, size), choice == CONTEXT
                )
            costs[i], macs[i] = coder.state.cost - cost_before, coder.state.macs - macs_before
            if coder.state.exhausted or choice == STOP:
                coded = i + 1
                break
    return coded, done


def measure_latent_slices(
    LatentCoder latents, int8_t[:, :, ::1] latent, bint use_network, int64_t[::1] costs, int64_t[::1] macs
):
    """Codes all slices of a latent and discards the payload.

    Args:
        latents: before the first bit.
        latent: int8 (slices, rows, columns), -1 or +1.
        use_network: tier `context` if true, `table` otherwise.
        costs: int64 (slices,), receives code lengths in 1/COST_UNIT bit.
        macs: int64 (slices,), receives multiply-accumulates.
    """
    cdef RangeCoder coder = RangeCoder()
    cdef int64_t size = latent.shape[1] * latent.shape[2], i, cost_before, macs_before
    with nogil:
        for i in range(latent.shape[0]):
            cost_before, macs_before = coder.state.cost, coder.state.macs
            code_slice(coder, latents, latent, i, size, use_network)
            costs[i], macs[i] = coder.state.cost - cost_before, coder.state.macs - macs_before
