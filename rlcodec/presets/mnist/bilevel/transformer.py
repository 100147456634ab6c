"""Tier `lm`: a decoder-only causal transformer over the pixels of a bilevel source, in exact integers, with a KV cache.

Every pixel that is not skipped (`rlcodec.presets.mnist.bilevel.context`) is a token. Its embedding is the sum of the rows of
the ink in its window and of its learned rows. Each layer adds causal attention and two dense layers with a clipped ReLU, each
behind a normalisation by the root mean square (Zhang and Sennrich, 2019; gains are folded into the weights that follow). A
token attends to the tokens before it and to one learned entry. The values of a token also depend on its symbol: they are
completed once it is known, so no token sees its own.

Numbers: the residual stream is int32 in units of 1/RESIDUAL. Factors of products are int16: activations in units of 1/128, at
most ACTIVATION_MAX, and weights. Sums are int32, with bounds that the export proves. Attention weights are looked up in a table
of the exponential that is shipped with the weights, so that softmax is a sum of integers and one division, and independent of
the order.
"""

import numpy as np

from rlcodec.presets.mnist.bilevel._transformer import (
    ASKED,
    ASKED_INPUTS,
    ASKED_ROWS,
    CACHE_ENTRIES,
    CODED,
    GIVEN,
    HEAD_SIZE,
    INK,
    LM_COLUMNS_ASIDE,
    LM_INPUTS,
    LM_ROWS_ABOVE,
    LOGIT_SHIFT,
    NORM_BITS,
    OUTCOME,
    RESIDUAL,
    RESIDUAL_LIMIT,
    SMALLEST_NORM,
    WAITING,
    WAITS,
    WEIGHT_ENTRIES,
    WEIGHT_ONE,
    WEIGHT_UNITS_PER_NAT,
    KvCache,
    LmNet,
    answer,
    root,
    token_logits,
)

__all__ = [
    "ASKED",
    "ASKED_INPUTS",
    "ASKED_ROWS",
    "ATTENTION_SCALE",
    "CACHE_ENTRIES",
    "CODED",
    "GIVEN",
    "HEAD_SIZE",
    "INK",
    "LM_COLUMNS_ASIDE",
    "LM_INPUTS",
    "LM_ROWS_ABOVE",
    "LOGIT_SHIFT",
    "NORM_BITS",
    "OUTCOME",
    "RESIDUAL",
    "RESIDUAL_LIMIT",
    "SMALLEST_NORM",
    "WAITING",
    "WAITS",
    "WEIGHT_ENTRIES",
    "WEIGHT_ONE",
    "WEIGHT_UNITS_PER_NAT",
    "KvCache",
    "LmNet",
    "answer",
    "asking_cache",
    "cache_of_logits",
    "exponential_table",
    "lm_net",
    "root",
    "token_logits",
]

ATTENTION_SCALE = 1 / 8


def lm_net(**stored: np.ndarray) -> LmNet:
    """A network from the arrays that are stored of it, in whatever order their elements lie; errors as `LmNet`."""
    return LmNet(**{name: np.ascontiguousarray(array) for name, array in stored.items()})


def exponential_table() -> np.ndarray:
    """Attention weights by distance from the largest logit, int32; shipped with the weights, never recomputed."""
    return np.rint(WEIGHT_ONE * np.exp(-np.arange(WEIGHT_ENTRIES) / WEIGHT_UNITS_PER_NAT)).astype(np.int32)


def cache_of_logits(logits: np.ndarray) -> KvCache:
    """For encoders with the logits of all tokens, int32 (tokens,), as indices into the table of the sigmoid."""
    return KvCache(logits=logits)


def asking_cache() -> KvCache:
    """For decoders that ask for the logit of every token and wait for the answer."""
    return KvCache()
