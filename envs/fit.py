"""Fits small networks to what the encoder can only predict."""

import warnings
from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from rlcodec.control.regressor import FEATURE_LIMIT, Net

HIDDEN = (128, 64)


PENALTY = 3.0
"""Weight of squared weights."""


ITERATIONS = 500


NETWORKS = 4


FOLDS, NETWORKS_UNSEEN = 4, 2


WORTH_A_PROCESS = 1000
"""Samples from which on the networks are fitted side by side."""


DIGITS = 6
"""Significant ones that are kept of every weight: policy files hold them as text."""


F = TypeVar("F")


P = TypeVar("P", bound="Tables")


class Tables(Protocol):
    """A trace, of whatever codec."""

    def __len__(self) -> int: ...

    def take(self: P, index: np.ndarray | slice) -> P:
        """The same tables for some of the images."""
        ...


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values as their text with DIGITS digits says."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) - DIGITS + 1)
        return np.where(values == 0, 0.0, np.round(values / unit) * unit)


def _fit_one(inputs: np.ndarray, targets: np.ndarray, iterations: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN, activation="tanh", solver="lbfgs", alpha=PENALTY, max_iter=iterations,
        max_fun=2 * iterations, random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(inputs, targets)
    return network.coefs_, network.intercepts_


def fit_net(inputs: np.ndarray, targets: np.ndarray, iterations: int, networks: int) -> Net:
    """Least squares on (samples, inputs) and (samples, outputs), outputs scaled to equal spread."""
    from joblib import Parallel, delayed

    center, spread = _rounded(inputs.mean(0)), _rounded(inputs.std(0) + 1e-6)
    middle, scale = targets.mean(0), targets.std(0) + 1e-6
    limited = np.clip((inputs - center) / spread, -FEATURE_LIMIT, FEATURE_LIMIT).astype(np.float32)
    wanted = ((targets - middle) / scale).astype(np.float32)
    run = delayed(_fit_one)
    found = Parallel(n_jobs=1 if len(inputs) < WORTH_A_PROCESS else -1)(
        run(limited, wanted, iterations, seed) for seed in range(networks)
    )
    weights = [np.stack(layer).astype(np.float64) for layer in zip(*(w for w, _ in found), strict=True)]
    biases = [np.stack(layer)[:, None].astype(np.float64) for layer in zip(*(b for _, b in found), strict=True)]
    weights[-1], biases[-1] = weights[-1] * scale, biases[-1] * scale + middle
    return Net(center, spread, tuple(map(_rounded, weights)), tuple(map(_rounded, biases)))


def fit_unseen(trace: P, fit: Callable[[P, int, int], F], iterations: int = ITERATIONS) -> list[F]:
    """Predictions for training on the trace itself: predictor i was fitted to all pictures but every FOLDS-th from i on.

    What was fitted to a picture knows it better than any encoder will know a new one, and a policy that trained on that would
    trust it too much.
    """
    folds = min(FOLDS, len(trace))
    if folds == 1:
        return [fit(trace, iterations, NETWORKS_UNSEEN)]
    place = np.arange(len(trace)) % folds
    return [fit(trace.take(place != fold), iterations, NETWORKS_UNSEEN) for fold in range(folds)]
