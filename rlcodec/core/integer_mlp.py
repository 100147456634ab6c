"""The integer network that predicts symbols: two hidden layers, and a tree of binary decisions that codes a symbol.

Inputs and weights are int16, sums int32 whose bounds are proved at export, activations in [0, ACTIVATION_MAX], logits in units
of 1/LOGIT_UNITS_PER_NAT nat, and probabilities in 1/65536. A symbol is coded as a path down the tree, and only the nodes on the
path are evaluated.
"""

import numpy as np

from rlcodec.core._integer_mlp import LOGIT_LIMIT, LOGIT_UNITS_PER_NAT, ContextNet

__all__ = ["LOGIT_LIMIT", "LOGIT_UNITS_PER_NAT", "ContextNet", "context_net", "sigmoid_table"]


def context_net(**stored: np.ndarray) -> ContextNet:
    """Builds a network from its stored arrays, in whatever order their elements lie."""
    return ContextNet(**{name: np.ascontiguousarray(array) for name, array in stored.items()})


def sigmoid_table() -> np.ndarray:
    """Probability of a 1 at each clipped logit, int32 in [1, 65535]; weights files hold it, so decoders never compute it."""
    logits = (np.arange(2 * LOGIT_LIMIT) - LOGIT_LIMIT) / LOGIT_UNITS_PER_NAT
    return np.clip(np.rint(65536 / (1 + np.exp(-logits))), 1, 65535).astype(np.int32)
