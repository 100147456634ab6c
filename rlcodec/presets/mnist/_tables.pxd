cimport cython
from libc.stdint cimport int16_t, int64_t, uint8_t

from rlcodec.control._objective cimport KIND_COUNT, MSE
from rlcodec.core._range_coder cimport COST_UNIT

cpdef enum:
    ROW_FEATURES = 6  # of `rlcodec.presets.mnist.predictor.row_features`
    ROW_OUTPUTS = 4
    BUDGET_OUTPUTS = 5  # of `MnistPredictor.image` for each bit budget
    KMAC_UNIT = 1000

cdef enum:
    MOST_ACTIONS = 62  # sets of actions are bits of an int64
    OBJECTIVE_FIELDS = KIND_COUNT + 2

cdef double macs_per_kmac


cdef class Sizes:
    cdef readonly int64_t height
    cdef readonly int64_t width
    cdef readonly int64_t slices
    cdef readonly int64_t slice_symbols
    cdef readonly int64_t synthesis_macs
    cdef readonly tuple budget_slices
    cdef readonly int64_t pixels
    cdef int64_t budgets
    cdef const int64_t[::1] kept  # budget_slices


cdef class Tables:
    cdef const int64_t[:, :, ::1] latent_cost
    cdef const int64_t[:, :, ::1] latent_macs
    cdef const int64_t[:, ::1] latent_sse
    cdef const float[:, ::1] latent_loss
    cdef const int64_t[:, :, :, ::1] pixel_cost
    cdef const int64_t[:, :, :, ::1] pixel_macs
    cdef const int64_t[:, :, ::1] stop_sse
    cdef const float[:, :, ::1] stop_loss
    cdef const int16_t[:, :, ::1] row_busy
    cdef const double[:, ::1] statistics
    cdef const double[:, ::1] predicted
    cdef const double[:, :, ::1] row_weights
    cdef const double[:, ::1] without_latents  # of all rows: bits under `table` and `context`, kMAC under `context`, per pixel


cdef class StateArrays:
    cdef int64_t[::1] image
    cdef int64_t[::1] kind
    cdef double[::1] lambda_rate
    cdef double[::1] lambda_compute
    cdef uint8_t[::1] done
    cdef int64_t[::1] phase
    cdef int64_t[::1] budget
    cdef int64_t[::1] slices
    cdef int64_t[::1] position
    cdef int64_t[::1] tier
    cdef int64_t[::1] cost
    cdef int64_t[::1] macs
    cdef double[:, ::1] slice_error
    cdef double[:, :, ::1] segment_bits
    cdef double[:, :, ::1] segment_kmac
    cdef double[:, ::1] stop_value
    cdef double[:, :, ::1] go_value
    # The fields of an observation that tell the objective, and the kind and weights that they were computed from.
    cdef float[:, ::1] objective_fields
    cdef double[:, ::1] objective_of_fields


cdef inline double bits_of(int64_t cost) noexcept nogil:
    """Bits of a code length in 1/COST_UNIT bit."""
    return cost / <double>COST_UNIT


@cython.cdivision(True)
cdef inline double kmac_of(int64_t macs) noexcept nogil:
    """kMAC of multiply-accumulates."""
    return macs / macs_per_kmac


@cython.cdivision(True)
cdef inline double slice_error(Sizes sizes, Tables tables, int64_t measure, int64_t image, int64_t slices) noexcept nogil:
    """Error of the picture after some latent slices, in a measure of `rlcodec.control.objective`."""
    if measure == MSE:
        return tables.latent_sse[image, slices] / <double>sizes.pixels
    return tables.latent_loss[image, slices]


@cython.cdivision(True)
cdef inline double row_error(
    Sizes sizes, Tables tables, int64_t measure, int64_t image, int64_t budget, int64_t rows
) noexcept nogil:
    """Error of the picture after all latents of a budget and some rows of pixels."""
    if measure == MSE:
        return tables.stop_sse[image, budget, rows] / <double>sizes.pixels
    return tables.stop_loss[image, budget, rows]


cdef int check_sizes(Sizes sizes, StateArrays state) except -1
cdef int check_rows(StateArrays state, const int64_t[::1] rows) except -1
