import numpy as np

from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers
from rlcodec.core._range_coder import RangeCoder

COUNTERS: int
EXPECTATIONS: int
INPUTS: int
LEVELS: int
MIXERS: int
UNIT: int
WEIGHT_UNIT: int

class StripState:
    values: np.ndarray
    splits: np.ndarray
    offsets: np.ndarray
    chroma: np.ndarray
    repairs: np.ndarray
    tier: int
    counters: Counters
    mixers: Mixers
    def __init__(
        self, rows: int, columns: int, counters: Counters, mixers: Mixers, weights: np.ndarray, relative: np.ndarray
    ) -> None: ...

def code_slice(
    coder: RangeCoder,
    strip: StripState,
    index: int,
    coefficients: np.ndarray | None = None,
    scales: np.ndarray | None = None,
    centroids: np.ndarray | None = None,
    slices: np.ndarray | None = None,
    weight: float = 0,
) -> None: ...
