import numpy as np

from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers
from rlcodec.core._range_coder import RangeCoder
from rlcodec.presets.photo._network import Network

CONTEXT_COUNTERS: int
COUNTERS: int
EXPECTATIONS: int
INPUTS: int
LEVELS: int
MIXERS: int
MORE_MIXERS: int
UNIT: int
VALUE_MIXERS: int
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
    network: Network
    records: int
    def __init__(
        self,
        rows: int,
        columns: int,
        counters: Counters,
        mixers: Mixers,
        weights: np.ndarray,
        relative: np.ndarray,
        network: Network,
        values: np.ndarray | None = None,
    ) -> None: ...
    def record(self, inputs: np.ndarray, values: np.ndarray) -> None: ...

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
