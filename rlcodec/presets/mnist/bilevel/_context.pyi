from typing import ClassVar

import numpy as np

MARGIN: int
SURE: int
SKIPPED_SHIFT: int
PLACES: int
LONGEST: int
BORDER: int
SELECTED: int
SELECTED_ROWS: int
UNKNOWN: int
ABSENT: int
PRESENT: int
STATUS: int
SIDE: int
PEAK: int
TOP: int
LEFT: int
SIDE_BITS: int
PEAK_BITS: int
PLACE_BITS: int

class SourceTables:
    stored: ClassVar[tuple[str, ...]]
    cells: np.ndarray
    areas: np.ndarray
    peaks: np.ndarray
    near: np.ndarray
    absent: np.ndarray
    side: np.ndarray
    peak: np.ndarray
    top: np.ndarray
    left: np.ndarray
    slip: np.ndarray
    quiet: np.ndarray
    quiet_rows: np.ndarray
    def __init__(self, **arrays: np.ndarray) -> None: ...

class SourceState:
    head: np.ndarray
    lines: np.ndarray
    up: np.ndarray
    single: np.ndarray
    start: np.ndarray
    stop: np.ndarray
