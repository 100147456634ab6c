"""Counts what `rlcodec.presets.photo.features` derives features from."""

from cython.view cimport contiguous, strided
from libc.math cimport log2
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from rlcodec.core.compiler cimport cloned
from rlcodec.presets.photo._transform cimport PLANES

cdef enum:
    BLOCK_PIXELS = BLOCK * BLOCK


cdef cloned find_bins(const float* block, int shift, int32_t first, int32_t last, int32_t* bins) noexcept nogil:
    """Bins of a block's coefficients from their bits as float32, without signs and shifted, less `first`, 0 to `last`."""
    cdef int i
    cdef int32_t at
    memcpy(bins, block, BLOCK_PIXELS * sizeof(float))
    for i in range(BLOCK_PIXELS):
        at = ((bins[i] & 0x7FFFFFFF) >> shift) - first
        at = at if at > 0 else 0
        bins[i] = at if at < last else last


cdef int check_blocks(
    const float[::strided, ::strided, ::strided, ::contiguous] coefficients, const int64_t[:, ::1] slice_of, int64_t slices
) except -1:
    cdef int i
    if coefficients.shape[0] != PLANES or coefficients.shape[3] != BLOCK_PIXELS:
        raise ValueError(f"blocks have {PLANES} planes of {BLOCK}x{BLOCK} coefficients")
    if slice_of.shape[0] != BLOCK or slice_of.shape[1] != BLOCK or not 0 < slices <= MOST_SLICES:
        raise ValueError(f"{slice_of.shape[0]}x{slice_of.shape[1]} coefficients of a block are in {slices} slices")
    for i in range(BLOCK_PIXELS):
        if not 0 <= slice_of[i >> 4, i & 15] < slices:
            raise ValueError(f"there are {slices} slices; a coefficient is in slice {slice_of[i >> 4, i & 15]}")
    return 0


def count_bins(
    const float[::strided, ::strided, ::strided, ::contiguous] coefficients, const int64_t[:, ::1] slice_of,
    int64_t[:, :, ::1] counts,
):
    """Counts magnitudes.

    Args:
        coefficients: float32 (PLANES, rows, columns, BLOCK * BLOCK).
        slice_of: int64 (BLOCK, BLOCK).
        counts: int64 (KINDS_OF_PLANES, slices, BINS), receives numbers of coefficients.
    """
    cdef int32_t[BLOCK_PIXELS] bins
    cdef int64_t plane, y, x, kind
    cdef const int64_t* slices = &slice_of[0, 0]
    cdef int i
    check_blocks(coefficients, slice_of, counts.shape[1])
    if counts.shape[0] != KINDS_OF_PLANES or counts.shape[2] != BINS:
        raise ValueError(f"there are {KINDS_OF_PLANES} kinds of planes and {BINS} bins")
    with nogil:
        for plane in range(PLANES):
            kind = min(plane, KINDS_OF_PLANES - 1)
            for y in range(coefficients.shape[1]):
                for x in range(coefficients.shape[2]):
                    find_bins(
                        &coefficients[plane, y, x, 0], MANTISSA_SHIFT, FIRST_OCTAVE * BINS_PER_OCTAVE, BINS - 1,
                        bins,
                    )
                    for i in range(BLOCK_PIXELS):
                        counts[kind, slices[i], bins[i]] += 1


def measure_blocks(
    const float[::strided, ::strided, ::strided, ::contiguous] coefficients, const int64_t[:, ::1] slice_of,
    const double[::1] steps, const double[::1] cuts, double contrast, double least_energy, int64_t[::1] blocks,
    double[:, ::1] similar,
):
    """Counts blocks by the mean square of their luma, and adds up how similar each would stay at every step.

    Args:
        coefficients: float32 (PLANES, rows, columns, BLOCK * BLOCK).
        slice_of: int64 (BLOCK, BLOCK).
        steps: float64 (settings,), of the quantiser.
        cuts: float64 (settings,), octave below which coefficients are lost, from 0 to below OCTAVES.
        contrast: the contrast constant of SSIM in units of a block's energy.
        least_energy: mean square at the lower end of the first bin.
        blocks: int64 (ENERGY_BINS,), receives numbers of blocks.
        similar: float64 (settings, slices - 1), receives sums over blocks of SSIM's contrast and structure term, if slices
            up to each are sent.
    """
    # By slice: sums of squares in all octaves before each, and numbers of coefficients in them.
    cdef double[MOST_SLICES][OCTAVES + 1] energy, count
    cdef int32_t[BLOCK_PIXELS] octaves
    cdef int64_t y, x, s, o, g, cut, slices = similar.shape[1] + 1
    cdef double whole, part, rounding, total, lost, below, sent, kept
    cdef const float* block
    cdef const int64_t* slice_at = &slice_of[0, 0]
    cdef float square
    cdef int i
    check_blocks(coefficients, slice_of, slices)
    if blocks.shape[0] != ENERGY_BINS or cuts.shape[0] != steps.shape[0] or similar.shape[0] != steps.shape[0]:
        raise ValueError("the sizes of steps and sums do not fit")
    for g in range(cuts.shape[0]):
        if not 0 <= cuts[g] < OCTAVES:
            raise ValueError(f"there are {OCTAVES} octaves; coefficients are lost below {cuts[g]}")
    with nogil:
        for y in range(coefficients.shape[1]):
            for x in range(coefficients.shape[2]):
                block = &coefficients[0, y, x, 0]
                for s in range(slices):
                    for o in range(OCTAVES + 1):
                        energy[s][o] = count[s][o] = 0
                find_bins(block, OCTAVE_SHIFT, FIRST_OCTAVE, OCTAVES - 1, octaves)
                for i in range(BLOCK_PIXELS):
                    square = block[i] * block[i]
                    energy[slice_at[i]][octaves[i] + 1] += <double>square
                    count[slice_at[i]][octaves[i] + 1] += 1
                whole = 0
                for s in range(1, slices):
                    for o in range(OCTAVES):
                        energy[s][o + 1] += energy[s][o]
                        count[s][o + 1] += count[s][o]
                    whole += energy[s][OCTAVES]
                o = <int64_t>(log2(max(whole / BLOCK_PIXELS, least_energy) / least_energy) * ENERGY_BINS_PER_OCTAVE)
                blocks[min(o, ENERGY_BINS - 1)] += 1
                for g in range(steps.shape[0]):
                    cut = <int64_t>cuts[g]
                    part, rounding = cuts[g] - <double>cut, steps[g] * steps[g] / 12
                    total = lost = 0
                    for s in range(1, slices):
                        below = energy[s][cut] + part * (energy[s][cut + 1] - energy[s][cut])
                        sent = count[s][OCTAVES] - count[s][cut] - part * (count[s][cut + 1] - count[s][cut])
                        total += energy[s][OCTAVES]
                        lost += below + min(rounding * sent, energy[s][OCTAVES] - below)
                        kept = 2 * (total - lost) + contrast
                        similar[g, s - 1] += kept / (kept + lost)
