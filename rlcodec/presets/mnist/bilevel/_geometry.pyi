import numpy as np

BOX: int
MIN_SIDE: int
MAX_SIDE: int
SIDES: int
PIXEL_UNITS: int
COVERED_UNITS: int
WEIGHT_SCALE: int
TIE_SHIFT: int
AREA_BITS: int
MIDDLE: int
WHITE: int
WORDS: int
PAD: int
PRIOR_CONTEXTS: int

def area_of_ink(rows: np.ndarray, single: np.ndarray, start: np.ndarray, stop: np.ndarray, r: int, c: int) -> int: ...
def levels_of(area: int, peak: int) -> tuple[int, int]: ...
def set_pixel(row: np.ndarray, column: int) -> None: ...
def pixels_of(row: np.ndarray, first: int, count: int) -> int: ...
