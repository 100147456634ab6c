"""The raster-encoder of photographs: quantised coefficients, block by block, in one compiled kernel for both directions.

Blocks are coded in raster order, their three planes one after another. Of each: the constant coefficient, as its difference
from what the neighbours predict; how many diagonals of frequencies hold anything; then the coefficients of these diagonals,
the lowest first. A magnitude is a path down a chain of decisions ("more than 0?", "more than 1?", ...), predicted by a small
integer network from the magnitudes around it: in this block, in neighbouring blocks, in the planes before. Signs are coded as
they are. When encoding, the loop also decides: each coefficient is rounded to the cheaper of its two neighbours in the sense
of squared error plus lambda times bits, with the very probabilities that code it (rate-distortion-optimised quantisation).
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
"""Quantiser settings; the step doubles with every GAINS_PER_OCTAVE of them."""
GAINS_PER_OCTAVE = 8
FINEST_STEP = 4.0
LONGEST_CHAIN = 15
"""Magnitudes above are coded as this and an Exp-Golomb code of the rest."""
ESCAPE_BITS = 15
HALF = PROBABILITY_ONE // 2

# What `choose_extents` takes a coefficient to cost before any network has run.
ZERO_BITS, ONE_BITS, SMALLEST_SENT = 0.1, 3.5, 0.6

# Around a block's magnitudes lie FREQUENCY_PAD empty frequencies and BLOCK_PAD empty blocks, so that contexts need no edge.
FREQUENCY_PAD, BLOCK_PAD = 2, 2
SPAN = BLOCK + 2 * FREQUENCY_PAD

SLICES = ((1, 2), (3, 6), (7, 13), (14, DIAGONALS - 1))
"""Diagonals of the slices after the first, which holds the constant coefficients and the extents."""
SLICE_COUNT = 1 + len(SLICES)
SLICE_OF = np.searchsorted([low for low, _ in SLICES], np.add.outer(np.arange(BLOCK), np.arange(BLOCK)), "right")
"""Which slice a frequency stands in, int64 (BLOCK, BLOCK)."""

INSIDE = ((0, -1), (-1, 0), (-1, -1), (0, -2), (-2, 0), (-1, 1), (1, -2), (-2, 1))
"""Frequencies of this block, (down, across), that come before."""
NEXT = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (1, 1))
"""Frequencies of the blocks to the left and above."""
FAR = ((0, 0),)
"""Of the blocks above to either side and two away."""
ACROSS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""Of this block in the planes before."""
GATHERED = len(INSIDE) + 2 * len(NEXT) + 4 * len(FAR) + 2 * len(ACROSS)
SUMS = 8
"""Sums over diagonals: of the left and upper block, this diagonal and those beyond; of this block, two before, and so on."""
REACHES = 6
"""By how much the extents of the four blocks around, and of the planes before, reach beyond this diagonal."""
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
    """What is known of a strip of blocks.

    Shapes: `values` (3, rows, columns, BLOCK, BLOCK) int16, quantised; `logs` (3, rows + 2 pad, columns + 2 pad, SPAN, SPAN)
    int16, INPUT_SCALE * log2(1 + magnitude); `diagonals` (3, rows + 2 pad, columns + 2 pad, DIAGONALS + 1) int32, sums of
    magnitudes; `extents` (3, rows + 2 pad, columns + 2 pad) int16.
    """

    values: np.ndarray
    logs: np.ndarray
    diagonals: np.ndarray
    extents: np.ndarray


class ScratchBuffers(NamedTuple):
    """Working space: the networks' layers; `selected` (SELECTED,) and `chosen` (EXTENT_SELECTED,) int64, learned rows; `sums`
    int64 (DIAGONALS + 1,), of a block's magnitudes by diagonal."""

    luma: Layers
    chroma: Layers
    extent: Layers
    selected: np.ndarray
    chosen: np.ndarray
    sums: np.ndarray


def scratch_buffers(nets: PhotoNets) -> ScratchBuffers:
    """Working space for the networks."""
    selected, chosen = np.empty(SELECTED, np.int64), np.empty(EXTENT_SELECTED, np.int64)
    luma, chroma, extent = (layers_of(net) for net in nets)
    return ScratchBuffers(luma, chroma, extent, selected, chosen, np.zeros(DIAGONALS + 1, np.int64))


def strip_state(rows: int, columns: int) -> StripState:
    """The state of a strip of which nothing is known."""
    around = (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD)
    return StripState(
        np.zeros((PLANES, rows, columns, BLOCK, BLOCK), np.int16),
        np.zeros((*around, SPAN, SPAN), np.int16),
        np.zeros((*around, DIAGONALS + 1), np.int32),
        np.zeros(around, np.int16),
    )


def step_of(gain: int) -> float:
    """Quantiser step of a gain index."""
    return FINEST_STEP * 2.0 ** (gain / GAINS_PER_OCTAVE)


def log_table() -> np.ndarray:
    """INPUT_SCALE * log2(1 + n), int16 (4096,); shipped with the weights, never recomputed."""
    return np.rint(INPUT_SCALE * np.log2(1 + np.arange(4096))).astype(np.int16)


def frequency_order() -> np.ndarray:
    """Frequencies after the constant one in the order of coding, int64 (BLOCK**2 - 1, 2): by diagonals, then downwards."""
    order = [(u, d - u) for d in range(1, DIAGONALS) for u in range(max(0, d - BLOCK + 1), min(d, BLOCK - 1) + 1)]
    return np.array(order, np.int64)


@functools.cache
def gather_offsets(rows: int, columns: int) -> np.ndarray:
    """Flat offsets in `StripState.logs` of the magnitudes around a coefficient, int64 (GATHERED,), planes before it last."""
    block = SPAN * SPAN
    line = (columns + 2 * BLOCK_PAD) * block
    plane = (rows + 2 * BLOCK_PAD) * line

    def at(frequencies: tuple[tuple[int, int], ...], base: int) -> list[int]:
        return [base + u * SPAN + v for u, v in frequencies]

    far = [at(FAR, base) for base in (-line - block, -line + block, -2 * block, -2 * line)]
    offsets = [at(INSIDE, 0), at(NEXT, -block), at(NEXT, -line), *far, at(ACROSS, -plane), at(ACROSS, -2 * plane)]
    return np.array([o for group in offsets for o in group], np.int64)


@kernel
def context_of(ps, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, inputs, selected):
    """Writes inputs and learned rows of one coefficient.

    Args:
        ps: `StripState`.
        flat: its `logs`, flat.
        offsets: from `gather_offsets`.
        logs: from `log_table`.
        gain: index of the quantiser's setting.
        plane, y, x, u, v: which coefficient; (u, v) = (0, 0) is the constant one.
        sums: int64 (DIAGONALS + 1,), of this block's magnitudes so far, by diagonal.
        total: their sum.
        inputs, selected: receive the context, int16 (INPUTS,) at least and int64 (SELECTED,).
    """
    by, bx, d = y + BLOCK_PAD, x + BLOCK_PAD, u + v
    diagonals, extents = ps.diagonals, ps.extents
    lines, columns = extents.shape[1], extents.shape[2]
    base = ((plane * lines + by) * columns + bx) * SPAN * SPAN + (u + FREQUENCY_PAD) * SPAN + v + FREQUENCY_PAD
    there = GATHERED - (PLANES - 1 - plane) * len(ACROSS)
    for i in range(there):
        inputs[i] = flat[base + offsets[i]]
    for i in range(there, INPUTS):
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
def open_block(here, sums):
    """Takes a block's sums of magnitudes by diagonal from its running totals; returns the sum of all."""
    for d in range(DIAGONALS):
        sums[d] = here[d] - here[d + 1]
    return np.int64(here[0])


@kernel
def close_block(here, sums):
    """Inverse of `open_block`."""
    running = np.int64(0)
    for d in range(DIAGONALS - 1, -1, -1):
        running += sums[d]
        here[d] = running


@inlined
def record_magnitude(ps, logs, plane, y, x, u, v, magnitude):
    """Enters a magnitude into the context of what follows; returns what sums over diagonals take of it."""
    small = min(magnitude, logs.shape[0] - 1)
    ps.logs[plane, y + BLOCK_PAD, x + BLOCK_PAD, u + FREQUENCY_PAD, v + FREQUENCY_PAD] = logs[small]
    return small


@kernel
def choose_extents(coefficients, weight, worth, extents):
    """Chooses how many diagonals of each block are worth sending, an encoder's first decision.

    Args:
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK), in quantiser steps.
        weight: squared quantiser steps that a bit is worth.
        worth: float64 (DIAGONALS,), working space.
        extents: as in `StripState`, written.
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
def extent_context(ps, gain, plane, y, x, inputs, selected):
    """Writes the context of a block's extent: int16 (EXTENT_INPUTS,) at least and int64 (EXTENT_SELECTED,)."""
    by, bx = y + BLOCK_PAD, x + BLOCK_PAD
    extents = ps.extents
    inputs[0] = extents[plane, by, bx - 1] * EXTENT_SCALE
    inputs[1] = extents[plane, by - 1, bx] * EXTENT_SCALE
    inputs[2] = extents[plane, by - 1, bx - 1] * EXTENT_SCALE
    inputs[3] = extents[plane, by - 1, bx + 1] * EXTENT_SCALE
    inputs[4] = extents[plane, by, bx - 2] * EXTENT_SCALE
    inputs[5] = extents[plane - 1, by, bx] * EXTENT_SCALE if plane > 0 else 0
    inputs[6] = extents[plane - 2, by, bx] * EXTENT_SCALE if plane > 1 else 0
    inputs[7] = ps.logs[plane, by, bx, FREQUENCY_PAD, FREQUENCY_PAD] // EXTENT_SCALE * EXTENT_SCALE
    selected[0] = plane
    selected[1] = PLANES + gain


@kernel
def _code_number(state, data, costs, value, first):
    """Codes a number from 0 on by an Exp-Golomb code of order `first`."""
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
    """Codes the last `bits` binary digits of a number as they are."""
    out = np.int64(0)
    for i in range(bits - 1, -1, -1):
        out = 2 * out + code_decision(state, data, costs, HALF, (value >> i) & 1)
        if state[EXHAUSTED]:
            return np.int64(0)
    return out


@kernel
def _code_magnitude(state, data, costs, net, last, value):
    """Codes a magnitude down the chain of the network's nodes."""
    for node in range(LONGEST_CHAIN):
        state[MACS] += net.nodes.shape[1]
        if not code_decision(state, data, costs, node_probability(net, last, node), 1 if value > node else 0):
            return np.int64(node)
    return LONGEST_CHAIN + _code_number(state, data, costs, value - LONGEST_CHAIN, 0)


@kernel
def _cheaper(costs, net, last, target, weight):
    """The magnitude, next below or above a target, that is cheaper: squared error plus `weight` times cost."""
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
    """What the neighbours say of a block's constant coefficient; `values` (rows, columns, BLOCK, BLOCK) of one plane."""
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
    """How many binary digits of the constant's difference are coded as they are, from the neighbours' differences."""
    by, bx, f = y + BLOCK_PAD, x + BLOCK_PAD, FREQUENCY_PAD
    near = np.int64(logs[plane, by, bx - 1, f, f]) + logs[plane, by - 1, bx, f, f]
    return max(near // (2 * INPUT_SCALE) - 2, 0)


@kernel
def code_constants(state, data, costs, nets, logs, ps, work, offsets, coefficients, gain):
    """Codes the first slice: of every block and plane the constant coefficient and the extent.

    Args:
        state: coder state.
        data: uint8 payload.
        costs: `rlcodec.core.range_coder.COSTS`.
        nets: `PhotoNets`.
        logs: from `log_table`.
        ps: `StripState`; when encoding, `extents` are read and `values` are written all the same.
        work: from `photo_work`.
        offsets: from `gather_offsets`.
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK), in quantiser steps; read when encoding.
        gain: index of the quantiser's setting.

    Returns:
        Blocks coded; fewer than there are when the data is exhausted.
    """
    planes, rows, columns = ps.values.shape[:3]
    of_extent, selected, chosen, sums = work.extent, work.selected, work.chosen, work.sums
    flat = ps.logs.reshape(-1)
    encoding = state[DIRECTION] == ENCODE
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                net, layers = (nets.luma, work.luma) if plane == 0 else (nets.chroma, work.chroma)
                expected = predicted_constant(ps.values[plane], y, x)
                shift = constant_shift(ps.logs, plane, y, x)
                difference = np.int64(np.rint(coefficients[plane, y, x, 0, 0])) - expected if encoding else np.int64(0)
                extent = np.int64(ps.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD])
                context_of(ps, flat, offsets, logs, gain, plane, y, x, 0, 0, sums, 0, layers.inputs, selected)
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
                ps.values[plane, y, x, 0, 0] = min(max(expected + difference, -32767), 32767)
                record_magnitude(ps, logs, plane, y, x, 0, 0, magnitude)
                extent_context(ps, gain, plane, y, x, of_extent.inputs, chosen)
                state[MACS] += run_dense(nets.extent, of_extent, chosen)
                extent = np.int64(code_tree(state, data, costs, nets.extent, of_extent.last, 0, extent))
                if state[EXHAUSTED]:
                    return y * columns + x
                ps.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD] = extent
    return rows * columns


@kernel
def code_diagonals(state, data, costs, nets, logs, ps, work, offsets, order, coefficients, gain, weight, low, high):
    """Codes a later slice: of every block and plane the coefficients on diagonals `low` to `high`, as far as its extent.

    Args:
        state: and so on to `gain` as `code_constants` takes them.
        order: from `frequency_order`.
        weight: squared quantiser steps that 1/COST_UNIT bit is worth; only encoders use it.
        low: first diagonal.
        high: last diagonal.

    Returns:
        Blocks coded; fewer than there are when the data is exhausted.
    """
    planes, rows, columns = ps.values.shape[:3]
    selected, sums = work.selected, work.sums
    flat = ps.logs.reshape(-1)
    encoding = state[DIRECTION] == ENCODE
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                net, layers = (nets.luma, work.luma) if plane == 0 else (nets.chroma, work.chroma)
                by, bx = y + BLOCK_PAD, x + BLOCK_PAD
                last = min(np.int64(ps.extents[plane, by, bx]), high)
                if last < low:
                    continue
                block, here = ps.values[plane, y, x], ps.diagonals[plane, by, bx]
                total = open_block(here, sums)
                for at in range(order.shape[0]):
                    u, v = order[at, 0], order[at, 1]
                    d = u + v
                    if d < low:
                        continue
                    if d > last:
                        break
                    context_of(ps, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, layers.inputs, selected)
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
                        small = record_magnitude(ps, logs, plane, y, x, u, v, magnitude)
                        sums[d] += small
                        total += small
                    elif encoding:
                        block[u, v] = 0
                    if state[EXHAUSTED]:
                        return y * columns + x
                close_block(here, sums)
    return rows * columns
