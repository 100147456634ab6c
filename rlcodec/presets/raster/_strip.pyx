# cython: cdivision=True
"""Codes a strip, which `rlcodec.presets.raster.strips` describes."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from rlcodec.core._adaptive cimport Counters
from rlcodec.core._mixing cimport Mixers
from rlcodec.core._range_coder cimport DECODE, WINDOW_BYTES, RangeCoder
from rlcodec.presets.raster._pixel_coder cimport PixelCoder
from rlcodec.presets.raster._sample_coder cimport MOST_PLANES, SampleCoder

cpdef enum:
    SAMPLES = 0  # every sample is predicted and its residual coded
    PIXELS = 1  # pixels are candidates, or coded bit by bit
    PIXELS_OR_SAMPLES = 2  # pixels are candidates, or coded as samples
    # What a plane is coded as a difference to: a constant, the first plane, the second, or the mean of these.
    TO_CONSTANT = 0
    TO_FIRST = 1
    TO_SECOND = 2
    TO_MEAN = 3
    REFERENCES = 4
    PRICED_COLUMNS = 32  # whose code lengths are added up

cdef enum:
    MIDDLE = 128


cdef inline int64_t reference_of(const int64_t* samples, int kind) noexcept nogil:
    if kind == TO_FIRST:
        return samples[0]
    if kind == TO_SECOND:
        return samples[1]
    if kind == TO_MEAN:
        return (samples[0] + samples[1]) >> 1
    return MIDDLE


cdef int64_t code_all(
    RangeCoder coder, uint8_t[:, :, ::1] picture, const int* order, const int* references, int method, SampleCoder samples,
    PixelCoder pixels, const uint8_t[:, ::1] mask, bint masked, int64_t[:, ::1] costs, bint priced,
) noexcept nogil:
    cdef int64_t rows = picture.shape[0], width = picture.shape[1], y, x, base
    cdef int64_t[MOST_PLANES] known
    cdef int planes = <int>picture.shape[2], i
    cdef bint decoding = coder.state.direction == DECODE, hit
    cdef int64_t cost = 0
    cdef uint32_t pixel = 0
    cdef uint8_t* sample
    for i in range(MOST_PLANES):
        known[i] = 0
    for y in range(rows):
        if method != PIXELS:
            samples.begin_row(y)
        if method != SAMPLES:
            pixels.begin_row(y)
        for x in range(width):
            if masked and not mask[y, x]:
                if method != PIXELS:
                    samples.begin_sample(y, x)
                    for i in range(planes):
                        samples.leave(i, y, x)
                if method != SAMPLES:
                    pixels.leave(y, x)
                continue
            cost = coder.state.cost
            sample, hit = &picture[y, x, 0], False
            if method != SAMPLES:
                pixel = 0
                for i in range(planes):
                    pixel |= <uint32_t>sample[i] << 8 * i
                hit = pixels.code_candidate(coder, y, x, &pixel)
                if not hit and method == PIXELS:
                    pixel = pixels.code_color(coder, y, x, pixel)
                    hit = True
            if method != PIXELS:
                samples.begin_sample(y, x)
                for i in range(planes):
                    base = reference_of(known, references[i])
                    if hit:
                        known[i] = (pixel >> 8 * order[i]) & 255
                        samples.skip(i, y, x, known[i] - base)
                    else:
                        known[i] = base + samples.code(coder, i, y, x, sample[order[i]] - base, -base, 255 - base)
                if method != SAMPLES and not hit:
                    pixel = 0
                    for i in range(planes):
                        pixel |= <uint32_t>known[i] << 8 * order[i]
            if coder.state.exhausted or (decoding and coder.state.position > coder.state.end + WINDOW_BYTES + 2):
                return y * width + x
            if priced:
                costs[y, x // PRICED_COLUMNS] += coder.state.cost - cost
            if method != SAMPLES:
                pixels.take(y, x, pixel)
            if decoding:
                if method == PIXELS:
                    for i in range(planes):
                        sample[i] = <uint8_t>(pixel >> 8 * i)
                else:
                    for i in range(planes):
                        sample[order[i]] = <uint8_t>known[i]
    return rows * width


def code_strip(
    RangeCoder coder, uint8_t[:, :, ::1] picture, order, references, int method, int tier, int max_error, Counters counters,
    Mixers mixers, Counters hashed, const uint8_t[:, ::1] mask=None, int64_t[:, ::1] costs=None,
):
    """Codes a strip, until the data are exhausted, or read beyond the end that no encoder would have written.

    Args:
        coder: codes in its direction.
        picture: uint8 (rows, columns, channels); read when encoding, written when decoding.
        order: channel of each plane, in the order of coding.
        references: of each plane, TO_CONSTANT, TO_FIRST, TO_SECOND or TO_MEAN, of planes before.
        method: SAMPLES, PIXELS or PIXELS_OR_SAMPLES.
        tier: TABLE, CONTEXT or ENSEMBLE.
        max_error: largest difference of a sample from what is coded.
        counters: with which the strip begins, which follow it.
        mixers: with which the strip begins, which follow it.
        hashed: with which the tables of a small strip begin, as `PixelCoder`.
        mask: uint8 (rows, columns), 0 where pixels are left out; all are coded if None.
        costs: int64 (rows, columns / PRICED_COLUMNS, rounded up), to which an encoder adds the code lengths of pixels, in
            1/COST_UNIT bit.

    Returns:
        Number of pixels, in raster order, that are known.
    """
    cdef int[MOST_PLANES] places
    cdef int[MOST_PLANES] bases
    cdef int64_t rows = picture.shape[0], width = picture.shape[1]
    cdef int planes = <int>picture.shape[2], i
    cdef SampleCoder samples = None
    cdef PixelCoder pixels = None
    cdef int64_t known
    if not 1 <= planes <= MOST_PLANES or rows < 1 or width < 1 or not SAMPLES <= method <= PIXELS_OR_SAMPLES:
        raise ValueError(f"{planes} channels of {rows} rows and {width} columns by method {method}")
    if sorted(order) != list(range(planes)) or len(references) != planes:
        raise ValueError(f"the order of channels is {order}, the references are {references}")
    if mask is not None and (mask.shape[0], mask.shape[1]) != (rows, width):
        raise ValueError("the mask has another size")
    if costs is not None and (costs.shape[0], costs.shape[1]) != (rows, (width + PRICED_COLUMNS - 1) // PRICED_COLUMNS):
        raise ValueError("the costs have another size")
    for i in range(planes):
        places[i], bases[i] = order[i], references[i]
        if not TO_CONSTANT <= bases[i] < REFERENCES or bases[i] > (i if i < 2 else TO_MEAN):
            raise ValueError(f"plane {i} cannot be coded by reference {bases[i]}")
    if method != PIXELS:
        samples = SampleCoder(planes, rows, width, tier, max_error, counters, mixers)
    if method != SAMPLES:
        pixels = PixelCoder(planes, rows, width, tier, max_error, counters, mixers, hashed)
    with nogil:
        known = code_all(
            coder, picture, places, bases, method, samples, pixels, mask, mask is not None, costs, costs is not None
        )
    return known
