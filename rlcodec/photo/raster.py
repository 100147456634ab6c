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

from rlcodec.coder import COST_UNIT, DIRECTION, ENCODE, EXHAUSTED, MACS, PROBABILITY_ONE, code_decision
from rlcodec.kernel import kernel
from rlcodec.photo.blocks import BLOCK, PLANES
from rlcodec.raster import UNROLL, ContextNet, code_tree, node_probability, run_hidden

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
    """The integer networks, one for brightness and one for the other planes, and the one of the extents."""

    light: ContextNet
    color: ContextNet
    extent: ContextNet


class PhotoState(NamedTuple):
    """What is known of a strip of blocks.

    Shapes: `values` (3, rows, columns, BLOCK, BLOCK) int16, quantised; `logs` (3, rows + 2 pad, columns + 2 pad, SPAN, SPAN)
    int16, INPUT_SCALE * log2(1 + magnitude); `diagonals` (3, rows + 2 pad, columns + 2 pad, DIAGONALS + 1) int32, sums of
    magnitudes; `extents` (3, rows + 2 pad, columns + 2 pad) int16.
    """

    values: np.ndarray
    logs: np.ndarray
    diagonals: np.ndarray
    extents: np.ndarray


def photo_state(rows: int, columns: int) -> PhotoState:
    """The state of a strip of which nothing is known."""
    around = (PLANES, rows + 2 * BLOCK_PAD, columns + 2 * BLOCK_PAD)
    return PhotoState(
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
    """Flat offsets in `PhotoState.logs` of the magnitudes around a coefficient, int64 (GATHERED,), planes before it last."""
    block = SPAN * SPAN
    line = (columns + 2 * BLOCK_PAD) * block
    plane = (rows + 2 * BLOCK_PAD) * line

    def at(frequencies: tuple[tuple[int, int], ...], base: int) -> list[int]:
        return [base + u * SPAN + v for u, v in frequencies]

    far = [at(FAR, base) for base in (-line - block, -line + block, -2 * block, -2 * line)]
    offsets = [at(INSIDE, 0), at(NEXT, -block), at(NEXT, -line), *far, at(ACROSS, -plane), at(ACROSS, -2 * plane)]
    return np.array([o for group in offsets for o in group], np.int64)


@kernel
def _pad(which, values, active):
    for i in range(active, active + UNROLL - 1):
        which[i] = 0
        values[i] = 0


@kernel
def context_of(ps, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, which, values, selected):
    """Writes inputs and learned rows of one coefficient; returns how many inputs are not zero.

    Inputs are written in any case and kept by counting on: branches here would be mispredicted.

    Args:
        ps: `PhotoState`.
        flat: its `logs`, flat.
        offsets: from `gather_offsets`.
        logs: from `log_table`.
        gain: index of the quantiser's setting.
        plane, y, x, u, v: which coefficient; (u, v) = (0, 0) is the constant one.
        sums: int64 (DIAGONALS + 1,), of this block's magnitudes so far, by diagonal.
        total: their sum.
        which, values, selected: receive the context.
    """
    by, bx, d = y + BLOCK_PAD, x + BLOCK_PAD, u + v
    diagonals, extents = ps.diagonals, ps.extents
    lines, columns = extents.shape[1], extents.shape[2]
    base = ((plane * lines + by) * columns + bx) * SPAN * SPAN + (u + FREQUENCY_PAD) * SPAN + v + FREQUENCY_PAD
    active = 0
    for i in range(GATHERED - (PLANES - 1 - plane) * len(ACROSS)):
        value = flat[base + offsets[i]]
        which[active] = i
        values[active] = value
        active += 1 if value != 0 else 0
    most = logs.shape[0] - 1
    for k in range(SUMS):
        amount = np.int64(0)
        if k == 0:
            amount = np.int64(diagonals[plane, by, bx - 1, d] - diagonals[plane, by, bx - 1, d + 1])
        elif k == 1:
            amount = np.int64(diagonals[plane, by, bx - 1, d + 1])
        elif k == 2:
            amount = np.int64(diagonals[plane, by - 1, bx, d] - diagonals[plane, by - 1, bx, d + 1])
        elif k == 3:
            amount = np.int64(diagonals[plane, by - 1, bx, d + 1])
        elif k == 7:
            if plane > 0:
                amount = np.int64(diagonals[plane - 1, by, bx, d])
        elif d > 0:
            if k == 4:
                amount = sums[d - 1]
            elif k == 5:
                amount = sums[d - 2] if d > 1 else np.int64(0)
            else:
                amount = total
        which[active] = GATHERED + k
        values[active] = logs[min(amount, most)]
        active += 1 if amount > 0 else 0
    if d > 0:
        for i in range(REACHES):
            extent = np.int64(0)
            if i < 4:
                extent = np.int64(extents[plane, by + BESIDE_DOWN[i], bx + BESIDE_ACROSS[i]])
            elif plane >= i - 3:
                extent = np.int64(extents[plane - (i - 3), by, bx])
            which[active] = GATHERED + SUMS + i
            values[active] = REACH_SCALE * (extent - d + 1)
            active += 1 if extent >= d else 0
    _pad(which, values, active)
    selected[BY_FREQUENCY] = ROW_BASES[BY_FREQUENCY] + (plane * BLOCK + u) * BLOCK + v
    left_over = extents[plane, by, bx] - d if d > 0 else DIAGONALS
    selected[BY_LEFT_OVER] = ROW_BASES[BY_LEFT_OVER] + left_over
    selected[BY_GAIN] = ROW_BASES[BY_GAIN] + gain
    return active


@kernel
def choose_extents(coefficients, weight, extents):
    """Chooses how many diagonals of each block are worth sending, an encoder's first decision.

    Args:
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK), in quantiser steps.
        weight: squared quantiser steps that a bit is worth.
        extents: as in `PhotoState`, written.
    """
    planes, rows, columns = coefficients.shape[:3]
    worth = np.empty(DIAGONALS)
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
def extent_context(ps, gain, plane, y, x, which, values, selected):
    """Writes the context of a block's extent; returns how many inputs are not zero."""
    by, bx = y + BLOCK_PAD, x + BLOCK_PAD
    extents = ps.extents
    active = 0
    for i in range(EXTENT_INPUTS):
        if i == 0:
            value = extents[plane, by, bx - 1]
        elif i == 1:
            value = extents[plane, by - 1, bx]
        elif i == 2:
            value = extents[plane, by - 1, bx - 1]
        elif i == 3:
            value = extents[plane, by - 1, bx + 1]
        elif i == 4:
            value = extents[plane, by, bx - 2]
        elif i == 5:
            value = extents[plane - 1, by, bx] if plane > 0 else np.int16(0)
        elif i == 6:
            value = extents[plane - 2, by, bx] if plane > 1 else np.int16(0)
        else:
            value = ps.logs[plane, by, bx, FREQUENCY_PAD, FREQUENCY_PAD] // np.int16(EXTENT_SCALE)
        if value:
            which[active] = i
            values[active] = value * EXTENT_SCALE
            active += 1
    _pad(which, values, active)
    selected[0] = plane
    selected[1] = PLANES + gain
    return active


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
def _code_magnitude(state, data, costs, net, second, value):
    """Codes a magnitude down the chain of the network's nodes."""
    for node in range(LONGEST_CHAIN):
        state[MACS] += second.shape[0]
        if not code_decision(state, data, costs, node_probability(net, second, node), 1 if value > node else 0):
            return np.int64(node)
    return LONGEST_CHAIN + _code_number(state, data, costs, value - LONGEST_CHAIN, 0)


@kernel
def _cheaper(costs, net, second, target, weight):
    """The magnitude, next below or above a target, that is cheaper: squared error plus `weight` times cost."""
    low = np.int64(target)
    if low >= LONGEST_CHAIN or target - low < 0.3:
        return np.int64(target + 0.5)
    p = node_probability(net, second, low)
    gain_low = (target - low) ** 2 + weight * costs[PROBABILITY_ONE - p]
    cost_high = costs[p]
    if low == 0:
        cost_high += COST_UNIT
    if low + 1 < LONGEST_CHAIN:
        cost_high += costs[PROBABILITY_ONE - node_probability(net, second, low + 1)]
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
def code_constants(state, data, costs, nets, logs, ps, offsets, coefficients, gain):
    """Codes the first slice: of every block and plane the constant coefficient and the extent.

    Args:
        state: coder state.
        data: uint8 payload.
        costs: `rlcodec.coder.COSTS`.
        nets: `PhotoNets`.
        logs: from `log_table`.
        ps: `PhotoState`; when encoding, `extents` are read and `values` are written all the same.
        offsets: from `gather_offsets`.
        coefficients: float32 (3, rows, columns, BLOCK, BLOCK), in quantiser steps; read when encoding.
        gain: index of the quantiser's setting.

    Returns:
        Blocks coded; fewer than there are when the data is exhausted.
    """
    planes, rows, columns = ps.values.shape[:3]
    room = INPUTS + UNROLL + max(nets.light.second.shape[0], nets.color.second.shape[0])
    which, values, selected = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(SELECTED, np.int64)
    chosen = np.empty(EXTENT_SELECTED, np.int64)
    sums = np.zeros(DIAGONALS + 1, np.int64)
    extent_first = np.empty(nets.extent.second.shape[0], np.int32)
    extent_second = np.empty(nets.extent.second.shape[1], np.int32)
    first = np.empty(nets.light.second.shape[0], np.int32)
    second = np.empty(nets.light.second.shape[1], np.int32)
    flat = ps.logs.reshape(-1)
    encoding = state[DIRECTION] == ENCODE
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                net = nets.light if plane == 0 else nets.color
                expected = predicted_constant(ps.values[plane], y, x)
                shift = constant_shift(ps.logs, plane, y, x)
                difference = np.int64(np.rint(coefficients[plane, y, x, 0, 0])) - expected if encoding else np.int64(0)
                extent = np.int64(ps.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD])
                active = context_of(ps, flat, offsets, logs, gain, plane, y, x, 0, 0, sums, 0, which, values, selected)
                state[MACS] += run_hidden(net, selected, which, values, active, first, second)
                magnitude = _code_magnitude(state, data, costs, net, second, abs(difference) >> shift) << shift
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
                small = min(magnitude, logs.shape[0] - 1)
                ps.logs[plane, y + BLOCK_PAD, x + BLOCK_PAD, FREQUENCY_PAD, FREQUENCY_PAD] = logs[small]
                active = extent_context(ps, gain, plane, y, x, which, values, chosen)
                state[MACS] += run_hidden(nets.extent, chosen, which, values, active, extent_first, extent_second)
                extent = np.int64(code_tree(state, data, costs, nets.extent, extent_second, 0, extent))
                if state[EXHAUSTED]:
                    return y * columns + x
                ps.extents[plane, y + BLOCK_PAD, x + BLOCK_PAD] = extent
    return rows * columns


@kernel
def code_diagonals(state, data, costs, nets, logs, ps, offsets, order, coefficients, gain, weight, low, high):
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
    room = INPUTS + UNROLL + max(nets.light.second.shape[0], nets.color.second.shape[0])
    which, values, selected = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(SELECTED, np.int64)
    sums = np.zeros(DIAGONALS + 1, np.int64)
    first = np.empty(nets.light.second.shape[0], np.int32)
    second = np.empty(nets.light.second.shape[1], np.int32)
    flat = ps.logs.reshape(-1)
    encoding = state[DIRECTION] == ENCODE
    for y in range(rows):
        for x in range(columns):
            for plane in range(planes):
                net = nets.light if plane == 0 else nets.color
                by, bx = y + BLOCK_PAD, x + BLOCK_PAD
                last = min(np.int64(ps.extents[plane, by, bx]), high)
                if last < low:
                    continue
                block, here = ps.values[plane, y, x], ps.diagonals[plane, by, bx]
                total = np.int64(here[0])
                for d in range(DIAGONALS):
                    sums[d] = here[d] - here[d + 1]
                for at in range(order.shape[0]):
                    u, v = order[at, 0], order[at, 1]
                    d = u + v
                    if d < low:
                        continue
                    if d > last:
                        break
                    active = context_of(ps, flat, offsets, logs, gain, plane, y, x, u, v, sums, total, which, values, selected)
                    state[MACS] += run_hidden(net, selected, which, values, active, first, second)
                    target, magnitude = 0.0, np.int64(0)
                    if encoding:
                        target = np.float64(coefficients[plane, y, x, u, v])
                        magnitude = _cheaper(costs, net, second, abs(target), weight)
                    magnitude = _code_magnitude(state, data, costs, net, second, magnitude)
                    if magnitude and not state[EXHAUSTED]:
                        if code_decision(state, data, costs, HALF, 1 if target < 0 else 0):
                            block[u, v] = -min(magnitude, 32767)
                        else:
                            block[u, v] = min(magnitude, 32767)
                        small = min(magnitude, logs.shape[0] - 1)
                        ps.logs[plane, by, bx, u + FREQUENCY_PAD, v + FREQUENCY_PAD] = logs[small]
                        sums[d] += small
                        total += small
                    elif encoding:
                        block[u, v] = 0
                    if state[EXHAUSTED]:
                        return y * columns + x
                running = np.int64(0)
                for d in range(DIAGONALS - 1, -1, -1):
                    running += sums[d]
                    here[d] = running
    return rows * columns
