import numpy as np

def similarity(
    first: np.ndarray,
    second: np.ndarray,
    down: np.ndarray,
    across: np.ndarray,
    luminance_constant: float,
    contrast_constant: float,
) -> tuple[float, float]: ...
def halve(plane: np.ndarray) -> np.ndarray: ...
