from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers

CLASSES: int
COARSE_COUNTERS: int
CONTEXT: int
ENSEMBLE: int
FIRST_COARSE: int
FIRST_PAIR: int
FRACTIONS: int
GROUPS: int
LEVELS: int
LEVEL_COUNTERS: int
MOST_PLANES: int
NODES: int
OTHER_INPUTS: int
OWN_INPUTS: int
PAIRS: int
PAIR_COUNTERS: int
SAMPLE_COUNTERS: int
SAMPLE_MIXERS: int
TABLE: int
WIDE_OTHER_INPUTS: int
WIDE_OWN_INPUTS: int

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
    ) -> None: ...
