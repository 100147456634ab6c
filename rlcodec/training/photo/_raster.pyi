import numpy as np

from rlcodec.presets.photo._coefficient_coder import StripState

def collect(
    coded: StripState, strip: StripState, every: int, inputs: np.ndarray, magnitudes: np.ndarray, classes: np.ndarray
) -> int: ...
