"""Training of the raster-encoder: deterministic, resumed after any stage, better than nothing, and fit for a weights file."""

from dataclasses import replace

import numpy as np
import pytest

from rlcodec.errors import DataError
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.strips import decode_areas
from rlcodec.presets.photo.weights import MEMORY, weights_from_arrays, weights_to_arrays
from rlcodec.training.photo.raster import (
    CARRIED_USES,
    WEIGHT_UNIT,
    _fit,
    code_picture,
    draw_picture,
    first_weights,
    train_raster,
)

SIDE = 64


@pytest.fixture(scope="module")
def crops(photograph):
    pixels = np.asarray(photograph)
    return [np.ascontiguousarray(pixels[y : y + 100, x : x + 120]) for y, x in ((0, 0), (60, 100), (100, 190))]


@pytest.fixture(scope="module")
def trained(crops):
    return train_raster(crops, 6, seed=1, side=SIDE)


def test_training_is_deterministic_and_resumes_after_each_stage(crops, trained, tmp_path):
    checkpoint = tmp_path / "raster.npz"
    assert train_raster(crops, 6, seed=1, checkpoint=checkpoint, side=SIDE).digest == trained.digest
    saved = dict(np.load(checkpoint))
    assert train_raster(crops, 6, seed=1, checkpoint=checkpoint, side=SIDE).digest == trained.digest
    np.savez(checkpoint, **(saved | {"stage": np.array(3)}))
    resumed = train_raster(crops, 6, seed=1, checkpoint=checkpoint, side=SIDE)
    assert np.array_equal(resumed.counters, trained.counters)  # the last stage trains mixing weights alone
    assert not np.array_equal(resumed.mixers, trained.mixers)
    assert train_raster(crops, 6, seed=1, checkpoint=checkpoint, resume=False, side=SIDE).digest == trained.digest


def test_counters_begin_with_few_uses(trained):
    assert 0 < trained.counters[:, 1].max() <= CARRIED_USES


def test_trained_weights_code_in_fewer_bits(crops, trained):
    drawn = draw_picture(crops, np.random.default_rng(99), SIDE)
    assert code_picture(trained, drawn, MEMORY)[1] < 0.95 * code_picture(first_weights(), drawn, MEMORY)[1]


def test_trained_weights_code_pictures(crops, trained):
    weights = weights_from_arrays(weights_to_arrays(trained))
    coded = PictureCoder(weights, crops[0]).code(250, ALLOCATIONS["ssimulacra2"], keep=True)
    areas, _ = decode_areas(weights, np.frombuffer(coded.payload(), np.uint8).copy(), crops[0].shape[:2])
    assert np.array_equal(areas.values, coded.areas.values)


def test_drawn_pictures_vary(crops):
    drawn = [draw_picture(crops, np.random.default_rng(seed), SIDE) for seed in range(20)]
    assert len({one.quantiser for one in drawn}) > 15
    assert len({one.quantiser.fixed for one in drawn}) == 2
    assert all(one.analysis.splits.shape == (2, 2) for one in drawn)


def test_fitted_weights_are_those_of_the_model_that_made_the_magnitudes():
    rng = np.random.default_rng(1)
    inputs, true = rng.gamma(1, 1, (20_000, 3)), np.array([0.5, 0.0, 0.25])
    mean = inputs @ true + 1e-3
    magnitudes = rng.geometric(1 / (1 + mean)) - 1.0
    assert _fit(inputs, magnitudes) == pytest.approx(true, abs=0.03)


def test_small_pictures_are_refused(crops):
    with pytest.raises(DataError, match="at least 384x384"):
        train_raster(crops, 2, seed=1)


def test_nothing_learned_codes_all_the_same(crops):
    drawn = draw_picture(crops, np.random.default_rng(5), SIDE)
    blank = replace(first_weights(), expected=np.full_like(first_weights().expected, WEIGHT_UNIT // 100))
    assert code_picture(blank, drawn, MEMORY)[1] > 0
