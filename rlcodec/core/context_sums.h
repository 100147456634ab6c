/* Sums of eight int16 values times weights, which contexts of symbols are made of. Sums are modulo 2**32. */
#ifndef RLCODEC_CONTEXT_SUMS_H
#define RLCODEC_CONTEXT_SUMS_H

#include "compiler.h"

/* Four values from `above`, three from `below` and one of the last place, times eight weights; and the same by other weights.
   Four values are read from `below` too. */
static inline void rl_two_sums(const int16_t *above, const int16_t *below, int16_t last, const int16_t *weights,
                               const int16_t *others, int32_t *sum, int32_t *other) {
#ifdef RL_HAS_SSE2
    const __m128i front = _mm_loadl_epi64((const __m128i *)above), back = _mm_loadl_epi64((const __m128i *)below);
    const __m128i values = _mm_insert_epi16(_mm_unpacklo_epi64(front, back), last, 7);
    const __m128i a = _mm_madd_epi16(values, _mm_loadu_si128((const __m128i *)weights));
    const __m128i b = _mm_madd_epi16(values, _mm_loadu_si128((const __m128i *)others));
    __m128i sums = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4E));
    *sum = _mm_cvtsi128_si32(sums);
    *other = _mm_cvtsi128_si32(_mm_shuffle_epi32(sums, 0x01));
#else
    uint32_t one = 0, two = 0;
    for (int i = 0; i < 8; i++) {
        const int32_t value = i < 4 ? above[i] : i < 7 ? below[i - 4] : last;
        one += (uint32_t)(value * weights[i]);
        two += (uint32_t)(value * others[i]);
    }
    *sum = (int32_t)one;
    *other = (int32_t)two;
#endif
}

#endif
