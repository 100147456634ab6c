"""The adaptive counters that `rlcodec.core.adaptive` describes."""

import numpy as np

from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memcpy

cdef uint16_t[MOST_USES + 1] RATES


cdef void fill_rates() noexcept nogil:
    """One over 1.6 more than the number of uses, in 1/65536: the mean of all decisions, with a little of the first guess."""
    cdef int64_t uses
    for uses in range(MOST_USES + 1):
        RATES[uses] = <uint16_t>((65536 * 10) // (10 * uses + 16))


fill_rates()


cdef class Counters:
    """Counters of a model.

    Args:
        states: uint16 (n, 2), the probability of a 1 in 1/65536 and the number of uses of each; copied.
        limit: number of uses from which on a counter forgets.

    Raises:
        ValueError: there are no counters, or a number is out of range.
    """

    def __init__(self, const uint16_t[:, ::1] states, int64_t limit):
        if states.shape[0] == 0 or states.shape[1] != 2 or not 0 < limit <= MOST_USES:
            raise ValueError(f"there are {states.shape[0]} counters with limit {limit}")
        if np.max(states[:, 1]) > MOST_USES:
            raise ValueError(f"a counter has {np.max(states[:, 1])} uses; the most are {MOST_USES}")
        self.take(np.array(states, np.uint16), limit)

    cdef int take(self, uint16_t[:, ::1] states, int64_t limit) except -1:
        self.counters = states
        self.adaptation.rates, self.adaptation.limit = RATES, limit
        self.first = <Counter*>&self.counters[0, 0]
        return 0

    def copy(self):
        """The same counters, which then go their own way."""
        cdef Counters other = Counters.__new__(Counters)
        other.take(np.array(self.counters, np.uint16), self.adaptation.limit)
        return other

    def begin_as(self, Counters other):
        """Takes the states of as many other counters, in its own memory."""
        if len(other) != len(self):
            raise ValueError(f"{len(other)} counters cannot begin {len(self)}")
        with nogil:
            memcpy(self.first, other.first, <size_t>self.counters.shape[0] * sizeof(Counter))

    @property
    def states(self):
        """Probability and uses of all counters, uint16 (n, 2)."""
        return np.array(self.counters)

    def __len__(self):
        return self.counters.shape[0]
