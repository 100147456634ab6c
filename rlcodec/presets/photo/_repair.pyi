import numpy as np

FACTOR: int
INPUT_CHANNELS: int
OUTPUT_CHANNELS: int
ZERO: int

def fill_input(
    planes: np.ndarray,
    means: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    scales: np.ndarray,
    steps: np.ndarray,
    constants: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
) -> None: ...
def fill_means(planes: np.ndarray, means: np.ndarray) -> None: ...
def add_output(
    planes: np.ndarray,
    added: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    chosen: np.ndarray,
    scales: np.ndarray,
    first: int,
    last: int,
) -> None: ...
