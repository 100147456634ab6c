cpdef enum:
    BLOCK = 16  # side of the blocks whose coefficients are counted
    # Bins of magnitudes from 1 on, so many to an octave, evenly spaced within it; the outermost bins also hold what lies
    # beyond.
    BINS_PER_OCTAVE = 8
    OCTAVES = 12
    BINS = BINS_PER_OCTAVE * OCTAVES
    KINDS_OF_PLANES = 2  # luma, and the two planes of chroma
    ENERGY_BINS = 48  # of the mean square of a block's luma without its mean
    ENERGY_BINS_PER_OCTAVE = 2

cdef enum:
    # The bits of a float32 without its sign, shifted right by MANTISSA_SHIFT, are 8 * exponent + the first three bits of the
    # mantissa.
    MANTISSA_SHIFT = 20
    OCTAVE_SHIFT = 23
    FIRST_OCTAVE = 127
    MOST_SLICES = 8
