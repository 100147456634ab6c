from libc.stdint cimport int64_t

from rlcodec.presets.mnist._tables cimport Sizes, StateArrays, Tables

cpdef enum:
    PROBES = 3  # so many bit budgets are synthesised before one is chosen: those that the predictions rate best


cdef void budget_costs(
    Sizes sizes, Tables tables, StateArrays state, int64_t e, double* costs, int64_t actions
) noexcept nogil
cdef void fill_cost_to_go(Sizes sizes, Tables tables, StateArrays state, int64_t e) noexcept nogil
cdef void named_costs(Sizes sizes, StateArrays state, int64_t e, int64_t column, double* costs) noexcept nogil
