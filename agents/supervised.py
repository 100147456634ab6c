"""Supervised prediction of the oracle's choice from the policy's observations: what learning to decide has to beat."""

import numpy as np

from rlcodec.agents.evaluate import Chooser
from rlcodec.agents.oracle import oracle
from rlcodec.envs.episodes import Episodes
from rlcodec.envs.trace import Trace
from rlcodec.model import Model
from rlcodec.objective import KINDS, Objective
from rlcodec.observation import Predictor

HIDDEN = (128, 128)
"""Layers of the classifier, as wide as the policy's."""
LARGEST_EPOCHS = 40


def oracle_examples(
    trace: Trace, model: Model, predictor: Predictor, objectives: int, images: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """What an encoder sees on the oracle's path, and what the oracle does there.

    Args:
        trace: of training images.
        model: the codec.
        predictor: the encoder's predictions.
        objectives: how many are drawn, as training of the policy draws them.
        images: how many of the trace's are drawn for each.
        seed: of the draws.

    Returns:
        Observations, float32 (m, size), and actions, int64 (m,).
    """
    rng = np.random.default_rng(seed)
    seen, done = [], []
    for kind, rate, compute in zip(*Episodes(trace, model, predictor, 1).draw_objectives(rng, objectives), strict=True):
        part = trace.take(rng.choice(len(trace), min(images, len(trace)), replace=False))
        objective = Objective(KINDS[kind], float(rate), float(compute))
        plans = [plan.actions for plan in oracle(part, objective, model)]
        episodes = Episodes(part, model, predictor, len(part))
        episodes.reset_to(objective, np.arange(len(part)))
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
