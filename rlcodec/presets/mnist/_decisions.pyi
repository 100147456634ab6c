import numpy as np

BUDGET_PHASE: int
CHANGE_COSTS: np.ndarray
FIRST_ROW: int
FIRST_TIER_ACTION: int
LATENT_PHASE: int
PIXEL_PHASE: int
SEGMENT_CLASSES: int
STOP_ACTION: int

def tier_cost(position: int, slices: int, before: int, tier: int) -> int: ...
