"""From a trained policy to the scores of actions: the modules that are exported, and the actor that runs one in training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ILLEGAL_LOGIT = -1e8
"""Score of an illegal action."""


class PolicyLogits(nn.Module):
    """Action logits of an actor-critic policy of Stable-Baselines3 whose actor and critic share the extraction of features.

    Args:
        policy: trained.
    """

    def __init__(self, policy: Any):
        super().__init__()
        self.policy = policy

    def forward(self, observation: Tensor) -> Tensor:
        """Observations, (B, size), to logits, (B, actions)."""
        latent = self.policy.mlp_extractor.forward_actor(self.policy.extract_features(observation))
        return self.policy.action_net(latent)


class MeanQuantiles(nn.Module):
    """Action values: the means of the quantiles that QR-DQN learns.

    Args:
        quantiles: module from observations, (B, size), to quantiles, (B, quantiles, actions).
    """

    def __init__(self, quantiles: nn.Module):
        super().__init__()
        self.quantiles = quantiles

    def forward(self, observation: Tensor) -> Tensor:
        """Observations, (B, size), to values, (B, actions)."""
        return self.quantiles(observation).mean(1)


class MaskedScores(nn.Module):
    """Scores of which illegal actions have `ILLEGAL_LOGIT`; the mask is the first field of the observation.

    Args:
        scores: module from observations, (B, size), to scores, (B, actions).
        action_count: number of actions.
    """

    def __init__(self, scores: nn.Module, action_count: int):
        super().__init__()
        self.scores, self.action_count = scores, int(action_count)

    def forward(self, observation: Tensor) -> Tensor:
        """Observations, (B, size), to scores, (B, actions)."""
        scores = self.scores(observation)
        return torch.where(observation[:, : self.action_count] > 0.5, scores, torch.full_like(scores, ILLEGAL_LOGIT))


def masked(scores: Callable[[Any], nn.Module]) -> Callable[[Any], MaskedScores]:
    """What makes of a policy an actor with the mask, from what makes of it a module of scores without."""
    return lambda policy: MaskedScores(scores(policy), policy.action_space.n)


def linear_macs(actor: nn.Module, observation_size: int) -> int:
    """Multiply-accumulates of the matrix products that an actor runs for one observation."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        actor(torch.zeros(1, observation_size))
    return counter.get_total_flops() // 2


class TrainedActor:
    """An `rlcodec.control.actor.Actor` that runs an actor's module with torch, on the processor.

    Args:
        module: from observations, (B, size), to scores, (B, actions).
        observation_size: length of an observation.

    Attributes:
        module: the same.
        macs: multiply-accumulates of scoring the actions of one observation.
    """

    def __init__(self, module: nn.Module, observation_size: int):
        self.module = module.cpu().eval()
        self.macs = linear_macs(self.module, observation_size)

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Scores of the actions, float32 (B, actions), for observations float32 (B, size)."""
        with torch.no_grad():
            return self.module(torch.from_numpy(observation)).numpy()
