/* Weighted sums of rows of numbers, which stay in registers while they are added up in the order of the rows.

   Compilers would unroll the inner loops before they make vectors of them, and then find none; the pragma keeps them from that. */
#ifndef RLCODEC_WEIGHTED_SUMS_H
#define RLCODEC_WEIGHTED_SUMS_H

#include <stddef.h>

enum { RL_WIDE = 16, RL_WIDEST = 32 };

#if defined(__GNUC__)
#define RL_INLINE static inline __attribute__((always_inline))
#else
#define RL_INLINE static inline
#endif

/* Sums of weights[k * stride] * rows[width * k + i] over `count` rows, from 0 on; `width` is a constant, RL_WIDEST or less. */
RL_INLINE void rl_weigh_rows(const float *weights, ptrdiff_t stride, const float *rows, ptrdiff_t count, float *out,
                             const int width) {
    float sums[RL_WIDEST];
    for (int i = 0; i < width; i++) sums[i] = 0;
    for (ptrdiff_t k = 0; k < count; k++) {
        const float weight = weights[k * stride];
#pragma GCC unroll 1
        for (int i = 0; i < width; i++) sums[i] += weight * rows[width * k + i];
    }
    for (int i = 0; i < width; i++) out[i] = sums[i];
}

/* Sums of weights[k] * rows[k][at + i] over `count` rows, from the first product on. */
static inline void rl_weigh_taps(const double *weights, const double *const *rows, ptrdiff_t at, ptrdiff_t count, double *out) {
    double sums[RL_WIDE];
    for (int i = 0; i < RL_WIDE; i++) sums[i] = weights[0] * rows[0][at + i];
    for (ptrdiff_t k = 1; k < count; k++) {
        const double weight = weights[k], *row = rows[k] + at;
#pragma GCC unroll 1
        for (int i = 0; i < RL_WIDE; i++) sums[i] += weight * row[i];
    }
    for (int i = 0; i < RL_WIDE; i++) out[i] = sums[i];
}

#endif
