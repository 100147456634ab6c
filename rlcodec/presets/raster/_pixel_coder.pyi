from rlcodec.core._adaptive import Counters
from rlcodec.core._mixing import Mixers

PIXEL_COUNTERS: int
PIXEL_MIXERS: int
SMALL_HASHED: int
SMALL_PIXELS: int

class PixelCoder:
    def __init__(
        self,
        channels: int,
        rows: int,
        width: int,
        tier: int,
        max_error: int,
        counters: Counters,
        mixers: Mixers,
        hashed: Counters,
    ) -> None: ...
