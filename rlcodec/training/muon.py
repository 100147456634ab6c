"""Muon for the weights of convolutions, and AdamW for all other parameters.

Muon replaces a step of momentum by the nearest matrix whose singular values are alike, so that no direction of a layer learns
much faster than the others. On short trainings of small convolutional networks it needs far fewer steps than AdamW.

Source: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that moves singular values towards 1."""
ITERATIONS = 5
MOMENTUM, DECAY = 0.97, 0.1
ADAM_BETAS, ADAM_DECAY, ADAM_EPSILON = (0.9, 0.98), 1e-4, 1e-8
ADAM_SIZE = 0.2
"""Root mean square of a step of AdamW, by the same learning rate; steps of Muon are scaled to it."""


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix of the same singular vectors, whose singular values are all near 1."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """The optimiser of a model: Muon for the weights of convolutions larger than 1x1, AdamW for the others.

    Args:
        model: whose parameters are trained.
        learning_rate: of AdamW.
        ratio: learning rate of Muon relative to that of AdamW.
    """

    def __init__(self, model: nn.Module, learning_rate: float, ratio: float = 2.5):
        parameters = list(model.parameters())
        matrices = [p for p in parameters if p.ndim == 4 and p.shape[2] * p.shape[3] > 1]
        chosen = {id(p) for p in matrices}
        others = [p for p in parameters if id(p) not in chosen]
        groups = [{"params": group, "ratio": speed} for group, speed in ((matrices, ratio), (others, 0.0)) if group]
        super().__init__(groups, {"lr": learning_rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Takes a step; there is no closure."""
        for group in self.param_groups:
            update = self._step_muon if group["ratio"] else self._step_adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update(parameter, self.state[parameter], group["lr"] * (group["ratio"] or 1))

    @staticmethod
    def _step_muon(parameter: Tensor, state: dict[str, Any], rate: float) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
        direction = orthogonalised(parameter.grad.lerp(state["momentum"], MOMENTUM).flatten(1))
        size = ADAM_SIZE * max(direction.shape) ** 0.5
        parameter.mul_(1 - DECAY * rate).add_(direction.view_as(parameter), alpha=-rate * size)

    @staticmethod
    def _step_adam(parameter: Tensor, state: dict[str, Any], rate: float) -> None:
        if not state:
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        # A number, not a tensor: resumed from a checkpoint, a tensor would lie on a GPU, and every step would wait for it.
        count = state["count"] = float(state.get("count", 0)) + 1
        state["mean"].lerp_(parameter.grad, 1 - ADAM_BETAS[0])
        state["square"].lerp_(parameter.grad.square(), 1 - ADAM_BETAS[1])
        mean = state["mean"] / (1 - ADAM_BETAS[0] ** count)
        deviation = (state["square"] / (1 - ADAM_BETAS[1] ** count)).sqrt_().add_(ADAM_EPSILON)
        parameter.mul_(1 - ADAM_DECAY * rate).addcdiv_(mean, deviation, value=-rate)
