import numpy as np

from rlcodec.presets.mnist.bilevel._context import SourceState

def write_contexts(
    source: SourceState,
    near: np.ndarray,
    rows_above: int,
    columns_aside: int,
    skipped: bool,
    inputs: np.ndarray,
    selections: np.ndarray,
    contexts: np.ndarray,
    symbols: np.ndarray,
) -> int: ...
