"""Supervised prediction of the oracle's choice from the policy's observations: the baseline that learning has to beat."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.control.actor import Actor
from rlcodec.envs.tasks import Predictors, Task

HIDDEN = (128, 128)
"""Widths of the classifier's layers, as wide as the policy's."""
MAX_EPOCHS = 40


@dataclass(frozen=True)
class Examples:
    """What an encoder observes along the oracle's episodes, and what the oracle does there.

    Attributes:
        observations: float32 (m, size).
        actions: int64 (m,).
    """

    observations: np.ndarray
    actions: np.ndarray


def oracle_examples(
    task: Task, trace: Any, predictors: Predictors, objectives: int, *, images: int | None = None, seed: int = 0
) -> Examples:
    """Runs the oracle's plans and keeps what is observed and done.

    Args:
        task: of the preset.
        trace: of training images.
        predictors: the encoder's predictions for these very images: `task.fit_unseen`.
        objectives: how many objectives are drawn, as training draws them.
        images: how many images of the trace are drawn for each objective; all if None.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    observations, actions = [], []
    whole, spec = task.hindsight(trace, predictors), task.spec
    drawn = spec.draw_objectives(rng, objectives)
    for number in range(objectives):
        hindsight = whole
        if images is not None and images < len(trace):
            chosen = rng.choice(len(trace), images, replace=False)
            hindsight = task.hindsight(trace.take(chosen), predictors)
        objective, process = drawn.one(number, spec.kinds), hindsight.process
        plans = [plan.actions for plan in hindsight.oracle(objective)]
        state = process.initial(np.arange(len(plans)), spec.objectives_of(objective, len(plans)))
        step = 0
        while not state.done.all():
            action = np.array([plan[min(step, len(plan) - 1)] for plan in plans])
            running = np.flatnonzero(~state.done)
            observations.append(process.observe(state, running))
            actions.append(action[running])
            process.apply(state, action)
            step += 1
    return Examples(np.concatenate(observations), np.concatenate(actions))


@dataclass(frozen=True)
class ClassifierActor:
    """A classifier of scikit-learn as an `rlcodec.control.actor.Actor`, which scores actions by their probabilities.

    Attributes:
        classifier: fitted.
        action_count: number of actions.
    """

    classifier: Any
    action_count: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of scoring the actions of one observation."""
        return sum(weights.size for weights in self.classifier.coefs_)

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Probabilities, float64 (B, actions), and -1 for actions that the oracle never took."""
        scores = np.full((len(observation), self.action_count), -1.0)
        scores[:, self.classifier.classes_] = self.classifier.predict_proba(observation)
        return scores


def fit_supervised(examples: Examples, action_count: int, seed: int = 0) -> Actor:
    """Fits a classifier to the oracle's choices.

    Args:
        examples: what the oracle does.
        action_count: number of actions.
        seed: of weights and batches.
    """
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        HIDDEN, batch_size=1024, early_stopping=True, n_iter_no_change=4, max_iter=MAX_EPOCHS, random_state=seed
    )
    return ClassifierActor(classifier.fit(examples.observations, examples.actions), action_count)
