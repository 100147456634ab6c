"""Imitation before learning: an actor is fitted to what the oracle does on training images; learning then starts from there."""

import torch
from torch import nn

from rlcodec.agents.supervised import Examples

EPOCHS, BATCH, LEARNING_RATE = 12, 1024, 2e-3


def imitate(actor: nn.Module, examples: Examples, seed: int) -> None:
    """Fits an actor to examples by cross-entropy.

    Args:
        actor: module from observations, (B, size), to logits, (B, actions); changed in place.
        examples: what the oracle does.
        seed: of the order of the examples.
    """
    device = next(actor.parameters()).device
    observations, actions = (torch.from_numpy(a).to(device) for a in (examples.observations, examples.actions))
    batch = min(BATCH, len(actions))
    optimiser = torch.optim.Adam(actor.parameters(), lr=LEARNING_RATE)
    steps = EPOCHS * (len(actions) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        order = torch.randperm(len(actions), generator=generator)
        for start in range(0, len(actions) - batch + 1, batch):
            rows = order[start : start + batch]
            loss = nn.functional.cross_entropy(actor(observations[rows]), actions[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
