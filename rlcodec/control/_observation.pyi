import numpy as np

LEAST_RATIO: float
OBSERVATION_LIMIT: int
REGRET_LIMIT: int

def write_all_advice(
    costs: np.ndarray,
    here: np.ndarray,
    rate: np.ndarray,
    compute: np.ndarray,
    legal: np.ndarray,
    kind: np.ndarray,
    ranges: np.ndarray,
    out: np.ndarray,
) -> None: ...
