"""Networks that start from the planner's advice, which is part of the observation, and learn where it is wrong."""

from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from rlcodec.agents.actors import ILLEGAL_LOGIT


class AdvisedExtractor(nn.Module):
    """Two hidden layers for the policy and two for the value, with the advice passed on beside them.

    Args:
        size: length of an observation.
        actions: number of actions.
        width: of the hidden layers.
    """

    def __init__(self, size: int, actions: int, width: int):
        super().__init__()
        self.actions = actions
        self.policy = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.value = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.latent_dim_pi = width + 2 * actions
        self.latent_dim_vf = width + 1

    def forward_actor(self, x: Tensor) -> Tensor:
        """Hidden activations of the policy, then mask and predicted regrets, (B, width + 2 actions)."""
        return torch.cat([self.policy(x), x[:, : 2 * self.actions]], 1)

    def forward_critic(self, x: Tensor) -> Tensor:
        """Hidden activations of the value, then the predicted gain, (B, width + 1)."""
        return torch.cat([self.value(x), x[:, 2 * self.actions : 2 * self.actions + 1]], 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward_actor` and `forward_critic` give."""
        return self.forward_actor(x), self.forward_critic(x)


class AdvisedLogits(nn.Module):
    """Logits: a learned correction minus the weighted regrets; illegal actions have `ILLEGAL_LOGIT`.

    Args:
        width: of the hidden layers.
        actions: number of actions.
        advice: initial weight of the regrets.
    """

    def __init__(self, width: int, actions: int, advice: float):
        super().__init__()
        self.actions = actions
        self.correction = nn.Linear(width, actions)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)
        self.log_advice = nn.Parameter(torch.tensor(advice).log())

    def forward(self, latent: Tensor) -> Tensor:
        """(B, width + 2 actions) to (B, actions)."""
        hidden, mask, regret = latent.split([latent.shape[1] - 2 * self.actions, self.actions, self.actions], 1)
        logits = self.correction(hidden) - self.log_advice.exp() * regret
        return torch.where(mask > 0.5, logits, torch.full_like(logits, ILLEGAL_LOGIT))


class AdvisedValue(nn.Module):
    """Value: a learned correction plus the predicted gain, with its logarithm undone.

    Args:
        width: of the hidden layers.
    """

    def __init__(self, width: int):
        super().__init__()
        self.correction = nn.Linear(width, 1)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, latent: Tensor) -> Tensor:
        """(B, width + 1) to (B, 1)."""
        gain = latent[:, -1:]
        return self.correction(latent[:, :-1]) + gain.sign() * torch.expm1(gain.abs())


class AdvisedHeads:
    """Mixin that gives an actor-critic policy of Stable-Baselines3 the networks above; the mask is part of the observation.

    Args:
        *args: of the policy.
        width: of the hidden layers.
        advice: initial weight of the planner's regrets in the logits.
        **kwargs: of the policy.
    """

    def __init__(self, *args: Any, width: int = 128, advice: float = 30.0, **kwargs: Any):
        self._width, self._advice = width, advice
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = AdvisedExtractor(self.features_dim, int(self.action_space.n), self._width)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = AdvisedLogits(self._width, int(self.action_space.n), self._advice)
        self.value_net = AdvisedValue(self._width)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"width": self._width, "advice": self._advice}


class AdvisedPolicy(AdvisedHeads, ActorCriticPolicy):
    """The advised networks for PPO and A2C of Stable-Baselines3."""
