import numpy as np

def convolve(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    shift: int,
    low: int,
    high: int,
    stride: int,
    sums: np.ndarray,
    out: np.ndarray,
) -> None: ...
