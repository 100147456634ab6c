"""Adaptive probabilities of binary decisions, which follow what was coded, in exact integers.

A counter holds the probability of a 1 and how often it was used. After each decision it moves towards the decision by one over
the number of uses, so that at first it is the mean of what was seen, and by one over a limit later on. Counters of a trained
model begin with a probability and some uses.

Several counters of one decision can be mixed (logistic mixing, Mahoney, "Adaptive Weighing of Context Models for Lossless Data
Compression", 2005): the log odds of their probabilities are weighted and summed, the sum is the log odds of the mixture, and
after the decision each weight moves by its input times the error. The weights are the sum of two sets, which two contexts
choose.
"""

from rlcodec.core._adaptive import MOST_USES, Counters
from rlcodec.core._mixing import MIXED, STRETCH_LIMIT, STRETCHES, Mixers

__all__ = ["MIXED", "MOST_USES", "STRETCHES", "STRETCH_LIMIT", "Counters", "Mixers"]
