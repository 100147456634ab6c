import numpy as np

def path_loss(
    hidden: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    nodes: np.ndarray,
    signs: np.ndarray,
    symbols: np.ndarray,
    d_hidden: np.ndarray,
    d_weight: np.ndarray,
    d_bias: np.ndarray,
) -> float: ...
