import numpy as np

SHORT: int
LONG: int

def filter_edges(
    planes: np.ndarray, splits: np.ndarray, short_filter: np.ndarray, long_filter: np.ndarray, across_first: bool
) -> None: ...
