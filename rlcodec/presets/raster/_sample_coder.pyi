import numpy as np

from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers

CONTEXT: int
ENSEMBLE: int
MOST_PLANES: int
SAMPLE_COUNTERS: int
SAMPLE_MIXERS: int
TABLE: int

class SampleCoder:
    def __init__(
        self,
        planes: int,
        rows: int,
        width: int,
        tier: int,
        max_error: int,
        counters: Counters,
        mixers: Mixers,
        priors: np.ndarray,
    ) -> None: ...
