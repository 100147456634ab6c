"""Measures how long this machine takes to decode: times of the decodes that presets name, and a fit to them."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from rlcodec.control.decode_time import Calibration, StageCost, Work, this_machine
from rlcodec.presets.registry import preset_by_name, preset_names

ROUNDS = 7
"""How often every decode is timed."""
MOST_CALLS, SECONDS_A_TURN = 5, 0.003
"""Short decodes are timed several times in a row, at most so often and for about so long; the median of all times counts."""
SWEEPS, REWEIGHTINGS = 3000, 20


def calibrate(report: Callable[[int, int], None] | None = None) -> Calibration:
    """Measures this machine with the decodes of all presets that have any; on two cores it takes some 12 seconds.

    Args:
        report: called with (rounds done, rounds in all).
    """
    samples = {name: preset_by_name(name).decode_samples() for name in preset_names()}
    samples = {name: of_preset for name, of_preset in samples.items() if of_preset}
    stages, digests = {}, {}
    for number, (name, of_preset) in enumerate(samples.items()):

        def step(rounds: int, before: int = number * ROUNDS) -> None:
            if report:
                report(before + rounds, ROUNDS * len(samples))

        milliseconds = _median_ms([sample.run for sample in of_preset], step)
        stages[name] = fit([sample.work for sample in of_preset], milliseconds)
        digests[name] = preset_by_name(name).weights().digest
    return Calibration(this_machine(), digests, stages)


def _median_ms(runs: Sequence[Callable[[], object]], step: Callable[[int], None]) -> np.ndarray:
    """Median milliseconds of each run. They take turns, so that other load on the machine affects all of them alike."""

    def seconds(run: Callable[[], object]) -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    for run in runs:  # whatever is loaded or allocated only once
        run()
    calls = [min(max(int(SECONDS_A_TURN / seconds(run)), 1), MOST_CALLS) for run in runs]
    times: list[list[float]] = [[] for _ in runs]
    for number in range(ROUNDS):
        for run, count, of_run in zip(runs, calls, times, strict=True):
            of_run += [seconds(run) for _ in range(count)]
        step(number + 1)
    return 1000 * np.array([np.median(of_run) for of_run in times])


def fit(works: Sequence[Work], milliseconds: np.ndarray) -> dict[str, StageCost]:
    """Costs of the stages that explain measured times: least squares of the ratios' logarithms, with no negative cost.

    Args:
        works: of each decode.
        milliseconds: float64 (decodes,), measured times.
    """
    names = list(dict.fromkeys(stage for work in works for stage in work))
    features = np.array([[value for name in names for value in _features(work, name)] for work in works])
    scale = np.maximum(features.max(0), 1e-30)
    features /= scale
    weights = 1 / milliseconds
    for _ in range(REWEIGHTINGS):
        costs = _least_squares(features * weights[:, None], milliseconds * weights)
        predicted = np.maximum(features @ costs, 1e-9)
        # A difference over the logarithmic mean is the logarithm of the ratio.
        near = np.isclose(predicted, milliseconds, rtol=1e-6)
        difference = np.where(near, 1.0, predicted - milliseconds)
        weights = np.where(near, 1 / milliseconds, np.log(predicted / milliseconds) / difference)
    return {name: StageCost(*(costs / scale)[3 * i : 3 * i + 3].tolist()) for i, name in enumerate(names)}


def _least_squares(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Nonnegative coefficients, found coordinate by coordinate; the problem is convex and small."""
    gram, moment = features.T @ features, features.T @ target
    costs = np.zeros(len(gram))
    for _ in range(SWEEPS):
        before = costs.copy()
        for i in np.flatnonzero(gram.diagonal()):
            costs[i] = max(costs[i] + (moment[i] - gram[i] @ costs) / gram[i, i], 0.0)
        if np.abs(costs - before).max() <= 1e-9 * costs.max():
            break
    return costs


def _features(work: Work, stage: str) -> tuple[float, float, float]:
    return (1.0, *work[stage]) if stage in work else (0.0, 0.0, 0.0)
