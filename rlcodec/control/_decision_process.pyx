"""Loops over episodes that the decision processes of all presets share."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t


def nearest_legal(const uint8_t[:, ::1] legal, const int64_t[::1] action):
    """Replaces each illegal action by the nearest legal one below it, or else the first.

    Args:
        legal: uint8 (B, actions), 1 where an action is legal.
        action: int64 (B,), any numbers.

    Returns:
        int64 (B,).

    Raises:
        ValueError: the numbers of episodes differ.
    """
    cdef int64_t count = legal.shape[0], last = legal.shape[1] - 1, e, a
    if action.shape[0] != count:
        raise ValueError(f"there are {action.shape[0]} actions for {count} episodes")
    result = np.empty(count, np.int64)
    cdef int64_t[::1] out = result
    with nogil:
        for e in range(count):
            a = min(max(action[e], 0), last)
            while a > 0 and not legal[e, a]:
                a -= 1
            while a < last and not legal[e, a]:
                a += 1
            out[e] = a
    return result
