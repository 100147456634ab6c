from typing import ClassVar

import numpy as np

LOGIT_LIMIT: int
LOGIT_UNITS_PER_NAT: int
UNROLL: int

class DecisionTree:
    nodes: np.ndarray
    node_bias: np.ndarray
    shifts: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    sigmoid: np.ndarray
    def __init__(
        self,
        *,
        nodes: np.ndarray,
        node_bias: np.ndarray,
        shifts: np.ndarray,
        threshold: np.ndarray,
        children: np.ndarray,
        sigmoid: np.ndarray,
        **others: np.ndarray,
    ) -> None: ...

class ContextNet(DecisionTree):
    stored: ClassVar[tuple[str, ...]]
    first: np.ndarray
    rows: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    def __init__(
        self, *, first: np.ndarray, rows: np.ndarray, second: np.ndarray, second_bias: np.ndarray, **decisions: np.ndarray
    ) -> None: ...

class Layers:
    def __init__(self, net: ContextNet) -> None: ...
