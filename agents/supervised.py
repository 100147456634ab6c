"""Supervised prediction of the oracle's choice from the policy's observations: what learning to decide has to beat."""

from typing import Any

import numpy as np

from rlcodec.agents.evaluate import Chooser, contest_of
from rlcodec.control.objective import KINDS, Objective
from rlcodec.envs.tasks import Task

HIDDEN = (128, 128)
"""Layers of the classifier, as wide as the policy's."""
LARGEST_EPOCHS = 40


def oracle_examples(
    task: Task, trace: Any, predictor: Any, objectives: int, images: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """What an encoder sees on the oracle's path, and what the oracle does there.

    Args:
        task: of the preset.
        trace: of training images.
        predictor: the encoder's predictions, for these very images: `task.fit_unseen`.
        objectives: how many are drawn, as training of the policy draws them.
        images: how many of the trace's are drawn for each; all when None.
        seed: of the draws.

    Returns:
        Observations, float32 (m, size), and actions, int64 (m,).
    """
    rng = np.random.default_rng(seed)
    seen, done = [], []
    whole = contest_of(task, trace, predictor)
    for kind, rate, compute in zip(*whole.episodes.draw_objectives(rng, objectives), strict=True):
        contest = whole
        if images is not None and images < len(trace):
            contest = contest_of(task, trace.take(rng.choice(len(trace), images, replace=False)), predictor)
        objective, episodes = Objective(KINDS[kind], float(rate), float(compute)), contest.episodes
        plans = [plan.actions for plan in contest.oracle(objective)]
        episodes.reset_to(objective, np.arange(episodes.batch))
        step = 0
        while not episodes.done.all():
            going = ~episodes.done
            action = np.array([plan[min(step, len(plan) - 1)] for plan in plans])
            seen.append(episodes.observe()[going])
            done.append(action[going])
            episodes.step(action)
            step += 1
    return np.concatenate(seen), np.concatenate(done)


def fit_supervised(observations: np.ndarray, actions: np.ndarray, action_count: int, seed: int = 0) -> Chooser:
    """Fits a classifier to the oracle's choices; of the legal actions it chooses the likeliest.

    Args:
        observations: float32 (m, size), which begin with the mask of legal actions.
        actions: int64 (m,).
        action_count: actions in all.
        seed: of weights and batches.
    """
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        HIDDEN, batch_size=1024, early_stopping=True, n_iter_no_change=4, max_iter=LARGEST_EPOCHS, random_state=seed
    )
    classifier.fit(observations, actions)

    def choose(seen: np.ndarray) -> np.ndarray:
        likely = np.full((len(seen), action_count), -1.0)
        likely[:, classifier.classes_] = classifier.predict_proba(seen)
        return np.where(seen[:, :action_count] > 0.5, likely, -2.0).argmax(1)

    return choose
