import numpy as np

from rlcodec.presets.mnist.bilevel._grids import Grids

LARGEST_SIDE: int
LEVEL_SIDES: int

class LevelTables:
    kinds: np.ndarray
    levels: np.ndarray
    def __init__(self, grids: Grids) -> None: ...

def is_possible(tables: LevelTables, s: int, p: int, levels: np.ndarray) -> bool: ...
