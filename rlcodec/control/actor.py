"""Actors choose actions from observations: an exported ONNX policy at runtime, a Stable-Baselines3 algorithm in training."""

from typing import Protocol

import numpy as np

from rlcodec.control.decision_process import DecisionProcess
from rlcodec.control.objective import Objective


class Actor(Protocol):
    """Whatever scores actions.

    Attributes:
        macs: multiply-accumulates of scoring the actions of one observation.
    """

    @property
    def macs(self) -> int: ...

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Scores of the actions, float32 (B, actions), for observations float32 (B, size); the greatest legal one is taken."""


def best_legal(logits: np.ndarray, legal: np.ndarray) -> np.ndarray:
    """The legal actions with the greatest logits, int64 (B,); of equal ones the first.

    Args:
        logits: float (B, actions).
        legal: bool (B, actions).
    """
    return np.where(legal, logits, -np.inf).argmax(1)


def decide(process: DecisionProcess, actor: Actor, objective: Objective, image: int = 0) -> tuple[int, ...]:
    """Runs one episode as an actor chooses.

    Args:
        process: of the preset, on measurements of the image.
        actor: makes the decisions.
        objective: what to minimise.
        image: row of the measurements.

    Returns:
        The actions from the first to the one that ended the episode.
    """
    state = process.initial(np.array([image]), process.spec.objectives_of(objective, 1))
    actions: list[int] = []
    while not state.done[0]:
        observation = process.observe(state)
        action = best_legal(actor.logits(observation), observation[:, : process.spec.action_count] > 0)
        actions.append(int(action[0]))
        process.apply(state, action)
    return tuple(actions)
