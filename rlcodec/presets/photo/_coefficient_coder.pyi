import numpy as np

from rlcodec.core._integer_mlp import ContextNet
from rlcodec.core._range_coder import RangeCoder

DIAGONALS: int
GAINS: int
LONGEST_CHAIN: int
FREQUENCY_PAD: int
BLOCK_PAD: int
SPAN: int
ACROSS: int
GATHERED: int
SUMS: int
REACHES: int
INPUTS: int
INPUT_SCALE: int
SELECTED: int
ROWS: int
EXTENT_INPUTS: int
EXTENT_ROWS: int
EXTENT_SELECTED: int

class PhotoNets:
    luma: ContextNet
    chroma: ContextNet
    extent: ContextNet
    def __init__(self, luma: ContextNet, chroma: ContextNet, extent: ContextNet) -> None: ...

class StripState:
    values: np.ndarray
    extents: np.ndarray
    def __init__(self, rows: int, columns: int, offsets: np.ndarray, log_table: np.ndarray) -> None: ...

class ScratchBuffers:
    def __init__(self, nets: PhotoNets) -> None: ...

def choose_extents(coefficients: np.ndarray, weight: float, strip: StripState) -> None: ...
def code_constants(
    coder: RangeCoder,
    nets: PhotoNets,
    strip: StripState,
    scratch: ScratchBuffers,
    coefficients: np.ndarray | None,
    gain: int,
) -> None: ...
def code_diagonals(
    coder: RangeCoder,
    nets: PhotoNets,
    strip: StripState,
    scratch: ScratchBuffers,
    coefficients: np.ndarray | None,
    gain: int,
    weight: float,
    low: int,
    high: int,
) -> None: ...
