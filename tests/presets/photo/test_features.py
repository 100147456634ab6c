"""Features that an encoder computes of a photograph before it quantises: counts of magnitudes, and what follows from them."""

import numpy as np
import pytest

from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT, SLICE_OF, step_of
from rlcodec.presets.photo.decisions import GAIN_CHOICES, SETTINGS
from rlcodec.presets.photo.features import (
    BINS,
    BINS_PER_OCTAVE,
    ENERGY_BINS,
    ENERGY_BINS_PER_OCTAVE,
    FEATURES,
    LEAST_ENERGY,
    SENT_FROM,
    count_magnitudes,
    gain_features,
)
from rlcodec.presets.photo.measurements import energy_of, mse_of_nothing, photo_features
from rlcodec.presets.photo.strips import strips_of
from rlcodec.presets.photo.transform import BLOCK


def test_energy_is_the_error_of_an_even_gray(pictures):
    mse = np.square(pictures[0].astype(float) - 128).mean()
    assert mse_of_nothing(pictures[0]) == mse
    assert energy_of(strips_of(pictures[0], 1)) == pytest.approx(mse, rel=1e-4)


def test_counts_are_those_of_numpy(pictures):
    strips = strips_of(np.tile(pictures[0], (5, 1, 1)), 1)  # two strips
    assert len(strips) == 2
    steps = np.array([step_of(gain) for gain in GAIN_CHOICES])
    counts = count_magnitudes(strips, steps, 1)
    coefficients = np.concatenate(strips, 1)
    size = np.maximum(np.abs(coefficients), 1).astype(np.float64)
    octave = np.floor(np.log2(size)).astype(np.int64)
    bins = np.minimum(BINS_PER_OCTAVE * octave + ((size / 2.0**octave - 1) * BINS_PER_OCTAVE).astype(np.int64), BINS - 1)
    for kind, planes in enumerate((slice(0, 1), slice(1, 3))):
        for index in range(SLICE_COUNT):
            expected = np.bincount(bins[planes][..., index == SLICE_OF].reshape(-1), minlength=BINS)
            assert np.array_equal(counts.magnitudes[kind, index], expected)
    whole = np.square(coefficients[0].astype(np.float64))[..., SLICE_OF > 0].sum(-1) / BLOCK**2
    level = np.log2(np.maximum(whole, LEAST_ENERGY) / LEAST_ENERGY) * ENERGY_BINS_PER_OCTAVE
    expected = np.bincount(np.minimum(level.astype(np.int64), ENERGY_BINS - 1).reshape(-1), minlength=ENERGY_BINS)
    assert np.abs(counts.blocks - expected).sum() <= 2  # a block may lie on an edge
    assert counts.blocks.sum() == expected.sum() == coefficients[0].size // BLOCK**2


def test_features_foretell_how_many_coefficients_are_sent(pictures):
    strips = strips_of(pictures[2], 1)
    features = photo_features(strips, 1)
    assert features.shape == (SETTINGS, FEATURES)
    assert np.isfinite(features).all()
    brightness = np.abs(strips[0][0])
    for setting, gain in enumerate(GAIN_CHOICES):
        for index in range(SLICE_COUNT):
            sent = (brightness[..., index == SLICE_OF] >= SENT_FROM * step_of(gain)).sum() * 1e6 / brightness.size
            assert 2 ** features[setting, index] - 1 == pytest.approx(sent, rel=0.1, abs=2000)
    counts = count_magnitudes(strips, np.array([step_of(gain) for gain in GAIN_CHOICES]), 2)
    assert np.array_equal(features, gain_features(counts, np.array([step_of(gain) for gain in GAIN_CHOICES])))
