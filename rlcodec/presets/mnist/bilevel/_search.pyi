import numpy as np

from rlcodec.presets.mnist.bilevel._gray_levels import LevelTables
from rlcodec.presets.mnist.bilevel._grids import Grids

class Beam:
    def __init__(self, width: int) -> None: ...

class SourceFinder:
    def __init__(self, grids: Grids, prior: np.ndarray, possible: LevelTables | None = None, most_peaks: int = ...) -> None: ...
    def find(self, pixels: np.ndarray, beam: Beam) -> tuple[np.ndarray, int, int, int] | None: ...
