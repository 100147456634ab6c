"""Pretraining of preset photo: from a folder of pictures to files that code."""

import numpy as np
import pytest

from rlcodec.core.weights_file import load_arrays
from rlcodec.errors import DataError
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder, settings_for
from rlcodec.presets.photo.repair import WIDTHS, render
from rlcodec.presets.photo.strips import decode_areas
from rlcodec.presets.photo.weights import weights_from_arrays
from rlcodec.training.options import PretrainOptions
from rlcodec.training.photo import pretrain


@pytest.fixture(scope="module")
def folder(photograph, tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    larger = photograph.resize((480, 400))
    for i in range(12):
        larger.crop((8 * i, i, 8 * i + 384, i + 384)).save(path / f"{i:02d}.png")
    (path / "notes.txt").write_text("no picture")
    return path


def test_trained_files_code_pictures(folder, photograph, tmp_path):
    options = PretrainOptions(out=tmp_path, steps=1, batch=2, resume=False, device="cpu")
    out = pretrain.pretrain_photo(folder, options, pool=4)
    weights = weights_from_arrays(load_arrays(out / "photo.safetensors"))
    picture, allocation = np.asarray(photograph)[:96, :64], ALLOCATIONS["psnr"]
    coded = PictureCoder(weights, picture).code(200, allocation)
    areas, _ = decode_areas(weights, np.frombuffer(coded.payload(), np.uint8).copy(), (96, 64))
    for width in WIDTHS:
        shown = render(weights, areas, settings_for(200, allocation, width).quantiser, coded.colors, width, out)
        assert np.abs(shown.astype(float) - picture).mean() < 6


def test_no_pictures_no_training(tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        pretrain.pretrain_photo(tmp_path, PretrainOptions(out=tmp_path / "out", device="cpu"))
