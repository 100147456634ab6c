/* What compiled loops ask of the compiler. */
#ifndef RLCODEC_COMPILER_H
#define RLCODEC_COMPILER_H

#include <stddef.h>
#include <stdint.h>

/* Builds with one instruction set, which tests make, run the plain loops. */
#if defined(__SSE2__) && !defined(RL_ONE_INSTRUCTION_SET)
#include <emmintrin.h>
#define RL_HAS_SSE2 1
#endif

/* A fuzzer learns nothing from which blocks of a loop over an array it reaches, so they are not counted for it. */
#ifdef RL_FUZZED
#define RL_UNCOUNTED __attribute__((no_sanitize_coverage))
#else
#define RL_UNCOUNTED
#endif

/* A function with this attribute is compiled for three instruction sets; the loader picks the best that the processor has.
   On ARM the compiler's own baseline includes NEON. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(RL_ONE_INSTRUCTION_SET)
#define RL_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define RL_CLONES RL_UNCOUNTED
#endif

#endif
