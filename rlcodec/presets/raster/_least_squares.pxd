from libc.stdint cimport int16_t, int32_t, int64_t

cpdef enum:
    MOST_INPUTS = 36  # of a prediction
    FRACTION_BITS = 4  # of predictions
    BLOCK = 8  # samples that are predicted with the same weights,
    ENSEMBLE_BLOCK = 4  # and in tier `ensemble`

cdef struct Fit:
    # Sums of products of pairs of values, inputs and last the target, lie as the rows of a lower triangle.
    int inputs
    int sums  # of a triangle
    int block  # samples between solutions; those of a block are summed before anything fades
    int blocks  # of a row
    int32_t* above  # (blocks, sums), of the block in all rows so far, which fade
    int32_t* right  # (blocks + 1, sums), of this block and those to its right in the rows above
    int32_t* left  # (sums,), of the blocks to the left
    int32_t* current  # (sums,), of this block in this row
    int32_t[MOST_INPUTS] weights  # in 1/65536
    int16_t[MOST_INPUTS + 1] values  # inputs of the next sample, and its target


cdef int64_t size_of_fit(int inputs, int64_t width, int block) noexcept nogil
cdef void begin_fit(Fit* fit, int inputs, int64_t width, int block, int32_t* memory) noexcept nogil
cdef void begin_fit_row(Fit* fit) noexcept nogil
cdef void solve(Fit* fit, int64_t block) noexcept nogil
cdef void end_block(Fit* fit, int64_t block) noexcept nogil


cdef inline int64_t prediction(const Fit* fit) noexcept nogil:
    """Weighted sum of the inputs, in 1/16."""
    cdef int64_t total = 0
    cdef int i
    for i in range(fit.inputs):
        total += <int64_t>fit.weights[i] * fit.values[i]
    return total >> (16 - FRACTION_BITS)


cdef inline void add_sample(Fit* fit, int64_t target) noexcept nogil:
    """Adds the products of the inputs and the target of a sample."""
    cdef int32_t* sums = fit.current
    cdef int32_t value
    cdef int i, j
    fit.values[fit.inputs] = <int16_t>target
    for i in range(fit.inputs + 1):
        value = fit.values[i]
        for j in range(i + 1):
            sums[j] += value * fit.values[j]
        sums += i + 1
