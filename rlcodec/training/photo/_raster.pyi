import numpy as np

from rlcodec.presets.photo._coefficient_coder import StripState

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]

def collect(strip: StripState, gain: int, slices: tuple[tuple[int, int], ...]) -> tuple[Arrays, Arrays, Arrays]: ...
