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

/* Gives the table to libFuzzer, by its functions `__sanitizer_cov_8bit_counters_init` and `__sanitizer_cov_pcs_init`. */
void rl_register(void (*counters_init)(uint8_t *, uint8_t *), void (*places_init)(const uintptr_t *, const uintptr_t *)) {
    for (uintptr_t i = 0; i < COUNTERS; i++) places[2 * i] = (uintptr_t)&counters[i];
    counters_init(counters, counters + COUNTERS);
    places_init(places, places + 2 * COUNTERS);
}
