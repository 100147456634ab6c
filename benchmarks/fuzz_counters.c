/* Coverage of compiled loops for libFuzzer.

   `RLCODEC_BUILD=fuzzed` makes every basic block call `__sanitizer_cov_trace_pc`, which counts the block in a table. libFuzzer
   reads the table after each input. The place of a block in it is a hash of its address. */
#include <stdint.h>

enum { COUNTER_BITS = 18, COUNTERS = 1 << COUNTER_BITS };

static uint8_t counters[COUNTERS];
/* libFuzzer wants an address and flags for every counter; the address only serves to count what was reached. */
static uintptr_t places[2 * COUNTERS];

void __sanitizer_cov_trace_pc(void) {
    const uint64_t address = (uintptr_t)__builtin_return_address(0);
    uint8_t *counter = &counters[(address * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - COUNTER_BITS)];
    *counter += *counter != 255;
}

/* Functions of libFuzzer. */
extern void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
extern void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);

/* Gives the table to libFuzzer. */
void rl_register(void) {
    for (uintptr_t i = 0; i < COUNTERS; i++) places[2 * i] = (uintptr_t)&counters[i];
    __sanitizer_cov_8bit_counters_init(counters, counters + COUNTERS);
    __sanitizer_cov_pcs_init(places, places + 2 * COUNTERS);
}
