/* Digits of numbers. */
#ifndef RLCODEC_BITS_H
#define RLCODEC_BITS_H

#include <stdint.h>

/* Whole part of the binary logarithm of a number above 0. */
static inline int rl_log2(uint64_t number) {
#if defined(__GNUC__)
    return 63 - __builtin_clzll(number);
#else
    int digits = 0;
    while (number >>= 1) digits++;
    return digits;
#endif
}

#endif
