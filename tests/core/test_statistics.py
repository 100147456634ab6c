"""The bootstrap interval."""

import numpy as np
import pytest

from rlcodec.core.statistics import bootstrap_interval


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(5).normal(10, 2, 400)
    low, high = bootstrap_interval(lambda index: float(values[index].mean()), len(values))
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)


def test_it_is_the_same_in_every_run_and_ignores_undefined_resamples():
    values = np.arange(8.0)

    def mean_of_most(index: np.ndarray) -> float:
        return float("nan") if index.max() < 7 else float(values[index].mean())

    first = bootstrap_interval(mean_of_most, 8, resamples=50)
    assert first == bootstrap_interval(mean_of_most, 8, resamples=50)
    assert np.isfinite(first).all()
