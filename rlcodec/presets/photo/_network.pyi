import numpy as np

HIDDEN: int
INPUT_UNIT: int
NETWORK_INPUTS: int
NODES: int
SECOND: int
WEIGHT_BITS: int

class Network:
    def __init__(
        self,
        first: np.ndarray,
        rows: np.ndarray,
        second: np.ndarray,
        second_bias: np.ndarray,
        last: np.ndarray,
        last_bias: np.ndarray,
    ) -> None: ...
