"""Training of preset `raster`: deterministic, fit for a weights file, and better than what has learned nothing."""

import numpy as np
import pytest
from PIL import Image

from rlcodec.core.weights_file import load_arrays
from rlcodec.presets.raster.coding import decoded_pixels, encode_picture
from rlcodec.presets.raster.installed import installed_weights
from rlcodec.presets.raster.weights import USES, packed_counters, unpacked_counters, weights_from_arrays, weights_to_arrays
from rlcodec.training.raster import model
from rlcodec.training.raster.drawings import cut_small, draw_screen
from rlcodec.training.raster.model import log_odds_tables, train_model
from rlcodec.training.raster.options import RasterPretrainOptions
from rlcodec.training.raster.pretrain import pretrain_raster

SIDE = 64


@pytest.fixture(scope="module")
def crops(photograph):
    pixels = np.asarray(photograph)
    return [np.ascontiguousarray(pixels[y : y + 100, x : x + 120]) for y, x in ((0, 0), (60, 100))]


@pytest.fixture(scope="module")
def trained(crops, digits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "SMALL_SHARE", 2)
        patch.setattr(model, "SKETCH_SHARE", 4)
        return train_model(crops, digits[:32], 3, seed=1, side=SIDE)


def test_training_helps(trained, crops, digits):
    new = train_model(crops, digits[:1], 0, seed=1, side=SIDE)
    for picture, predictor in ((crops[0], "context"), (crops[1], "table"), (digits[40][..., None], "context")):
        pixels = np.ascontiguousarray(picture)
        trained_bytes, new_bytes = (len(encode_picture(weights, pixels, predictor).data) for weights in (trained, new))
        assert trained_bytes < new_bytes


def test_counters_survive_packing():
    _, squashed = log_odds_tables()
    packed = np.arange(256, dtype=np.uint8)
    states = unpacked_counters(packed, squashed)
    assert np.array_equal(packed_counters(states), packed)
    assert set(states[:, 1]) == set(USES)


def test_exported_weights_are_read_again(trained):
    again = weights_from_arrays(weights_to_arrays(trained))
    assert again.digest == trained.digest
    assert installed_weights().digest != trained.digest


def test_the_command_writes_weights_with_known_answers(crops, tmp_path, monkeypatch):
    for number, crop in enumerate(crops):
        Image.fromarray(crop).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(model, "SMALL_SHARE", 1)
    monkeypatch.setattr(model, "SKETCH_SHARE", 1)
    path = pretrain_raster(tmp_path, RasterPretrainOptions(out=tmp_path, steps=1), side=SIDE)
    weights = weights_from_arrays(load_arrays(path))
    data = encode_picture(weights, np.zeros((9, 9, 3), np.uint8), "ensemble").data
    assert not decoded_pixels(weights, data).any()


def test_drawings_are_drawn_from_a_seed(crops):
    for draw in (lambda rng: draw_screen(80, rng), lambda rng: cut_small(crops[0], 28, rng)):
        first, again, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
