from collections.abc import Sequence

import numpy as np

from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers
from rlcodec.core._range_coder import RangeCoder

PIXELS: int
PRICED_COLUMNS: int
PIXELS_OR_SAMPLES: int
SAMPLES: int
TO_CONSTANT: int
TO_FIRST: int
TO_MEAN: int
TO_SECOND: int

def code_strip(
    coder: RangeCoder,
    picture: np.ndarray,
    order: Sequence[int],
    references: Sequence[int],
    method: int,
    tier: int,
    max_error: int,
    counters: Counters,
    mixers: Mixers,
    hashed: Counters,
    mask: np.ndarray | None = None,
    costs: np.ndarray | None = None,
) -> int: ...
