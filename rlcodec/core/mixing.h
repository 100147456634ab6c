/* Logistic mixing of probabilities in integers: stretched probabilities are weighted, summed and squashed, and weights and counters
   follow what was coded. SSE2, which every x86-64 processor has, computes the same numbers as the plain loops. */
#ifndef RLCODEC_MIXING_H
#define RLCODEC_MIXING_H

#include <string.h>

#include "compiler.h"

/* As Counter in _adaptive.pxd. */
typedef struct {
    uint16_t probability, uses;
} rl_counter;

enum { RL_INPUTS = 8, RL_STRETCH_LIMIT = 2047, RL_WEIGHT_SHIFT = 6, RL_SUM_SHIFT = 10 };

/* Four inputs of 16 bits, in one word, the first in the lowest bits. */
static inline uint64_t rl_four(int32_t a, int32_t b, int32_t c, int32_t d) {
    return (uint64_t)(uint16_t)a | (uint64_t)(uint16_t)b << 16 | (uint64_t)(uint16_t)c << 32 | (uint64_t)(uint16_t)d << 48;
}

/* Stretched probability of a counter. */
static inline int32_t rl_stretched(const void *counter, const int16_t *stretched) {
    uint16_t probability;
    memcpy(&probability, counter, sizeof probability);
    return stretched[probability >> 4];
}

#ifdef RL_HAS_SSE2

typedef __m128i rl_inputs;

static inline rl_inputs rl_gather(void *const counters[4], const int16_t *stretched, uint64_t further) {
    __m128i low = _mm_cvtsi32_si128(rl_stretched(counters[0], stretched) & 0xFFFF);
    low = _mm_insert_epi16(low, rl_stretched(counters[1], stretched), 1);
    low = _mm_insert_epi16(low, rl_stretched(counters[2], stretched), 2);
    low = _mm_insert_epi16(low, rl_stretched(counters[3], stretched), 3);
    return _mm_unpacklo_epi64(low, _mm_cvtsi64_si128((int64_t)further));
}

static inline int32_t rl_sum(rl_inputs inputs, const int32_t *first, const int32_t *second) {
    const __m128i *one = (const __m128i *)first, *other = (const __m128i *)second;
    const __m128i front = _mm_add_epi32(_mm_loadu_si128(one), _mm_loadu_si128(other));
    const __m128i back = _mm_add_epi32(_mm_loadu_si128(one + 1), _mm_loadu_si128(other + 1));
    const __m128i weights = _mm_packs_epi32(_mm_srai_epi32(front, RL_WEIGHT_SHIFT), _mm_srai_epi32(back, RL_WEIGHT_SHIFT));
    __m128i sums = _mm_madd_epi16(inputs, weights);
    sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4E));
    sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0xB1));
    return _mm_cvtsi128_si32(sums);
}

/* Moves both sets of weights against an error of 16 bits; weights are modulo 2**32. */
static inline void rl_learn(rl_inputs inputs, int32_t error, int32_t *first, int32_t *second) {
    const __m128i errors = _mm_set1_epi32((int32_t)((uint32_t)(uint16_t)error | (uint32_t)2 << 16));
    const __m128i rounding = _mm_set1_epi16(1 << 14);
    __m128i *one = (__m128i *)first, *other = (__m128i *)second;
    const __m128i front = _mm_srai_epi32(_mm_madd_epi16(_mm_unpacklo_epi16(inputs, rounding), errors), 16);
    const __m128i back = _mm_srai_epi32(_mm_madd_epi16(_mm_unpackhi_epi16(inputs, rounding), errors), 16);
    _mm_storeu_si128(one, _mm_add_epi32(_mm_loadu_si128(one), front));
    _mm_storeu_si128(one + 1, _mm_add_epi32(_mm_loadu_si128(one + 1), back));
    _mm_storeu_si128(other, _mm_add_epi32(_mm_loadu_si128(other), front));
    _mm_storeu_si128(other + 1, _mm_add_epi32(_mm_loadu_si128(other + 1), back));
}

#else

typedef struct {
    int16_t values[RL_INPUTS];
} rl_inputs;

static inline rl_inputs rl_gather(void *const counters[4], const int16_t *stretched, uint64_t further) {
    rl_inputs inputs;
    for (int i = 0; i < 4; i++) {
        inputs.values[i] = (int16_t)rl_stretched(counters[i], stretched);
        inputs.values[4 + i] = (int16_t)(further >> (16 * i));
    }
    return inputs;
}

static inline int32_t rl_sum(rl_inputs inputs, const int32_t *first, const int32_t *second) {
    int32_t sum = 0;
    for (int i = 0; i < RL_INPUTS; i++) {
        int32_t weight = (int32_t)((uint32_t)first[i] + (uint32_t)second[i]) >> RL_WEIGHT_SHIFT;
        weight = weight > INT16_MAX ? INT16_MAX : weight < INT16_MIN ? INT16_MIN : weight;
        sum += inputs.values[i] * weight;
    }
    return sum;
}

static inline void rl_learn(rl_inputs inputs, int32_t error, int32_t *first, int32_t *second) {
    for (int i = 0; i < RL_INPUTS; i++) {
        const int32_t change = (inputs.values[i] * error + 32768) >> 16;
        first[i] = (int32_t)((uint32_t)first[i] + (uint32_t)change);
        second[i] = (int32_t)((uint32_t)second[i] + (uint32_t)change);
    }
}

#endif

/* Weighted sum of stretched probabilities by two sets of weights, as a stretched probability. The sum of two weights is taken
   in 1/1024 and limited to 16 bits. */
static inline int32_t rl_mix(rl_inputs inputs, const int32_t *first, const int32_t *second) {
    const int32_t sum = rl_sum(inputs, first, second) >> RL_SUM_SHIFT;
    return sum > RL_STRETCH_LIMIT ? RL_STRETCH_LIMIT : sum < -RL_STRETCH_LIMIT ? -RL_STRETCH_LIMIT : sum;
}

/* Moves four counters, all different, towards a decision: each by its rate, which falls with its uses. */
static inline void rl_follow(void *const counters[4], const uint16_t *rates, int64_t limit, int64_t bit) {
#ifdef RL_HAS_SSE2
    int32_t states[4], steps[4];
    for (int i = 0; i < 4; i++) {
        memcpy(&states[i], counters[i], sizeof states[i]);
        steps[i] = rates[(uint32_t)states[i] >> 16];
    }
    const __m128i decided = _mm_set1_epi32(bit ? 0xFFFF : 0), most = _mm_set1_epi32((int32_t)(limit << 16 | INT16_MAX));
    __m128i all = _mm_xor_si128(_mm_set_epi32(states[3], states[2], states[1], states[0]), decided);
    all = _mm_sub_epi16(all, _mm_mulhi_epu16(all, _mm_set_epi32(steps[3], steps[2], steps[1], steps[0])));
    all = _mm_min_epi16(_mm_add_epi32(_mm_xor_si128(all, decided), _mm_set1_epi32(1 << 16)), most);
    for (int i = 0; i < 4; i++) {
        const int32_t state = _mm_cvtsi128_si32(all);
        memcpy(counters[i], &state, sizeof state);
        all = _mm_shuffle_epi32(all, 0x39);
    }
#else
    for (int i = 0; i < 4; i++) {
        rl_counter counter;
        memcpy(&counter, counters[i], sizeof counter);
        const uint16_t decided = bit ? 0xFFFF : 0, distance = counter.probability ^ decided;
        counter.probability = (uint16_t)(distance - ((uint32_t)distance * rates[counter.uses] >> 16)) ^ decided;
        counter.uses = counter.uses < limit ? counter.uses + 1 : (uint16_t)limit;
        memcpy(counters[i], &counter, sizeof counter);
    }
#endif
}

#endif
