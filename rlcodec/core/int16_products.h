/* Products of int16 vectors and matrices, the arithmetic of every network in the coder.

   Pairs of int16 inputs are multiplied by pairs of int16 weights and the products added in int32: the instruction `pmaddwd` on
   x86, and what the compiler makes of plain loops elsewhere. Integer sums do not depend on their order, so every processor gets
   the same result. The instruction set is chosen when the module is loaded; RLCODEC_SIMD can name one of lower rank. */
#ifndef RLCODEC_INT16_PRODUCTS_H
#define RLCODEC_INT16_PRODUCTS_H

#include <stdlib.h>
#include <string.h>

#include "compiler.h"

enum { RL_LANES = 16 }; /* columns that are summed together; widths of matrices are multiples of this */

typedef void (*rl_multiply)(const int16_t *values, const int16_t *weights, ptrdiff_t pairs, ptrdiff_t stride, ptrdiff_t columns,
                            int32_t *sums);
typedef int32_t (*rl_dot)(const int16_t *values, const int16_t *row, ptrdiff_t size);

/* Plain loops, for processors without the instructions below. */
RL_UNCOUNTED static void rl_multiply_plain(const int16_t *values, const int16_t *weights, ptrdiff_t pairs,
                                           ptrdiff_t stride, ptrdiff_t columns, int32_t *sums) {
    for (ptrdiff_t p = 0; p < pairs; p++) {
        const int16_t *row = weights + p * stride;
        int32_t a = values[2 * p], b = values[2 * p + 1];
        for (ptrdiff_t j = 0; j < columns; j++) sums[j] += a * row[2 * j] + b * row[2 * j + 1];
    }
}

RL_UNCOUNTED static int32_t rl_dot_plain(const int16_t *values, const int16_t *row, ptrdiff_t size) {
    int32_t total = 0;
    for (ptrdiff_t i = 0; i < size; i++) total += (int32_t)values[i] * row[i];
    return total;
}

/* Under sanitizers the plain loops would take most of a fuzzer's time. */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && (!defined(RL_ONE_INSTRUCTION_SET) || defined(RL_FUZZED))
#include <immintrin.h>

/* Defines both products for vectors of N int32. Sums of up to four vectors stay in registers. */
#define RL_BLOCK(COUNT, N, VECTOR, LOAD, STORE, SPREAD, MADD, ADD)                                       \
    for (; column + COUNT * N <= columns; column += COUNT * N) {                                         \
        VECTOR total[COUNT];                                                                             \
        for (int v = 0; v < COUNT; v++) total[v] = LOAD((const void *)(sums + column + v * N));          \
        for (ptrdiff_t p = 0; p < pairs; p++) {                                                          \
            int32_t pair;                                                                                \
            memcpy(&pair, values + 2 * p, sizeof pair);                                                  \
            const VECTOR both = SPREAD(pair);                                                            \
            const int16_t *row = weights + p * stride + 2 * column;                                      \
            for (int v = 0; v < COUNT; v++)                                                              \
                total[v] = ADD(total[v], MADD(both, LOAD((const void *)(row + 2 * v * N))));             \
        }                                                                                                \
        for (int v = 0; v < COUNT; v++) STORE((void *)(sums + column + v * N), total[v]);                \
    }

#define RL_PRODUCTS(NAME, TARGET, N, VECTOR, LOAD, STORE, SPREAD, MADD, ADD)                             \
    TARGET static void rl_multiply_##NAME(const int16_t *values, const int16_t *weights, ptrdiff_t pairs, \
                                          ptrdiff_t stride, ptrdiff_t columns, int32_t *sums) {          \
        ptrdiff_t column = 0;                                                                            \
        RL_BLOCK(4, N, VECTOR, LOAD, STORE, SPREAD, MADD, ADD)                                           \
        RL_BLOCK(2, N, VECTOR, LOAD, STORE, SPREAD, MADD, ADD)                                           \
        RL_BLOCK(1, N, VECTOR, LOAD, STORE, SPREAD, MADD, ADD)                                           \
    }                                                                                                    \
    TARGET static int32_t rl_dot_##NAME(const int16_t *values, const int16_t *row, ptrdiff_t size) {     \
        VECTOR total = SPREAD(0);                                                                        \
        int32_t parts[N], sum = 0;                                                                       \
        for (ptrdiff_t i = 0; i < size; i += 2 * N)                                                      \
            total = ADD(total, MADD(LOAD((const void *)(values + i)), LOAD((const void *)(row + i))));   \
        STORE((void *)parts, total);                                                                     \
        for (int i = 0; i < N; i++) sum += parts[i];                                                     \
        return sum;                                                                                      \
    }

RL_PRODUCTS(sse2, , 4, __m128i, _mm_loadu_si128, _mm_storeu_si128, _mm_set1_epi32, _mm_madd_epi16, _mm_add_epi32)
RL_PRODUCTS(avx2, __attribute__((target("avx2"))), 8, __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32,
            _mm256_madd_epi16, _mm256_add_epi32)
RL_PRODUCTS(avx512, __attribute__((target("avx512bw"))), 16, __m512i, _mm512_loadu_si512, _mm512_storeu_si512,
            _mm512_set1_epi32, _mm512_madd_epi16, _mm512_add_epi32)
#define RL_HAS_X86 1
#endif

/* Chooses the functions; returns the name of the instruction set. */
static const char *rl_choose(rl_multiply *multiply, rl_dot *dot) {
    const char *wanted = getenv("RLCODEC_SIMD");
    *multiply = rl_multiply_plain;
    *dot = rl_dot_plain;
    if (wanted && !strcmp(wanted, "plain")) return "plain";
#ifdef RL_HAS_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && !(wanted && (!strcmp(wanted, "avx2") || !strcmp(wanted, "sse2")))) {
        *multiply = rl_multiply_avx512;
        *dot = rl_dot_avx512;
        return "avx512";
    }
    if (__builtin_cpu_supports("avx2") && !(wanted && !strcmp(wanted, "sse2"))) {
        *multiply = rl_multiply_avx2;
        *dot = rl_dot_avx2;
        return "avx2";
    }
    *multiply = rl_multiply_sse2;
    *dot = rl_dot_sse2;
    return "sse2";
#else
    return "plain";
#endif
}

#endif
