import numpy as np

EXACT_PEAKS: int

class Grids:
    weights: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    fresh: np.ndarray
    unit: np.ndarray
    peaks: np.ndarray
    exact_peaks: np.ndarray
    def __init__(self) -> None: ...
