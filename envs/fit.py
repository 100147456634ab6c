"""Fits the small networks with which encoders predict what they do not measure."""

import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from rlcodec.control.regressor import Net, scaled
from rlcodec.envs.tasks import Trace

HIDDEN = (128, 64)
"""Units of the hidden layers."""
PENALTY = 3.0
"""Weight of the L2 penalty on the networks' weights."""
ITERATIONS = 500
"""Iterations of L-BFGS."""
NETWORKS = 4
"""Networks whose outputs are averaged."""
FOLDS, NETWORKS_UNSEEN = 4, 2
"""Folds of `fit_unseen`, and networks of each."""
LEAST_SAMPLES_PER_PROCESS = 1000
"""From so many samples on, the networks are fitted in parallel."""
DIGITS = 6
"""Significant digits that are kept of every weight: policy files hold weights as text."""

P = TypeVar("P")
T = TypeVar("T", bound=Trace)


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values rounded to DIGITS significant digits."""
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
    """Fits networks by least squares; every target is scaled to a standard deviation of 1.

    Args:
        inputs: float64 (samples, inputs).
        targets: float64 (samples, outputs).
        iterations: of the optimiser.
        networks: how many, from different random weights.
    """
    from joblib import Parallel, delayed

    center, spread = _rounded(inputs.mean(0)), _rounded(inputs.std(0) + 1e-6)
    middle, scale = targets.mean(0), targets.std(0) + 1e-6
    limited = scaled(inputs, center, spread).astype(np.float32)
    wanted = ((targets - middle) / scale).astype(np.float32)
    run = delayed(_fit_one)
    fitted = Parallel(n_jobs=1 if len(inputs) < LEAST_SAMPLES_PER_PROCESS else -1)(
        run(limited, wanted, iterations, seed) for seed in range(networks)
    )
    weights = [np.stack(layer).astype(np.float64) for layer in zip(*(w for w, _ in fitted), strict=True)]
    biases = [np.stack(layer)[:, None].astype(np.float64) for layer in zip(*(b for _, b in fitted), strict=True)]
    weights[-1], biases[-1] = weights[-1] * scale, biases[-1] * scale + middle
    return Net(center, spread, tuple(map(_rounded, weights)), tuple(map(_rounded, biases)))


def fit_unseen(trace: T, fit: Callable[[T, int, int], P], iterations: int = ITERATIONS) -> list[P]:
    """Predictors for training on the trace itself: number i is fitted to all images but every FOLDS-th from image i on.

    A predictor is more accurate on the images that it was fitted to than on new ones; a policy trained with it would trust its
    predictions too much.

    Args:
        trace: of the training images.
        fit: fits a predictor to a trace, in so many iterations, with so many networks.
        iterations: of the optimiser.
    """
    folds = min(FOLDS, len(trace))
    if folds == 1:
        return [fit(trace, iterations, NETWORKS_UNSEEN)]
    fold_of = np.arange(len(trace)) % folds
    return [fit(trace.take(fold_of != fold), iterations, NETWORKS_UNSEEN) for fold in range(folds)]
