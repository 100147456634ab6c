import numpy as np

from rlcodec.presets.mnist._tables import Sizes, StateArrays, Tables

PROBES: int

def predict(sizes: Sizes, tables: Tables, state: StateArrays, rows: np.ndarray, probes: np.ndarray) -> None: ...
def use_measured(sizes: Sizes, tables: Tables, state: StateArrays, rows: np.ndarray, slices: np.ndarray) -> None: ...
