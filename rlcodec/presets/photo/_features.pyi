import numpy as np

BINS_PER_OCTAVE: int
OCTAVES: int
BLOCK: int
BINS: int
KINDS_OF_PLANES: int
ENERGY_BINS: int
ENERGY_BINS_PER_OCTAVE: int

def count_bins(coefficients: np.ndarray, slice_of: np.ndarray, counts: np.ndarray) -> None: ...
def measure_blocks(
    coefficients: np.ndarray,
    slice_of: np.ndarray,
    steps: np.ndarray,
    cuts: np.ndarray,
    contrast: float,
    least_energy: float,
    blocks: np.ndarray,
    similar: np.ndarray,
) -> None: ...
