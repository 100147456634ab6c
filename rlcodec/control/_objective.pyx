"""Errors of pictures and the distortion that they count as; `rlcodec.control.objective` says what each is."""

from libc.stdint cimport int64_t

from rlcodec.core.metrics import PEAK_SQUARED, ROUNDING_LOSS

MEASURE_OF = (MSE, MSE, LOSS)
FLOORS = (1 / 12, ROUNDING_LOSS)
PEAKS = (PEAK_SQUARED, 1.0)

measure_of[:] = MEASURE_OF
floors[:] = FLOORS
peaks[:] = PEAKS


def distortion_in(int64_t kind, double error):
    """As `rlcodec.control.objective.distortion`, of one error and the index of a kind."""
    if not 0 <= kind < KIND_COUNT:
        raise ValueError(f"there is no kind of distortion {kind}")
    return distortion_of(kind, error)
