"""Fits what the encoder of photographs expects (`rlcodec.photo.planning.PhotoPredictor`) to a trace: two small networks."""

import warnings

import numpy as np

from rlcodec.envs.pictures import PictureTrace
from rlcodec.objective import PEAK_SQUARED, ROUNDING_MSE, distortion
from rlcodec.photo.blocks import PLANES
from rlcodec.photo.planning import FEATURE_LIMIT, Net, PhotoPredictor, synthesis_kmac
from rlcodec.segments import MACS_PER_KMAC

HIDDEN = (64, 48)
PENALTY = 10.0
"""Weight of squared weights."""
ITERATIONS = 800
FOLDS = 4
LEAST_KMAC = 1e-4


def _fit(inputs: np.ndarray, targets: np.ndarray, iterations: int) -> Net:
    """Least squares on (samples, inputs) and (samples, outputs), outputs scaled to equal spread."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    center, spread = inputs.mean(0), inputs.std(0) + 1e-6
    middle, scale = targets.mean(0), targets.std(0) + 1e-6
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        activation="tanh",
        solver="lbfgs",
        alpha=PENALTY,
        max_iter=iterations,
        max_fun=2 * iterations,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(np.clip((inputs - center) / spread, -FEATURE_LIMIT, FEATURE_LIMIT), (targets - middle) / scale)
    *weights, last = network.coefs_
    *biases, last_bias = network.intercepts_
    return Net(center, spread, (*weights, last * scale), (*biases, last_bias * scale + middle))


def fit_photo_predictor(trace: PictureTrace, iterations: int = ITERATIONS) -> PhotoPredictor:
    """Predictions fitted to a trace's pictures; see `PhotoPredictor` for what each predicts from what."""
    areas = trace.areas[:, None, None, None].astype(np.float64)
    rate = np.log2(8 * trace.payload_bytes[..., 0] / areas[..., 0])
    kmac = trace.macs[..., 0] / MACS_PER_KMAC / areas[..., 0] - synthesis_kmac()[0]
    psnr = -distortion("psnr", trace.sse / (PLANES * areas))
    similar = -distortion("ms-ssim", 1 - trace.ms_ssim)
    known = 10 * np.log10(PEAK_SQUARED / (trace.known_mse + 2 * ROUNDING_MSE))

    def rows(*tables: np.ndarray) -> np.ndarray:
        """Tables by picture and setting, one row for each pair."""
        flat = [t.reshape(t.shape[0] * t.shape[1], -1) for t in tables]
        return np.concatenate(flat, 1)

    first = _fit(rows(trace.features), rows(rate, np.log2(np.maximum(kmac, LEAST_KMAC)), psnr, similar), iterations)
    second = _fit(rows(trace.features, rate, known), rows(psnr - known[..., None], similar), iterations)
    return PhotoPredictor(first, second)


def fit_unseen(trace: PictureTrace, iterations: int = ITERATIONS) -> list[PhotoPredictor]:
    """Predictions for training on the trace itself: predictor i was fitted to all pictures but every FOLDS-th from i on.

    What was fitted to a picture knows it better than any encoder will know a new one, and a policy that trained on that would
    trust it too much.
    """
    folds = min(FOLDS, len(trace))
    if folds == 1:
        return [fit_photo_predictor(trace, iterations)]
    place = np.arange(len(trace)) % folds
    return [fit_photo_predictor(trace.take(place != fold), iterations) for fold in range(folds)]
