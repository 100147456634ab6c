"""A beginning for PPO: the actor imitates the oracle on training images, and goes on from there by its own episodes."""

from typing import Any

import torch

from rlcodec.agents.supervised import oracle_examples
from rlcodec.envs.tasks import Task

EPOCHS, BATCH, LEARNING_RATE = 12, 1024, 2e-3


def imitate_oracle(policy: Any, task: Task, trace: Any, predictor: Any, objectives: int, seed: int) -> None:
    """Fits a policy's actor to what the oracle does, by cross-entropy.

    Args:
        policy: an `AdvisedPolicy` that has learned nothing yet.
        task: of the preset.
        trace: of training images.
        predictor: the encoder's predictions for them, `task.fit_unseen`.
        objectives: how many are drawn.
        seed: of the draws.
    """
    observations, actions = (torch.from_numpy(a) for a in oracle_examples(task, trace, predictor, objectives, seed=seed))
    actor = [*policy.mlp_extractor.policy.parameters(), *policy.action_net.parameters()]
    batch = min(BATCH, len(actions))
    steps = EPOCHS * (len(actions) // batch)
    optimiser = torch.optim.Adam(actor, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    observations, actions = observations.to(policy.device), actions.to(policy.device)
    for _ in range(EPOCHS):
        order = torch.randperm(len(actions), generator=generator)
        for at in range(0, len(actions) - batch + 1, batch):
            some = order[at : at + batch]
            loss = torch.nn.functional.cross_entropy(policy.logits(observations[some]), actions[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
