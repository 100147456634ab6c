import numpy as np

def convolve(
    x: np.ndarray, pairs: np.ndarray, bias: np.ndarray, taps_x: int, shift: int, low: int, high: int, stride: int
) -> np.ndarray: ...
