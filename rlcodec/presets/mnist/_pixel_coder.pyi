import numpy as np

from rlcodec.core._integer_mlp import ContextNet
from rlcodec.core._range_coder import RangeCoder
from rlcodec.presets.mnist.static_tables import StaticTables

COLUMNS_ASIDE: int
GRID: int
RECON_FLOOR: int
ROWS_ABOVE: int
SATURATED: int
SUMMARIES: int
SUMMARY_ROWS: int
TABLE_CONTEXTS: int
TRIVIAL_STATES: int
WINDOW: np.ndarray

class PixelContext:
    def __init__(self, reconstruction: np.ndarray) -> None: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...

class PixelCoder:
    def __init__(self, net: ContextNet, tables: StaticTables, context: np.ndarray) -> None: ...

def pixel_window() -> tuple[tuple[int, int, int], ...]: ...
def code_row(coder: RangeCoder, pixels: PixelCoder, image: np.ndarray, y: int, budget: int, use_network: bool) -> int: ...
def nontrivial_pixels(reconstruction: np.ndarray, image: np.ndarray) -> np.ndarray: ...
