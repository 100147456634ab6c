"""Adaptive probabilities of binary decisions, which follow what was coded, in exact integers.

A counter holds the probability of a 1 and how often it was used. After each decision it moves towards the decision by one over
the number of uses, so that at first it is the mean of what was seen, and by one over a limit later on. Counters of a trained
model begin with a probability and some uses.
"""

from rlcodec.core._adaptive import Counters

__all__ = ["Counters"]
