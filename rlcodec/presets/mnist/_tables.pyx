"""What the compiled loops of the decision process read and write: sizes, measurements with predictions, and states."""

cimport cython

import numpy as np

from libc.stdint cimport int64_t

from rlcodec.control._objective cimport MEASURE_COUNT
from rlcodec.core._segment_choice cimport CONTEXT, TABLE

from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.errors import ModelError
from rlcodec.presets.mnist.measurements import DTYPES, table_shapes

macs_per_kmac = MACS_PER_KMAC


cdef class Sizes:
    """Sizes of the images of a process.

    Attributes:
        height: rows of pixels.
        width: pixels of a row.
        slices: latent slices.
        slice_symbols: binary latents of a slice.
        synthesis_macs: multiply-accumulates of the synthesis transform.
        budget_slices: latent slices of each bit budget, increasing.
        pixels: of an image.

    Raises:
        ModelError: the bit budgets do not increase from 0 on, keep more slices than there are, or are more than MOST_ACTIONS.
    """

    def __init__(self, height, width, slices, slice_symbols, synthesis_macs, budget_slices):
        self.height, self.width, self.slices = height, width, slices
        self.slice_symbols, self.synthesis_macs, self.budget_slices = slice_symbols, synthesis_macs, tuple(budget_slices)
        self.pixels, self.budgets, self.kept = height * width, len(budget_slices), np.array(budget_slices, np.int64)
        increasing = budget_slices[0] == 0 and list(budget_slices) == sorted(set(budget_slices))
        if not increasing or max(budget_slices) > slices or len(budget_slices) > MOST_ACTIONS:
            raise ModelError(f"bit budgets of {budget_slices} latent slices do not fit {slices} slices")


cdef class Tables:
    """What is known of n images: the tables of `MnistMeasurements`, and predictions.

    What an encoder measures before it decides is read at once; the rest may be filled in later.

    Args:
        sizes: of the images.
        measurements: of the images.
        predicted: float64 (n, outputs of `MnistPredictor.image`).
        row_weights: float64 (p, ROW_FEATURES, 4), the `row` of p instances of `MnistPredictor`; image i is predicted by
            number i modulo p.

    Raises:
        ModelError: the shapes of the arrays do not fit.
    """

    def __init__(self, Sizes sizes, measurements, predicted, row_weights):
        count, tables = len(measurements), {}
        for name, shape in table_shapes(sizes.slices, sizes.height).items():
            tables[name] = np.ascontiguousarray(getattr(measurements, name), DTYPES.get(name, np.int64))
            if tables[name].shape != (count, *shape):
                raise ModelError(f"measurements {name} have shape {tables[name].shape}, not {(count, *shape)}")
        self.latent_cost, self.latent_macs = tables["latent_cost"], tables["latent_macs"]
        self.latent_sse, self.latent_loss = tables["latent_sse"], tables["latent_loss"]
        self.pixel_cost, self.pixel_macs = tables["pixel_cost"], tables["pixel_macs"]
        self.stop_sse, self.stop_loss = tables["stop_sse"], tables["stop_loss"]
        self.row_busy, self.statistics = tables["row_busy"], tables["statistics"]
        self.predicted, self.row_weights = predicted, row_weights
        self.without_latents = totals_without_latents(sizes, self)
        outputs = MEASURE_COUNT * (sizes.slices + 1) + BUDGET_OUTPUTS * sizes.budgets
        if sizes.budgets != self.pixel_cost.shape[1] or predicted.shape != (count, outputs):
            raise ModelError(f"predictions of shape {predicted.shape} do not fit {count} images and {sizes.budgets} budgets")
        if not len(row_weights) or row_weights.shape[1:] != (ROW_FEATURES, ROW_OUTPUTS):
            raise ModelError(f"predictions of rows have weights of shape {row_weights.shape}")


@cython.cdivision(True)
cdef totals_without_latents(Sizes sizes, Tables tables):
    """Of all rows without latents, bits under `table` and under `context`, and kMAC under `context`, per pixel: (n, 3)."""
    totals = np.zeros((tables.statistics.shape[0], 3))
    cdef double[:, ::1] out = totals
    cdef double pixels = <double>sizes.pixels
    cdef int64_t i, row
    with nogil:
        for i in range(out.shape[0]):
            for row in range(sizes.height):
                out[i, 0] += bits_of(tables.pixel_cost[i, 0, TABLE, row]) / pixels
                out[i, 1] += bits_of(tables.pixel_cost[i, 0, CONTEXT, row]) / pixels
                out[i, 2] += kmac_of(tables.pixel_macs[i, 0, CONTEXT, row]) / pixels
    return totals


cdef class StateArrays:
    """The arrays of a `rlcodec.presets.mnist.process.MnistState`, which are changed in place."""

    def __init__(self, state):
        self.image, self.done = state.image, state.done.view(np.uint8)
        self.kind, self.lambda_rate, self.lambda_compute = state.objectives
        self.phase, self.budget, self.slices, self.position = state.phase, state.budget, state.slices, state.position
        self.tier, self.cost, self.macs, self.slice_error = state.tier, state.cost, state.macs, state.slice_error
        self.segment_bits, self.segment_kmac = state.segment_bits, state.segment_kmac
        self.stop_value, self.go_value = state.stop_value, state.go_value
        self.objective_fields = np.zeros((len(state.image), OBJECTIVE_FIELDS), np.float32)
        self.objective_of_fields = np.full((len(state.image), 3), np.nan)


cdef int check_sizes(Sizes sizes, StateArrays state) except -1:
    """Raises ValueError if a state is not one of episodes on images of a size."""
    cdef int64_t columns = sizes.slices + sizes.height
    if state.segment_bits.shape[1] != columns or state.slice_error.shape[1] != sizes.slices + 1:
        raise ValueError(f"the state is of episodes with {state.segment_bits.shape[1]} segments, not {columns}")
    return 0


cdef int check_rows(StateArrays state, const int64_t[::1] rows) except -1:
    """Raises IndexError if there is no such episode."""
    cdef int64_t n
    for n in range(rows.shape[0]):
        if not 0 <= rows[n] < state.image.shape[0]:
            raise IndexError(f"there is no episode {rows[n]} among {state.image.shape[0]}")
    return 0
