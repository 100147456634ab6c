"""Writes the part of an observation that all presets share; `rlcodec.control.observation` lists its fields."""

cimport cython
from libc.math cimport INFINITY, log1p, log10
from libc.stdint cimport int64_t, uint8_t

from rlcodec.control.objective import COMPUTE_RANGE, SCALE_KMAC, SCALE_RATE_BPP

LEAST_RATIO = 10 ** (COMPUTE_RANGE[0] - 1)

cdef double scale_rate_bpp = SCALE_RATE_BPP, scale_kmac = SCALE_KMAC, least_ratio = LEAST_RATIO
cdef double lowest = COMPUTE_RANGE[0], highest = COMPUTE_RANGE[1]
cdef float most_regret = <float>log1p(REGRET_LIMIT)


cdef inline double signed_log1p(double value) noexcept nogil:
    return log1p(value) if value > 0 else -log1p(-value)


@cython.cdivision(True)
cdef void write_advice(
    const double* costs, const uint8_t* legal, int64_t actions, double here, double rate, double compute, float* out
) noexcept nogil:
    """Writes the fields of `rlcodec.control.observation.advice_layout` before those of the objective, of one episode.

    Args:
        costs: (actions,), predicted J that each action leads to, infinite where it leads nowhere.
        legal: (actions,), which of them are legal.
        actions: how many.
        here: J if stopped now.
        rate: lambda_rate of the objective.
        compute: its lambda_compute.
        out: (2 * actions + 1,), written.
    """
    cdef double best = INFINITY, scale = scale_rate_bpp * rate + scale_kmac * compute, regret
    cdef int64_t a
    for a in range(actions):
        best = min(best, costs[a])
    for a in range(actions):
        out[a] = legal[a]
        regret = (costs[a] - best) / scale if legal[a] else REGRET_LIMIT
        out[actions + a] = <float>log1p(regret) if regret < REGRET_LIMIT else most_regret
    out[2 * actions] = <float>limited(signed_log1p((here - best) / scale))


@cython.cdivision(True)
cdef void write_objective(
    int64_t kind, double rate, double compute, const double* ranges, int64_t kinds, float* out
) noexcept nogil:
    """Writes the fields of the objective, which follow those of `write_advice`.

    Args:
        kind: of the objective.
        rate: its lambda_rate.
        compute: its lambda_compute.
        ranges: (kinds, 2), log10 of lambda_rate that the preset's policies are trained for.
        kinds: how many.
        out: (kinds + 2,), written.
    """
    cdef const double* limits = ranges + 2 * kind
    cdef int64_t k
    for k in range(kinds):
        out[k] = k == kind
    out[kinds] = <float>limited(2 * (log10(rate) - limits[0]) / (limits[1] - limits[0]) - 1)
    out[kinds + 1] = <float>limited(2 * (log10(max(compute / rate, least_ratio)) - lowest) / (highest - lowest) - 1)


def write_all_advice(
    const double[:, ::1] costs, const double[::1] here, const double[::1] rate, const double[::1] compute,
    const uint8_t[:, ::1] legal, const int64_t[::1] kind, const double[:, ::1] ranges, float[:, ::1] out,
):
    """Writes the fields of `rlcodec.control.observation.advice_layout` of B episodes.

    Args:
        costs: float64 (B, actions), predicted J that each action leads to, infinite where it leads nowhere.
        here: float64 (B,), J if stopped now.
        rate: float64 (B,), lambda_rate.
        compute: float64 (B,), lambda_compute.
        legal: uint8 (B, actions), 1 where an action is legal.
        kind: int64 (B,), of the objectives.
        ranges: float64 (kinds, 2), log10 of lambda_rate that the preset's policies are trained for.
        out: float32 (B, size), written.

    Raises:
        ValueError: the shapes do not fit, or there is no such kind.
    """
    cdef int64_t count = out.shape[0], actions = costs.shape[1], kinds = ranges.shape[0], b
    if not (
        costs.shape[0] == legal.shape[0] == here.shape[0] == kind.shape[0] == rate.shape[0] == compute.shape[0] == count
        and legal.shape[1] == actions and ranges.shape[1] == 2 and out.shape[1] == 2 * actions + kinds + 3
    ):
        raise ValueError("the arrays of an observation do not fit")
    for b in range(count):
        if not 0 <= kind[b] < kinds:
            raise ValueError(f"there is no kind of distortion {kind[b]}")
    if not count or not actions or not kinds:
        return
    with nogil:
        for b in range(count):
            write_advice(&costs[b, 0], &legal[b, 0], actions, here[b], rate[b], compute[b], &out[b, 0])
            write_objective(kind[b], rate[b], compute[b], &ranges[0, 0], kinds, &out[b, 2 * actions + 1])
