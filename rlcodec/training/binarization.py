"""Binary latents in training: stochastic binarization, and its deterministic counterpart at inference.

Stochastic binarization follows Toderici et al., "Variable Rate Image Compression with Recurrent Neural Networks" (2016),
section 3.1.
"""

import torch
from torch import Tensor

DETERMINISTIC_SHARE = 0.5
"""Share of training images binarized as at inference, not stochastically. A synthesis that is trained on stochastic bits alone
loses up to 3 dB at inference."""


def binarize_stochastically(logits: Tensor) -> Tensor:
    """Draws +1 with probability (1 + tanh(logit)) / 2, else -1; the gradient is that of tanh (straight-through)."""
    mean = torch.tanh(logits)
    drawn = torch.where(torch.rand_like(mean) < (1 + mean) / 2, 1.0, -1.0)
    return mean + (drawn - mean).detach()


def binarize_deterministically(logits: Tensor) -> Tensor:
    """The sign of the logits, as at inference; the gradient is that of tanh (straight-through)."""
    mean = torch.tanh(logits)
    return mean + (torch.where(logits >= 0, 1.0, -1.0) - mean).detach()
