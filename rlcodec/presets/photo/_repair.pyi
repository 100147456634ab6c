import numpy as np

FACTOR: int

def fill_input(planes: np.ndarray, scale: float, middle: float, first: int, last: int, out: np.ndarray) -> None: ...
def add_output(
    planes: np.ndarray, correction: np.ndarray | None, scale: float, first: int, last: int, out: np.ndarray
) -> None: ...
