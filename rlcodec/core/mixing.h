/* Logistic mixing of probabilities in integers: stretched probabilities are weighted, summed and squashed, and the weights follow
   the error. */
#ifndef RLCODEC_MIXING_H
#define RLCODEC_MIXING_H

#include <math.h>
#include <stdint.h>

enum { RL_INPUTS = 8, RL_STRETCH_LIMIT = 2047 };

/* Weighted sum of stretched probabilities by two sets of weights, as a stretched probability. */
static inline int32_t rl_mix(const int32_t *inputs, const int32_t *first, const int32_t *second) {
    int64_t sum = 0;
    for (int i = 0; i < RL_INPUTS; i++) sum += (int64_t)inputs[i] * (first[i] + second[i]);
    sum >>= 16;
    return sum > RL_STRETCH_LIMIT ? RL_STRETCH_LIMIT : sum < -RL_STRETCH_LIMIT ? -RL_STRETCH_LIMIT : (int32_t)sum;
}

/* Moves both sets of weights against an error. */
static inline void rl_learn(const int32_t *inputs, int32_t error, int32_t limit, int32_t *first, int32_t *second) {
    for (int i = 0; i < RL_INPUTS; i++) {
        const int32_t change = (inputs[i] * error + 32768) >> 16;
        int32_t one = first[i] + change, other = second[i] + change;
        one = one > limit ? limit : one < -limit ? -limit : one;
        other = other > limit ? limit : other < -limit ? -limit : other;
        first[i] = one;
        second[i] = other;
    }
}

#endif
