import numpy as np

from rlcodec.presets.mnist._tables import Sizes, StateArrays, Tables

def write_observations(sizes: Sizes, tables: Tables, state: StateArrays, rows: np.ndarray, out: np.ndarray) -> None: ...
