"""Muon for the weights of convolutions, and AdamW for all other parameters.

Muon replaces a step of momentum by the nearest matrix whose singular values are alike, so that no direction of a layer learns
much faster than the others. On short trainings of small convolutional networks it needs far fewer steps than AdamW.

Source: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
"""

from collections.abc import Callable

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
    """A matrix, or a stack of some, of the same singular vectors, whose singular values are all near 1."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    x = x / (x.flatten(-2).norm(dim=-1)[..., None, None] + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


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
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not group["ratio"]:
                self._step_adam(parameters, group["lr"])
                continue
            for alike in self._alike(parameters):
                self._step_muon(alike, group["lr"] * group["ratio"])

    @staticmethod
    def _alike(parameters: list[Tensor]) -> list[list[Tensor]]:
        """Parameters that are computed together: on a GPU those of one shape, which saves launches, else each alone."""
        groups: dict[object, list[Tensor]] = {}
        for index, parameter in enumerate(parameters):
            groups.setdefault(parameter.shape if parameter.is_cuda else index, []).append(parameter)
        return list(groups.values())

    def _step_muon(self, parameters: list[Tensor], rate: float) -> None:
        updates = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
            updates.append(parameter.grad.lerp(state["momentum"], MOMENTUM).flatten(1))  # type: ignore[union-attr]
        for parameter, direction in zip(parameters, orthogonalised(torch.stack(updates)), strict=True):
            size = ADAM_SIZE * max(direction.shape) ** 0.5
            parameter.mul_(1 - DECAY * rate).add_(direction.view_as(parameter), alpha=-rate * size)

    def _step_adam(self, parameters: list[Tensor], rate: float) -> None:
        if not parameters:
            return
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            # A number, not a tensor: resumed from a checkpoint, a tensor would lie on a GPU, and every step would wait for it.
            state["count"] = float(state.get("count", 0)) + 1
        gradients = [parameter.grad for parameter in parameters]
        means, squares = ([state[name] for state in states] for name in ("mean", "square"))
        torch._foreach_lerp_(means, gradients, 1 - ADAM_BETAS[0])
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - ADAM_BETAS[1])
        directions = torch._foreach_div(means, [1 - ADAM_BETAS[0] ** state["count"] for state in states])
        deviations = torch._foreach_div(squares, [1 - ADAM_BETAS[1] ** state["count"] for state in states])
        torch._foreach_sqrt_(deviations)
        torch._foreach_add_(deviations, ADAM_EPSILON)
        torch._foreach_mul_(parameters, 1 - ADAM_DECAY * rate)
        torch._foreach_addcdiv_(parameters, directions, deviations, value=-rate)
