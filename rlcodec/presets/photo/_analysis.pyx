"""The encoder's choice of blocks, which `rlcodec.presets.photo.analysis` describes."""

from libc.math cimport fabsf, floorf, log2f, rintf, sqrtf
from libc.stdint cimport int8_t, int64_t, uint8_t

from rlcodec.core.compiler cimport cloned
from rlcodec.presets.photo._transform cimport (
    AREA, AREA_PIXELS, CELL, CHROMA_LIMIT, CHROMA_UNIT, FREQUENCIES, MOST_BLOCKS, OFFSET_LIMIT, PLANES, TRANSFORMS, WHOLE,
    BlockPlace, first_frequency, places_of, transform_block
)

cdef enum:
    GROUPS = 8  # of frequencies whose magnitudes are alike

cdef float SMALLEST_LUMA = 0.6  # in quantiser steps, that is taken to be sent


cdef cloned quantise(
    const float* coefficients, const float* scales, float factor, float rounding, int count, float* magnitudes, float* errors
) noexcept nogil:
    """Magnitudes of coefficients in quantiser steps, and their squared errors in steps of the area."""
    cdef int i
    cdef float size, magnitude, error
    for i in range(count):
        size = fabsf(coefficients[i]) * scales[i] * factor
        magnitude = floorf(size + rounding)
        error = size - magnitude
        magnitudes[i], errors[i] = magnitude, error * error


cdef float cost_of_block(
    const float* coefficients, const float* scales, const float* importance, const uint8_t* groups, float factor, int side,
    float weight, float bits,
) noexcept nogil:
    """Estimated squared error plus weighted bits of a plane of a block, in squared steps of the area.

    The magnitudes of each group of frequencies are taken as geometrically distributed around their mean.
    """
    cdef float[AREA_PIXELS] magnitudes, errors
    cdef float[GROUPS] sums, nonzero, counts
    cdef float error = 0, mean
    cdef int i, g
    quantise(coefficients, scales, factor, <float>0.38, side * side, magnitudes, errors)
    for g in range(GROUPS):
        sums[g] = nonzero[g] = counts[g] = 0
    for i in range(1, side * side):
        g = groups[i]
        error += errors[i] * importance[i]
        sums[g] += magnitudes[i]
        nonzero[g] += magnitudes[i] > 0
        counts[g] += 1
    for g in range(GROUPS):
        if sums[g] > 0:
            mean = sums[g] / counts[g]
            bits += counts[g] * (log2f(1 + mean) + mean * log2f(1 + 1 / mean)) + nonzero[g] + 2
        else:
            bits += <float>0.3
    return error + <float>(1.0 / 12) + weight * bits


def choose_splits(
    const float[:, :, :, ::1] planes, const int8_t[:, ::1] offsets, const float[:, ::1] inverse_scales,
    const float[:, ::1] importance, const float[::1] relative, const uint8_t[::1] groups, const float[::1] bases,
    const float[:, ::1] block_bits, float weight, uint8_t[:, ::1] splits, float[:, ::1] least,
):
    """Chooses for each area how it is split into blocks.

    Args:
        planes: float32 (TRANSFORMS, PLANES, area rows * AREA, area columns * AREA), filtered for blocks of each size.
        offsets: int8 (area rows, area columns), of the step.
        inverse_scales: float32 (PLANES, FREQUENCIES), one over the step of every frequency.
        importance: float32 (PLANES, FREQUENCIES), weight of a squared error in steps of the frequency.
        relative: float32 (2 * OFFSET_LIMIT + 1,), factors of the step by offset.
        groups: uint8 (FREQUENCIES,), below GROUPS, frequencies that are alike.
        bases: float32 (FREQUENCIES,), the basis functions of all transforms.
        block_bits: float32 (PLANES, TRANSFORMS), bits of a block beside its coefficients.
        weight: squared quantiser steps that a bit is worth.
        splits: uint8 (area rows, area columns), written.
        least: float32 (area rows, area columns), receives the estimated squared error plus weighted bits, in squared steps.
    """
    cdef float[AREA_PIXELS] coefficients
    cdef float[TRANSFORMS][16] costs
    cdef int64_t y, x, rows = splits.shape[0], columns = splits.shape[1], line = planes.shape[3]
    cdef int t, plane, k, part, side, at, first, split
    cdef float factor, small, quarters
    if planes.shape[0] != TRANSFORMS or planes.shape[1] != PLANES or planes.shape[2] != rows * AREA or line != columns * AREA:
        raise ValueError("the sizes of planes and areas do not fit")
    if offsets.shape[0] != rows or offsets.shape[1] != columns or relative.shape[0] != 2 * OFFSET_LIMIT + 1:
        raise ValueError("the offsets do not fit the areas")
    if (inverse_scales.shape[0], inverse_scales.shape[1]) != (PLANES, FREQUENCIES) or groups.shape[0] != FREQUENCIES:
        raise ValueError("the steps have another shape")
    if (importance.shape[0], importance.shape[1]) != (PLANES, FREQUENCIES) or bases.shape[0] != FREQUENCIES:
        raise ValueError("the weights of errors have another shape")
    if (block_bits.shape[0], block_bits.shape[1]) != (PLANES, TRANSFORMS):
        raise ValueError("the bits of blocks have another shape")
    if least.shape[0] != rows or least.shape[1] != columns:
        raise ValueError("the costs do not fit the areas")
    for k in range(FREQUENCIES):
        if groups[k] >= GROUPS:
            raise ValueError(f"there are {GROUPS} groups of frequencies")
    with nogil:
        for y in range(rows):
            for x in range(columns):
                factor = 1 / relative[offsets[y, x] + OFFSET_LIMIT]
                for t in range(TRANSFORMS):
                    side, first = CELL << t, first_frequency(t)
                    for k in range(AREA_PIXELS // (side * side)):
                        # Blocks of 8 are in the order of their quadrants, like the coefficients of an area.
                        if t == 0:
                            at = (2 * (k >> 3) + ((k >> 1) & 1)) * 8 * line + (2 * ((k >> 2) & 1) + (k & 1)) * 8
                        else:
                            at = (k >> 1) * 16 * line + (k & 1) * 16
                        costs[t][k] = 0
                        for plane in range(PLANES):
                            transform_block(
                                &planes[t, plane, y * AREA, x * AREA] + at, line, &bases[first], side, coefficients
                            )
                            costs[t][k] += cost_of_block(
                                coefficients, &inverse_scales[plane, first], &importance[plane, first], &groups[first], factor,
                                side, weight, block_bits[plane, t],
                            )
                split, quarters = 0, 0
                for k in range(4):
                    small = 0
                    for part in range(4):
                        small += costs[0][4 * k + part]
                    if small < costs[1][k]:
                        split |= 1 << k
                    quarters += min(small, costs[1][k])
                if costs[2][0] <= quarters:
                    split = WHOLE
                least[y, x] = min(costs[2][0], quarters)
                splits[y, x] = <uint8_t>split


cdef float chroma_cost(const float* chroma, const float* luma, int count, float multiplier, float penalty) noexcept nogil:
    """Estimated bits of what is left of chroma when luma predicts it."""
    cdef float rest, product = 1, bits = 0
    cdef int i
    for i in range(count):
        rest = chroma[i] - multiplier * luma[i]
        product *= 1 + 4 * rest * rest
        if product > <float>1e20:
            bits += log2f(product)
            product = 1
    return <float>0.5 * (bits + log2f(product)) + penalty


cdef int best_multiplier(const float* chroma, const float* luma, int count, int limit, float unit) noexcept nogil:
    """The multiplier of luma, in `unit`, by which the least is left of chroma: the best around the one of least squares."""
    cdef float products = 0, squares = <float>1e-6, least, cost
    cdef int i, middle, trial, best = 0
    if count == 0:
        return 0
    for i in range(count):
        products += chroma[i] * luma[i]
        squares += luma[i] * luma[i]
    middle = <int>rintf(products / (squares * unit))
    least = chroma_cost(chroma, luma, count, 0, 0)
    for i in range(7):
        trial = (middle >> 1) if i == 6 else middle + i - 3
        trial = min(max(trial, -limit), limit)
        if trial == 0:
            continue
        cost = chroma_cost(chroma, luma, count, trial * unit, 2 + <float>0.5 * sqrtf(fabsf(<float>trial)))
        if cost < least:
            least, best = cost, trial
    return best


def choose_chroma(
    const float[:, :, :, ::1] coefficients, const uint8_t[:, ::1] splits, const int8_t[:, ::1] offsets,
    const float[:, ::1] inverse_scales, const float[::1] relative, int8_t[:, :, ::1] chroma,
):
    """Chooses by how much the luma of each area predicts its chroma.

    Args:
        coefficients: float32 (area rows, area columns, PLANES, AREA_PIXELS), of the splits.
        splits: uint8 (area rows, area columns).
        offsets: int8 (area rows, area columns), of the step.
        inverse_scales: float32 (PLANES, FREQUENCIES), one over the step of every frequency.
        relative: float32 (2 * OFFSET_LIMIT + 1,), factors of the step by offset.
        chroma: int8 (area rows, area columns, PLANES - 1), written, in 1/CHROMA_UNIT.
    """
    cdef float[AREA_PIXELS] luma
    cdef float[PLANES][AREA_PIXELS] rest
    cdef BlockPlace[MOST_BLOCKS] places
    cdef int64_t y, x, rows = splits.shape[0], columns = splits.shape[1]
    cdef int i, k, plane, count, blocks, at, first
    cdef float factor, value, size
    if (coefficients.shape[0], coefficients.shape[1], coefficients.shape[2], coefficients.shape[3]) != (
        rows, columns, PLANES, AREA_PIXELS,
    ) or (chroma.shape[0], chroma.shape[1], chroma.shape[2]) != (rows, columns, PLANES - 1):
        raise ValueError("the sizes of coefficients and areas do not fit")
    if offsets.shape[0] != rows or offsets.shape[1] != columns or relative.shape[0] != 2 * OFFSET_LIMIT + 1:
        raise ValueError("the offsets do not fit the areas")
    if (inverse_scales.shape[0], inverse_scales.shape[1]) != (PLANES, FREQUENCIES):
        raise ValueError("the steps have another shape")
    with nogil:
        for y in range(rows):
            for x in range(columns):
                factor = 1 / relative[offsets[y, x] + OFFSET_LIMIT]
                count = 0
                blocks = places_of(splits[y, x], places)
                for i in range(blocks):
                    first = first_frequency(places[i].transform)
                    for k in range(1, places[i].side * places[i].side):
                        at = places[i].at + k
                        size = fabsf(coefficients[y, x, 0, at]) * inverse_scales[0, first + k] * factor
                        if size < SMALLEST_LUMA:
                            continue
                        value = rintf(2 * size) / (2 * inverse_scales[0, first + k] * factor)
                        value = value if coefficients[y, x, 0, at] > 0 else -value
                        luma[count] = value * inverse_scales[1, first + k] * factor
                        for plane in range(1, PLANES):
                            # Both planes are measured in the steps of the first, so that one multiplier fits all frequencies.
                            rest[plane][count] = coefficients[y, x, plane, at] * inverse_scales[1, first + k] * factor
                        count += 1
                for plane in range(1, PLANES):
                    chroma[y, x, plane - 1] = <int8_t>best_multiplier(
                        rest[plane], luma, count, CHROMA_LIMIT, <float>1 / CHROMA_UNIT
                    )
