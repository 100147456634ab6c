import numpy as np

def choose_splits(
    planes: np.ndarray,
    offsets: np.ndarray,
    inverse_scales: np.ndarray,
    importance: np.ndarray,
    relative: np.ndarray,
    groups: np.ndarray,
    bases: np.ndarray,
    block_bits: np.ndarray,
    weight: float,
    splits: np.ndarray,
    least: np.ndarray,
) -> None: ...
def choose_chroma(
    coefficients: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    inverse_scales: np.ndarray,
    relative: np.ndarray,
    chroma: np.ndarray,
) -> None: ...
