import numpy as np

ROW_ON: int

def contexts(images: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...
def count_static(
    images: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...
