/* Pieces of the loops of SSIMULACRA2 that compilers make vectors of only as written here. */
#ifndef RLCODEC_SSIMULACRA2_H
#define RLCODEC_SSIMULACRA2_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { RL_LANES = 16 };

/* Cube root of a positive normal number: an estimate from the exponent, and two steps of Halley's method. */
static inline float rl_cube_root(float value) {
    uint32_t bits;
    float root;
    memcpy(&bits, &value, sizeof bits);
    bits = bits / 3 + 709921077u;
    memcpy(&root, &bits, sizeof root);
    for (int step = 0; step < 2; step++) {
        const float cube = root * root * root;
        root *= (cube + 2 * value) / (2 * cube + value);
    }
    return root;
}

/* Adds the sum of `values` to sums[0], and of their fourth powers to sums[1]. `count` is a multiple of RL_LANES. */
static inline void rl_add_powers(const float *values, ptrdiff_t count, double *sums) {
    float first[RL_LANES], fourth[RL_LANES];
    for (int i = 0; i < RL_LANES; i++) first[i] = fourth[i] = 0;
    for (ptrdiff_t at = 0; at < count; at += RL_LANES) {
#pragma GCC unroll 1
        for (int i = 0; i < RL_LANES; i++) {
            const float value = values[at + i], square = value * value;
            first[i] += value;
            fourth[i] += square * square;
        }
    }
    for (int i = 0; i < RL_LANES; i++) {
        sums[0] += first[i];
        sums[1] += fourth[i];
    }
}

#endif
