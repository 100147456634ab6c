"""Sets of weights that mix probabilities, which `rlcodec.core.adaptive` describes."""

import numpy as np

from libc.stdint cimport int16_t, int32_t, uint16_t
from libc.string cimport memcpy


cdef class Mixers:
    """Sets of weights.

    Args:
        weights: int32 (n, MIXED), in 1/65536; copied.
        stretched: int16 (STRETCHES,), 256 times the log odds of each probability in 1/4096.
        squashed: uint16 (STRETCHES,), the inverse: probabilities in 1/65536 of numbers from -2048 on.

    Raises:
        ValueError: a shape or a number is out of range.
    """

    def __init__(self, const int32_t[:, ::1] weights, const int16_t[::1] stretched, const uint16_t[::1] squashed):
        if weights.shape[0] == 0 or weights.shape[1] != MIXED:
            raise ValueError(f"there are {weights.shape[0]} sets of {weights.shape[1]} weights")
        if stretched.shape[0] != STRETCHES or squashed.shape[0] != STRETCHES:
            raise ValueError(f"the tables of log odds have {stretched.shape[0]} and {squashed.shape[0]} entries")
        if np.abs(stretched).max() > STRETCH_LIMIT or np.abs(weights).max() > WEIGHT_LIMIT:
            raise ValueError("the weights or log odds are out of range")
        self.take(np.array(weights, np.int32), stretched, squashed)

    cdef int take(self, int32_t[:, ::1] weights, const int16_t[::1] stretched, const uint16_t[::1] squashed) except -1:
        self.weights, self.stretched_table, self.squashed_table = weights, stretched, squashed
        self.tables.stretched, self.tables.squashed = &self.stretched_table[0], &self.squashed_table[0]
        self.first = &self.weights[0, 0]
        return 0

    def copy(self):
        """The same weights, which then go their own way."""
        cdef Mixers other = Mixers.__new__(Mixers)
        other.take(np.array(self.weights, np.int32), self.stretched_table, self.squashed_table)
        return other

    def begin_as(self, Mixers other):
        """Takes the weights of as many other sets, in its own memory."""
        if len(other) != len(self):
            raise ValueError(f"{len(other)} sets of weights cannot begin {len(self)}")
        with nogil:
            memcpy(self.first, other.first, <size_t>self.weights.shape[0] * MIXED * sizeof(int32_t))

    @property
    def states(self):
        """All weights, int32 (n, MIXED)."""
        return np.array(self.weights)

    def __len__(self):
        return self.weights.shape[0]
