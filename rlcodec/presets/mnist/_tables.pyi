import numpy as np

from rlcodec.presets.mnist.measurements import MnistMeasurements

BUDGET_OUTPUTS: int
KMAC_UNIT: int
ROW_FEATURES: int
ROW_OUTPUTS: int

class Sizes:
    height: int
    width: int
    slices: int
    slice_symbols: int
    synthesis_macs: int
    budget_slices: tuple[int, ...]
    pixels: int

    def __init__(
        self, height: int, width: int, slices: int, slice_symbols: int, synthesis_macs: int, budget_slices: tuple[int, ...]
    ) -> None: ...

class Tables:
    def __init__(
        self, sizes: Sizes, measurements: MnistMeasurements, predicted: np.ndarray, row_weights: np.ndarray
    ) -> None: ...

class StateArrays:
    def __init__(self, state: object) -> None: ...
