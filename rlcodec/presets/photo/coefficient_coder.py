"""The raster-encoder of photographs: codes quantised coefficients block by block, with one kernel for both directions.

Blocks are coded in raster order, their three planes one after another. Of each plane of a block are coded: the constant
coefficient, as its difference from a prediction by the neighbours; the extent, that is the number of diagonals of frequencies
that hold anything; then the coefficients of these diagonals, the lowest first. A magnitude is a path down a chain of binary
decisions ("more than 0?", "more than 1?", ...), whose probabilities a small integer network predicts from the magnitudes around
it: in this block, in neighbouring blocks, and in the planes before. Signs are coded with probability 1/2. When encoding, the
loop also quantises: each coefficient is rounded to the one of its two neighbours that has the smaller sum of squared error and
lambda times bits, by the same probabilities that code it (rate-distortion-optimised quantisation).
"""

import functools
from typing import NamedTuple

import numpy as np

from rlcodec.core.integer_mlp import ContextNet, Layers, code_tree, layers_of, node_probability, run_dense
from rlcodec.core.kernel import inlined, kernel
from rlcodec.core.range_coder import COST_UNIT, DIRECTION, ENCODE, EXHAUSTED, MACS, PROBABILITY_ONE, code_decision
from rlcodec.presets.photo.transform import BLOCK, PLANES

DIAGONALS = 2 * BLOCK - 1
GAINS = 48
"""Number of gains, the indices of quantiser steps; the step doubles with every GAINS_PER_OCTAVE of them."""
GAINS_PER_OCTAVE = 8
FINEST_STEP = 4.0
LONGEST_CHAIN = 15
"""Greater magnitudes are coded as this and an Exp-Golomb code of the rest."""
ESCAPE_BITS = 15
HALF = PROBABILITY_ONE // 2

# Estimates by which `choose_extents` weighs coefficients before any network has run: bits of a zero, bits of a magnitude of 1,
# and the magnitude from which on a coefficient is sent.
ZERO_BITS, ONE_BITS, SMALLEST_SENT = 0.1, 3.5, 0.6

# Every block is padded by FREQUENCY_PAD empty frequencies and the strip by BLOCK_PAD empty blocks, so that contexts need no
# special case at edges.
FREQUENCY_PAD, BLOCK_PAD = 2, 2
SPAN = BLOCK + 2 * FREQUENCY_PAD

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
GATHERED = len(INSIDE) + 2 * len(NEXT) + 4 * len(FAR) + 2 * len(ACROSS)
SUMS = 8
"""Number of inputs that are sums over diagonals: of the left and the upper block this diagonal and those beyond; of this block
the two diagonals before and all so far; of the plane before this diagonal and those beyond."""
REACHES = 6
"""Number of inputs that tell how far the extents of the four blocks around, and of the planes before, exceed the diagonal."""
INPUTS = GATHERED + SUMS + REACHES
REACH_SCALE = 32
BESIDE_DOWN, BESIDE_ACROSS = (0, -1, 0, 1), (-1, 0, 1, 0)
BESIDE = len(BESIDE_DOWN)
INPUT_SCALE = 64
MAX_INPUT = 1023

BY_FREQUENCY, BY_LEFT_OVER, BY_GAIN = range(3)
ROW_BASES = (0, PLANES * BLOCK * BLOCK, PLANES * BLOCK * BLOCK + DIAGONALS + 1)
ROWS = ROW_BASES[2] + GAINS
SELECTED = 3

EXTENT_INPUTS = 8
EXTENT_ROWS = PLANES + GAINS
EXTENT_SELECTED = 2
EXTENT_SCALE = 16


class PhotoNets(NamedTuple):
    """The integer networks: one for the coefficients of luma, one for those of chroma, and one for the blocks' extents."""

    luma: ContextNet
    chroma: ContextNet
    extent: ContextNet


class StripState(NamedTuple):
    """What has been coded of a strip of blocks.

    Attributes:
        values: int16 (3, rows, columns, BLOCK, BLOCK), quantised coefficients.
        logs: int16 (3, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD, SPAN, SPAN), INPUT_SCALE * log2(1 + magnitude).
        diagonals: int32 (3, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD, DIAGONALS + 1), sums of magnitudes from each
            diagonal on.
        extents: int16 (3, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD).
    """

    values: np.ndarray
    logs: np.ndarray
    diagonals: np.ndarray
    extents: np.ndarray


class ScratchBuffers(NamedTuple):
    """Buffers that the kernels reuse.

    Attributes:
        luma: layers of the network.
        chroma: layers of the network.
        extent: layers of the network.
        selected: int64 (SELECTED,), learned rows of a coefficient's context.
        chosen: int64 (EXTENT_SELECTED,), learned rows of an extent's context.
        sums: int64 (DIAGONALS + 1,), a block's magnitudes by diagonal.
    """

    luma: Layers
    chroma: Layers
    extent: Layers
    selected: np.ndarray
    chosen: np.ndarray
    sums: np.ndarray


def scratch_buffers(nets: PhotoNets) -> ScratchBuffers:
    """New scratch buffers for some networks."""
    selected, chosen = np.empty(SELECTED, np.int64), np.empty(EXTENT_SELECTED, np.int64)
    luma, chroma, extent = (layers_of(net) for net in nets)
    return ScratchBuffers(luma, chroma, extent, selected, chosen, np.zeros(DIAGONALS + 1, np.int64))


def strip_state(rows: int, columns: int) -> StripState:
    """The state of a strip of which nothing has been coded."""
    around = (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD)
    return StripState(
        np.zeros((PLANES, rows, columns, BLOCK, BLOCK), np.int16),
        np.zeros((*around, SPAN, SPAN), np.int16),
        np.zeros((*around, DIAGONALS + 1), np.int32),
        np.zeros(around, np.int16),
    )


def step_of(gain: int) -> float:
    """Quantiser step of a gain."""
    return FINEST_STEP * 2.0 ** (gain / GAINS_PER_OCTAVE)


def log_table() -> np.ndarray:
    """INPUT_SCALE * log2(1 + n), int16 (4096,). It is stored with the weights; coding uses the stored table."""
    return np.rint(INPUT_SCALE * np.log2(1 + np.arange(4096))).astype(np.int16)


def frequency_order() -> np.ndarray:
    """All frequencies but the constant one in the order of coding, int64 (BLOCK**2 - 1, 2): by diagonals, then downwards."""
    order = [(u, d - u) for d in range(1, DIAGONALS) for u in range(max(0, d - BLOCK + 1), min(d, BLOCK - 1) + 1)]
    return np.array(order, np.int64)


@functools.cache
def gather_offsets(rows: int, columns: int) -> np.ndarray:
    """Flat offsets in `StripState.logs` to the magnitudes around a coefficient, int64 (GATHERED,); other planes come last."""
    block = SPAN * SPAN
    line = (columns + 2 * BLOCK_PAD) * block
    plane = (rows + 2 * BLOCK_PAD) * line

    def at(frequencies: tuple[tuple[int, int], ...], base: int) -> list[int]:
        return [base + u * SPAN + v for u, v in frequencies]

    far = [at(FAR, base) for base in (-line - block, -line + block, -2 * block, -2 * line)]
    offsets = [at(INSIDE, 0), at(NEXT, -block), at(NEXT, -line), *far, at(ACROSS, -plane), at(ACROSS, -2 * plane)]
    return np.array([o for group in offsets for o in group], np.int64)


@kernel
def context_of(strip, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, inputs, selected):
    """Writes the context of one coefficient: the network's inputs and its learned rows.

    Args:
        strip: `StripState`.
        flat: its `logs`, flat.
        offsets: from `gather_offsets`.
        logs: from `log_table`.
        gain: index of the quantiser's step.
        plane: of the coefficient.
        y: row of its block.
        x: column of its block.
        u: vertical frequency.
        v: horizontal frequency; both are 0 of the constant coefficient.
        sums: int64 (DIAGONALS + 1,), of this block's magnitudes so far, by diagonal.
        total: their sum.
        inputs: int16 (INPUTS,) or longer, receives the inputs.
        selected: int64 (SELECTED,), receives the learned rows.
    """
    by, bx, d = y + BLOCK_PAD, x + BLOCK_PAD, u + v
    diagonals, extents = strip.diagonals, strip.extents
    lines, columns = extents.shape[1], extents.shape[2]
    base = ((plane * lines + by) * columns + bx) * SPAN * SPAN + (u + FREQUENCY_PAD) * SPAN + v + FREQUENCY_PAD
    gathered = GATHERED - (PLANES - 1 - plane) * len(ACROSS)
    for i in range(gathered):
        inputs[i] = flat[base + offsets[i]]
    for i in range(gathered, INPUTS):
        inputs[i] = 0
    left, above = diagonals[plane, by, bx - 1], diagonals[plane, by - 1, bx]
    inputs[GATHERED] = _log_of(logs, left[d] - left[d + 1])
    inputs[GATHERED + 1] = _log_of(logs, left[d + 1])
    inputs[GATHERED + 2] = _log_of(logs, above[d] - above[d + 1])
    inputs[GATHERED + 3] = _log_of(logs, above[d + 1])
    if plane > 0:
        inputs[GATHERED + 7] = _log_of(logs, diagonals[plane - 1, by, bx, d])
    left_over = DIAGONALS
    if d > 0:
        inputs[GATHERED + 4] = _log_of(logs, sums[d - 1])
        inputs[GATHERED + 5] = _log_of(logs, sums[d - 2] if d > 1 else np.int64(0))
        inputs[GATHERED + 6] = _log_of(logs, total)
        for i in range(BESIDE):
            inputs[GATHERED + SUMS + i] = _reach(extents[plane, by + BESIDE_DOWN[i], bx + BESIDE_ACROSS[i]], d)
        for i in range(plane):
            inputs[GATHERED + SUMS + BESIDE + i] = _reach(extents[plane - 1 - i, by, bx], d)
        left_over = extents[plane, by, bx] - d
    selected[BY_FREQUENCY] = ROW_BASES[BY_FREQUENCY] + (plane * BLOCK + u) * BLOCK + v
    selected[BY_LEFT_OVER] = ROW_BASES[BY_LEFT_OVER] + left_over
    selected[BY_GAIN] = ROW_BASES[BY_GAIN] + gain


@inlined
def _log_of(logs, amount):
    return logs[min(np.int64(amount), logs.shape[0] - 1)]


@inlined
def _reach(extent, diagonal):
    return REACH_SCALE * max(np.int64(extent) - diagonal + 1, 0)


@kernel
def open_block(running_sums, sums):
    """Computes a block's sums of magnitudes by diagonal from those from each diagonal on; returns the sum of all."""
    for d in range(DIAGONALS):
        sums[d] = running_sums[d] - running_sums[d + 1]
    return np.int64(running_sums[0])


@kernel
def close_block(running_sums, sums):
    """Inverse of `open_block`."""
    total = np.int64(0)
    for d in range(DIAGONALS - 1, -1, -1):
        total += sums[d]
        running_sums[d] = total


@inlined
def record_magnitude(strip, logs, plane, y, x, u, v, magnitude):
    """Enters a magnitude into the context of what follows; returns what it adds to sums over diagonals."""
    small = min(magnitude, logs.shape[0] - 1)
    strip.logs[plane, y + BLOCK_PAD, x + BLOCK_PAD, u + FREQUENCY_PAD, v + FREQUENCY_PAD] = logs[small]
    return small


@kernel
def choose_extents(coefficients, weight, worth, extents):
    """Chooses the extents: how many diagonals of each block are worth their bits.

    Args:
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK), in quantiser steps.
        weight: squared quantiser steps that a bit is worth.
        worth: float64 (DIAGONALS,), scratch buffer.
        extents: as in `StripState`, receives the extents.
    """
    planes, rows, columns = coefficients.shape[:3]
    for plane in range(planes):
        for y in range(rows):
            for x in range(columns):
                block = coefficients[plane, y, x]
                worth[:] = 0
                for u in range(BLOCK):
                    for v in range(BLOCK):
                        size = abs(np.float64(block[u, v]))
                        worth[u + v] -= weight * ZERO_BITS
                        if size > SMALLEST_SENT:
                            rest = size - np.floor(size + 0.5)
                            worth[u + v] += size * size - rest * rest - weight * (ONE_BITS + 2 * np.log2(size + 0.5))
                best, total, extent = 0.0, 0.0, 0
                for d in range(1, DIAGONALS):
                    total += worth[d]
                    if total > best:
                        best, extent = total, d
                extents[plane, y + BLOCK_PAD, x + BLOCK_PAD] = extent


@kernel
def extent_context(strip, gain, plane, y, x, inputs, selected):
    """Writes the context of a block's extent: int16 (EXTENT_INPUTS,) at least and int64 (EXTENT_SELECTED,)."""
    by, bx = y + BLOCK_PAD, x + BLOCK_PAD
    extents = strip.extents
    inputs[0] = extents[plane, by, bx - 1] * EXTENT_SCALE
    inputs[1] = extents[plane, by - 1, bx] * EXTENT_SCALE
    inputs[2] = extents[plane, by - 1, bx - 1] * EXTENT_SCALE
    inputs[3] = extents[plane, by - 1, bx + 1] * EXTENT_SCALE
    inputs[4] = extents[plane, by, bx - 2] * EXTENT_SCALE
    inputs[5] = extents[plane - 1, by, bx] * EXTENT_SCALE if plane > 0 else 0
    inputs[6] = extents[plane - 2, by, bx] * EXTENT_SCALE if plane > 1 else 0
    inputs[7] = strip.logs[plane, by, bx, FREQUENCY_PAD, FREQUENCY_PAD] // EXTENT_SCALE * EXTENT_SCALE
    selected[0] = plane
    selected[1] = PLANES + gain


@kernel
def _code_number(state, data, costs, value, first):
    """Codes a number that is not negative by an Exp-Golomb code of order `first`."""
    bits = first
    while bits < first + ESCAPE_BITS:
        more = code_decision(state, data, costs, HALF, 1 if value >= np.int64(1) << bits else 0)
        if state[EXHAUSTED]:
            return np.int64(0)
        if not more:
            break
        value -= np.int64(1) << bits
        bits += 1
    base = (np.int64(1) << bits) - (np.int64(1) << first)
    return base + code_bits(state, data, costs, value, bits)


@kernel
def code_bits(state, data, costs, value, bits):
    """Codes the lowest `bits` binary digits of a number with probability 1/2 each."""
    out = np.int64(0)
    for i in range(bits - 1, -1, -1):
        out = 2 * out + code_decision(state, data, costs, HALF, (value >> i) & 1)
        if state[EXHAUSTED]:
            return np.int64(0)
    return out


@kernel
def _code_magnitude(state, data, costs, net, last, value):
    """Codes a magnitude along the chain of the network's nodes."""
    for node in range(LONGEST_CHAIN):
        state[MACS] += net.nodes.shape[1]
        if not code_decision(state, data, costs, node_probability(net, last, node), 1 if value > node else 0):
            return np.int64(node)
    return LONGEST_CHAIN + _code_number(state, data, costs, value - LONGEST_CHAIN, 0)


@kernel
def _cheaper(costs, net, last, target, weight):
    """The one of the two magnitudes around a target that has the smaller sum of squared error and `weight` times cost."""
    low = np.int64(target)
    if low >= LONGEST_CHAIN or target - low < 0.3:
        return np.int64(target + 0.5)
    p = node_probability(net, last, low)
    gain_low = (target - low) ** 2 + weight * costs[PROBABILITY_ONE - p]
    cost_high = costs[p]
    if low == 0:
        cost_high += COST_UNIT
    if low + 1 < LONGEST_CHAIN:
        cost_high += costs[PROBABILITY_ONE - node_probability(net, last, low + 1)]
    return low if gain_low <= (low + 1 - target) ** 2 + weight * cost_high else low + 1


@kernel
def predicted_constant(values, y, x):
    """Prediction of a block's constant coefficient by its neighbours; `values` (rows, columns, BLOCK, BLOCK) of one plane."""
    west = np.int64(values[y, x - 1, 0, 0]) if x else np.int64(0)
    north = np.int64(values[y - 1, x, 0, 0]) if y else np.int64(0)
    if x == 0 or y == 0:
        return west + north
    corner = np.int64(values[y - 1, x - 1, 0, 0])
    if corner >= max(west, north):
        return min(west, north)
    if corner <= min(west, north):
        return max(west, north)
    return west + north - corner


@kernel
def constant_shift(logs, plane, y, x):
    """How many low binary digits of the constant's difference have probability 1/2, from the neighbours' differences."""
    by, bx, f = y + BLOCK_PAD, x + BLOCK_PAD, FREQUENCY_PAD
    near = np.int64(logs[plane, by, bx - 1, f, f]) + logs[plane, by - 1, bx, f, f]
    return max(near // (2 * INPUT_SCALE) - 2, 0)


@kernel
def code_constants(state, data, costs, nets, logs, strip, scratch, offsets, coefficients, gain):
    """Codes the first slice: the constant coefficient and the extent of every block and plane.

    Args:
        state: coder state.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        nets: `PhotoNets`.
        logs: from `log_table`.
        strip: `StripState`; encoding reads `extents`, both directions write `values`.
        scratch: from `scratch_buffers`.
        offsets: from `gather_offsets`.
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK), in quantiser steps; only read when encoding.
        gain: index of the quantiser's step.

    Returns:
        Blocks coded; fewer than there are when the data is exhausted.
    """
    planes, rows, columns = strip.values.shape[:3]
    of_extent, selected, chosen, sums = scratch.extent, scratch.selected, scratch.chosen, scratch.sums
    flat = strip.logs.reshape(-1)
    encoding = state[DIRECTION] == ENCODE
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                net, layers = (nets.luma, scratch.luma) if plane == 0 else (nets.chroma, scratch.chroma)
                expected = predicted_constant(strip.values[plane], y, x)
                shift = constant_shift(strip.logs, plane, y, x)
                difference = np.int64(np.rint(coefficients[plane, y, x, 0, 0])) - expected if encoding else np.int64(0)
                extent = np.int64(strip.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD])
                context_of(strip, flat, offsets, logs, gain, plane, y, x, 0, 0, sums, 0, layers.inputs, selected)
                state[MACS] += run_dense(net, layers, selected)
                magnitude = _code_magnitude(state, data, costs, net, layers.last, abs(difference) >> shift) << shift
                magnitude += code_bits(state, data, costs, abs(difference), shift)
                if magnitude and not state[EXHAUSTED]:
                    if code_decision(state, data, costs, HALF, 1 if difference < 0 else 0):
                        difference = -magnitude
                    else:
                        difference = magnitude
                else:
                    difference = np.int64(0)
                if state[EXHAUSTED]:
                    return y * columns + x
                strip.values[plane, y, x, 0, 0] = min(max(expected + difference, -32767), 32767)
                record_magnitude(strip, logs, plane, y, x, 0, 0, magnitude)
                extent_context(strip, gain, plane, y, x, of_extent.inputs, chosen)
                state[MACS] += run_dense(nets.extent, of_extent, chosen)
                extent = np.int64(code_tree(state, data, costs, nets.extent, of_extent.last, 0, extent))
                if state[EXHAUSTED]:
                    return y * columns + x
                strip.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD] = extent
    return rows * columns


@kernel
def code_diagonals(state, data, costs, nets, logs, strip, scratch, offsets, order, coefficients, gain, weight, low, high):
    """Codes a later slice: of every block and plane the coefficients on diagonals `low` to `high`, up to its extent.

    Args:
        state: coder state; it and the arguments up to `gain` are as in `code_constants`.
        order: from `frequency_order`.
        weight: squared quantiser steps that 1/COST_UNIT bit is worth; only used when encoding.
        low: first diagonal.
        high: last diagonal.

    Returns:
        Blocks coded; fewer than there are when the data is exhausted.
    """
    planes, rows, columns = strip.values.shape[:3]
    selected, sums = scratch.selected, scratch.sums
    flat = strip.logs.reshape(-1)
    encoding = state[DIRECTION] == ENCODE
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                net, layers = (nets.luma, scratch.luma) if plane == 0 else (nets.chroma, scratch.chroma)
                by, bx = y + BLOCK_PAD, x + BLOCK_PAD
                last = min(np.int64(strip.extents[plane, by, bx]), high)
                if last < low:
                    continue
                block, running_sums = strip.values[plane, y, x], strip.diagonals[plane, by, bx]
                total = open_block(running_sums, sums)
                for at in range(order.shape[0]):
                    u, v = order[at, 0], order[at, 1]
                    d = u + v
                    if d < low:
                        continue
                    if d > last:
                        break
                    context_of(strip, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, layers.inputs, selected)
                    state[MACS] += run_dense(net, layers, selected)
                    target, magnitude = 0.0, np.int64(0)
                    if encoding:
                        target = np.float64(coefficients[plane, y, x, u, v])
                        magnitude = _cheaper(costs, net, layers.last, abs(target), weight)
                    magnitude = _code_magnitude(state, data, costs, net, layers.last, magnitude)
                    if magnitude and not state[EXHAUSTED]:
                        if code_decision(state, data, costs, HALF, 1 if target < 0 else 0):
                            block[u, v] = -min(magnitude, 32767)
                        else:
                            block[u, v] = min(magnitude, 32767)
                        small = record_magnitude(strip, logs, plane, y, x, u, v, magnitude)
                        sums[d] += small
                        total += small
                    elif encoding:
                        block[u, v] = 0
                    if state[EXHAUSTED]:
                        return y * columns + x
                close_block(running_sums, sums)
    return rows * columns
