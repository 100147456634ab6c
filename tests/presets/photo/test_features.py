"""Features that an encoder computes of a photograph before it quantises: counts of magnitudes, and what follows from them."""

import numpy as np
import pytest

from rlcodec.presets.photo.decisions import GAIN_CHOICES, SETTINGS
from rlcodec.presets.photo.division import even_division
from rlcodec.presets.photo.features import (
    BINS,
    BINS_PER_OCTAVE,
    BLOCK,
    BLOCK_SLICES,
    ENERGY_BINS,
    ENERGY_BINS_PER_OCTAVE,
    FEATURES,
    LEAST_ENERGY,
    SENT_FROM,
    block_rows,
    count_magnitudes,
    gain_features,
)
from rlcodec.presets.photo.measurements import mse_of_nothing, photo_features
from rlcodec.presets.photo.quantiser import step_of
from rlcodec.presets.photo.transform import AREA, SLICES

STEPS = np.array([step_of(gain) for gain in GAIN_CHOICES])


def coefficients_of(picture: np.ndarray) -> np.ndarray:
    """Of all blocks, float32 (3, rows, columns, BLOCK, BLOCK)."""
    parts = [block_rows(picture[rows.start * AREA : rows.stop * AREA]) for rows in even_division(len(picture))]
    joined = np.concatenate(parts, 1)
    return joined.reshape(*joined.shape[:3], BLOCK, BLOCK)


def test_the_error_of_nothing_is_that_of_an_even_gray(pictures):
    assert mse_of_nothing(pictures[0]) == np.square(pictures[0].astype(float) - 128).mean()


def test_counts_are_those_of_numpy(pictures):
    picture = np.tile(pictures[0], (5, 1, 1))
    assert len(even_division(len(picture))) == 2
    counts, coefficients = count_magnitudes(picture, STEPS, 1), coefficients_of(picture)
    size = np.maximum(np.abs(coefficients), 1).astype(np.float64)
    octave = np.floor(np.log2(size)).astype(np.int64)
    bins = np.minimum(BINS_PER_OCTAVE * octave + ((size / 2.0**octave - 1) * BINS_PER_OCTAVE).astype(np.int64), BINS - 1)
    for kind, planes in enumerate((slice(0, 1), slice(1, 3))):
        for index in range(SLICES):
            expected = np.bincount(bins[planes][..., index == BLOCK_SLICES].reshape(-1), minlength=BINS)
            assert np.array_equal(counts.magnitudes[kind, index], expected)
    whole = np.square(coefficients[0].astype(np.float64))[..., BLOCK_SLICES > 0].sum(-1) / BLOCK**2
    level = np.log2(np.maximum(whole, LEAST_ENERGY) / LEAST_ENERGY) * ENERGY_BINS_PER_OCTAVE
    expected = np.bincount(np.minimum(level.astype(np.int64), ENERGY_BINS - 1).reshape(-1), minlength=ENERGY_BINS)
    assert np.abs(counts.blocks - expected).sum() <= 2  # a block may lie on an edge
    assert counts.blocks.sum() == expected.sum() == coefficients[0].size // BLOCK**2


def test_large_pictures_are_counted_in_part(pictures):
    small, large = pictures[0], np.tile(pictures[0], (7, 24, 1))
    assert count_magnitudes(large, STEPS).blocks.sum() < 7 * 24 * count_magnitudes(small, STEPS).blocks.sum() / 3
    assert np.abs(photo_features(large) - photo_features(small)).mean() < 0.1


def test_features_foretell_how_many_coefficients_are_sent(pictures):
    features, luma = photo_features(pictures[2], 1), np.abs(coefficients_of(pictures[2])[0])
    assert features.shape == (SETTINGS, FEATURES)
    assert np.isfinite(features).all()
    for setting, step in enumerate(STEPS):
        for index in range(SLICES):
            sent = (luma[..., index == BLOCK_SLICES] >= SENT_FROM * step).sum() * 1e6 / luma.size
            assert 2 ** features[setting, index] - 1 == pytest.approx(sent, rel=0.1, abs=2000)
    assert np.array_equal(features, gain_features(count_magnitudes(pictures[2], STEPS, 2), STEPS))
