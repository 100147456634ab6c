from libc.stdint cimport int64_t

from rlcodec.core._range_coder cimport PROBABILITY_ONE, RangeCoder

cpdef enum:
    TABLE = 0
    CONTEXT = 1
    LM = 2
    TIER_COUNT = 3
    LATENT_TIERS = 2  # latent slices have the first two tiers only
    STOP = -1
    STOP_PROBABILITY = PROBABILITY_ONE >> 6
    # Between latents and pixels, if there are latents: most lossy streams stop there.
    STOP_BEFORE_PIXELS_PROBABILITY = PROBABILITY_ONE >> 2
    # Of another tier than that of the segment before; the first segment follows a fictitious one of tier `context`.
    CHANGE_PROBABILITY = PROBABILITY_ONE >> 4
    # The same at the first row of pixels, the only segment where tier `lm` can begin.
    FIRST_ROW_CHANGE_PROBABILITY = PROBABILITY_ONE >> 2


cdef int64_t code_choice(
    RangeCoder coder, int64_t tiers, int64_t change_probability, int64_t stop_probability, int64_t choice
) noexcept nogil


cdef inline int64_t tier_count_at(int64_t y, int64_t before) noexcept nogil:
    """As `rlcodec.core.segment_choice.tiers_at`."""
    return TIER_COUNT if y == 0 or before == LM else TIER_COUNT - 1
