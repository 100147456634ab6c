# cython: cdivision=True
"""Linear prediction fitted to what surrounds a block, which `rlcodec.presets.raster.predictors` describes."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

cdef enum:
    GUARD_BITS = 8  # of the fraction of sums while they are solved
    FACTOR_BITS = 16  # of the fraction of factors and weights
    LEAST_PIVOT = 1 << GUARD_BITS
    RIDGE_SHIFT = 11  # share of the mean square of all inputs that is added to that of each,
    LEAST_RIDGE = 4  # and a constant
    FADE_LEFT = 1  # sums lose one part in 2 with each block to the left or right,
    FADE_ABOVE = 2  # and one part in 4 with each row
    WEIGHT_LIMIT = 1 << 18


cdef int64_t size_of_fit(int inputs, int64_t width, int block) noexcept nogil:
    """Words of memory that a fit of a plane of so many columns needs."""
    cdef int64_t sums = (inputs + 1) * (inputs + 2) // 2, blocks = (width + block - 1) // block
    return (2 * blocks + 3) * sums


cdef void begin_fit(Fit* fit, int inputs, int64_t width, int block, int32_t* memory) noexcept nogil:
    """Lays a fit out in memory, which must hold zeros."""
    fit.inputs, fit.block = inputs, block
    fit.sums = (inputs + 1) * (inputs + 2) // 2
    fit.blocks = <int>((width + block - 1) // block)
    fit.above = memory
    fit.right = fit.above + fit.blocks * <int64_t>fit.sums
    fit.left = fit.right + (fit.blocks + 1) * <int64_t>fit.sums
    fit.current = fit.left + fit.sums


cdef void begin_fit_row(Fit* fit) noexcept nogil:
    """Sums what lies above and to the right of each block of a row."""
    cdef int64_t block, at
    cdef int i
    memset(fit.right + fit.blocks * <int64_t>fit.sums, 0, <size_t>fit.sums * sizeof(int32_t))
    for block in range(fit.blocks - 1, -1, -1):
        at = block * fit.sums
        for i in range(fit.sums):
            fit.right[at + i] = fit.above[at + i] + fit.right[at + fit.sums + i] - (fit.right[at + fit.sums + i] >> FADE_LEFT)
    memset(fit.left, 0, <size_t>(2 * fit.sums) * sizeof(int32_t))


cdef void end_block(Fit* fit, int64_t block) noexcept nogil:
    """Joins the sums of a block to those of the rows above and of the blocks to the left."""
    cdef int32_t* above = fit.above + block * fit.sums
    cdef int32_t* left = fit.left
    cdef int32_t* current = fit.current
    cdef int i
    for i in range(fit.sums):
        above[i] += current[i] - (above[i] >> FADE_ABOVE)
        left[i] += above[i] - (left[i] >> FADE_LEFT)
        current[i] = 0


cdef void solve(Fit* fit, int64_t block) noexcept nogil:
    """Finds the weights with which a block begins: an LDL decomposition of the sums around it, with a ridge."""
    cdef const int32_t* right = fit.right + block * fit.sums
    cdef int64_t[MOST_INPUTS][MOST_INPUTS] factors
    cdef int64_t[MOST_INPUTS] pivots
    cdef int64_t[MOST_INPUTS] solution
    cdef int64_t total = 0, ridge, product, factor
    cdef int n = fit.inputs, i, j, k, at = 0
    for i in range(n):
        total += <int64_t>fit.left[at + i] + right[at + i]
        at += i + 1
    ridge = (max(total // n, 0) >> (RIDGE_SHIFT - GUARD_BITS)) + (LEAST_RIDGE << GUARD_BITS)
    at = 0
    for i in range(n + 1):
        for j in range(min(i + 1, n)):
            product = (<int64_t>fit.left[at + j] + right[at + j]) << GUARD_BITS
            if i < n:
                factors[i][j] = product
            else:
                solution[j] = product
        at += i + 1
    for i in range(n):
        for j in range(1, i):
            product = factors[i][j]
            for k in range(j):
                product -= (factors[i][k] * factors[j][k]) >> FACTOR_BITS
            factors[i][j] = product
        product = factors[i][i] + ridge
        for k in range(i):
            factor = (factors[i][k] << FACTOR_BITS) // pivots[k]
            product -= (factor * factors[i][k]) >> FACTOR_BITS
            factors[i][k] = factor
        pivots[i] = max(product, LEAST_PIVOT)
    for i in range(n):
        for k in range(i):
            solution[i] -= (factors[i][k] * solution[k]) >> FACTOR_BITS
    for i in range(n - 1, -1, -1):
        product = (solution[i] << FACTOR_BITS) // pivots[i]
        for k in range(i + 1, n):
            product -= (factors[k][i] * solution[k]) >> FACTOR_BITS
        solution[i] = product
        fit.weights[i] = <int32_t>min(max(product, -WEIGHT_LIMIT), WEIGHT_LIMIT)
