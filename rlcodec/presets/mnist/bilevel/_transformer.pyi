from typing import ClassVar

import numpy as np

from rlcodec.core._integer_mlp import DecisionTree

LM_ROWS_ABOVE: int
LM_COLUMNS_ASIDE: int
LM_INPUTS: int
RESIDUAL: int
RESIDUAL_LIMIT: int
SMALLEST_NORM: int
NORM_BITS: int
WEIGHT_ONE: int
WEIGHT_UNITS_PER_NAT: int
WEIGHT_ENTRIES: int
HEAD_SIZE: int
LOGIT_SHIFT: int
CACHE_ENTRIES: int
CODED: int
GIVEN: int
WAITS: int
OUTCOME: int
INK: int
ASKED_ROWS: int
ASKED_INPUTS: int
ASKED: int
WAITING: int

class LmNet(DecisionTree):
    stored: ClassVar[tuple[str, ...]]
    first: np.ndarray
    rows: np.ndarray
    qkv: np.ndarray
    outcome: np.ndarray
    sink: np.ndarray
    out: np.ndarray
    up: np.ndarray
    up_bias: np.ndarray
    down: np.ndarray
    down_bias: np.ndarray
    layer_shifts: np.ndarray
    embed_shift: np.ndarray
    exponential: np.ndarray
    layers: int
    width: int
    hidden: int
    def __init__(
        self,
        *,
        first: np.ndarray,
        rows: np.ndarray,
        qkv: np.ndarray,
        outcome: np.ndarray,
        sink: np.ndarray,
        out: np.ndarray,
        up: np.ndarray,
        up_bias: np.ndarray,
        down: np.ndarray,
        down_bias: np.ndarray,
        layer_shifts: np.ndarray,
        embed_shift: np.ndarray,
        exponential: np.ndarray,
        **decisions: np.ndarray,
    ) -> None: ...

class KvCache:
    layers: int
    width: int
    hidden: int
    tokens: int
    y: np.ndarray
    given: np.ndarray
    progress: np.ndarray
    asked: np.ndarray
    def __init__(self, net: LmNet | None = None, logits: np.ndarray | None = None) -> None: ...

def root(value: int) -> int: ...
def token_logits(net: LmNet, cache: KvCache, inputs: np.ndarray, rows: np.ndarray, symbols: np.ndarray) -> np.ndarray: ...
def answer(cache: KvCache, index: int) -> None: ...
