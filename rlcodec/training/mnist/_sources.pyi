import numpy as np

from rlcodec.presets.mnist.bilevel._context import SourceState

def count_exceptions(
    source: SourceState,
    single: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    peak: int,
    top: int,
    left: int,
    image: np.ndarray,
    counts: np.ndarray,
) -> None: ...
def count_near(source: SourceState, counts: np.ndarray) -> None: ...
