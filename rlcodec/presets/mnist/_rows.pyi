import numpy as np

from rlcodec.core._range_coder import RangeCoder
from rlcodec.presets.mnist._pixel_coder import PixelCoder
from rlcodec.presets.mnist.bilevel._coder import SourceNet
from rlcodec.presets.mnist.bilevel._context import SourceState, SourceTables
from rlcodec.presets.mnist.bilevel._transformer import KvCache, LmNet

class RowCoder:
    pixels: PixelCoder
    source_net: SourceNet
    source_lm: LmNet
    cache: KvCache
    source_tables: SourceTables
    source: SourceState
    def __init__(
        self,
        pixels: PixelCoder,
        source_net: SourceNet,
        source_lm: LmNet,
        cache: KvCache,
        source_tables: SourceTables,
        source: SourceState,
    ) -> None: ...

def code_rows(
    coder: RangeCoder,
    rows: RowCoder,
    image: np.ndarray,
    start: int,
    budget: int,
    choices: np.ndarray,
    spent: np.ndarray,
    macs: np.ndarray,
) -> tuple[int, int, int]: ...
def measure_rows(rows: RowCoder, image: np.ndarray, budget: int, tier: int, spent: np.ndarray, macs: np.ndarray) -> None: ...
def filled(reconstruction: np.ndarray, image: np.ndarray, rows: int, weights: np.ndarray, out: np.ndarray) -> None: ...
def stop_pictures(reconstruction: np.ndarray, image: np.ndarray, weights: np.ndarray) -> np.ndarray: ...
