import numpy as np

from rlcodec.core._integer_mlp import ContextNet

COLUMNS_ASIDE: int
PLACE_ORIGIN: int
ROWS_ABOVE: int

class SourceNet(ContextNet):
    def __init__(self, **arrays: np.ndarray) -> None: ...
