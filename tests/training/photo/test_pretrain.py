"""Pretraining of preset photo: from a folder of pictures to files that code, and resumed from checkpoints."""

from dataclasses import replace

import numpy as np
import pytest

from rlcodec.core.integer_mlp import ContextNet
from rlcodec.core.weights_file import load_arrays
from rlcodec.errors import DataError
from rlcodec.presets.photo.coefficient_coder import DIAGONALS, SLICES
from rlcodec.presets.photo.repair import render
from rlcodec.presets.photo.strips import Keep, decode_values, encode_photo
from rlcodec.presets.photo.transform import to_coefficients
from rlcodec.presets.photo.weights import weights_from_arrays
from rlcodec.training.options import PretrainOptions
from rlcodec.training.photo.pretrain import pretrain_photo
from rlcodec.training.photo.raster import contexts_of, round_coefficients


@pytest.fixture(scope="module")
def folder(photograph, tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    for i in range(12):
        photograph.crop((10 * i, 5 * i, 10 * i + 140, 5 * i + 140)).save(path / f"{i:02d}.png")
    (path / "notes.txt").write_text("no picture")
    return path


def test_trained_files_code_pictures(folder, photograph, tmp_path):
    options = PretrainOptions(out=tmp_path, steps=2, batch=2, resume=False, device="cpu")
    out = pretrain_photo(folder, options, counted=4, pool=6)
    model = weights_from_arrays(load_arrays(out / "photo.safetensors"))
    picture = np.asarray(photograph)[:96, :80]
    coded = encode_photo(model, picture, 20, keep=Keep.VALUES)
    values, _ = decode_values(model, np.frombuffer(coded.payload(), np.uint8).copy(), (96, 80), 20)
    assert np.array_equal(values, coded.values)
    for width in ("light", "full"):
        assert np.abs(render(model, values, 20, width, out).astype(float) - picture).mean() < 40
    pretrain_photo(folder, replace(options, resume=True), counted=4, pool=6)
    again = load_arrays(out / "photo.safetensors")
    assert all(np.array_equal(again[f"light.{name}"], getattr(model.nets.luma, name)) for name in ContextNet.stored)


def test_no_pictures_no_training(tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        pretrain_photo(tmp_path, PretrainOptions(out=tmp_path / "out", device="cpu"))


def test_contexts_are_one_for_each_symbol(photograph):
    coefficients = to_coefficients(np.asarray(photograph)[:64, :64])
    contexts = contexts_of(coefficients, 20)
    blocks = 16
    assert len(contexts.extent.symbols) == 3 * blocks
    inside = sum(
        (extent + 1) * (extent + 2) // 2 if extent < 16 else 256 - (30 - extent) * (31 - extent) // 2
        for extent in contexts.extent.symbols
    )
    assert len(contexts.luma.symbols) + len(contexts.chroma.symbols) == inside


def test_slices_hold_every_diagonal_once():
    assert [d for low, high in SLICES for d in range(low, high + 1)] == list(range(1, DIAGONALS))


def test_small_coefficients_are_dropped():
    values = round_coefficients(np.array([[[[[0.4, 0.61], [0.63, -1.6]]]]], np.float32))
    assert values.reshape(-1).tolist() == [0, 0, 1, -2]
