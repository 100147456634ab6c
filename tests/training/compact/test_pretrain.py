"""Training of preset compact writes files that code pictures, and resumes from checkpoints."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rlcodec.errors import ModelError
from rlcodec.presets.compact.installed import installed_weights
from rlcodec.presets.compact.transform import FILES, LATENT_CHANNELS, analyse, synthesise
from rlcodec.training.compact.autoencoder import CROP, DivisiveNormalisation
from rlcodec.training.compact.pretrain import pretrain_compact
from rlcodec.training.options import AutoencoderOptions


def test_the_inverse_normalisation_multiplies_by_what_the_other_divides_by():
    x = torch.randn(2, 6, 5, 4)
    divide, multiply = DivisiveNormalisation(6), DivisiveNormalisation(6, inverse=True)
    assert torch.allclose(divide(x) * multiply(x), x * x, atol=1e-5)
    assert (divide(10 * x).abs() < 10 * x.abs() + 1e-6).all()


def test_trained_files_code_pictures(photograph, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    large = photograph.resize((CROP + 30, CROP + 20))
    for i in range(12):
        large.rotate(i).save(pictures / f"{i:02d}.png")
    options = AutoencoderOptions(out=tmp_path / "out", steps=2, batch=1, resume=False, device="cpu")
    out = pretrain_compact(pictures, options)
    weights = installed_weights(out)
    picture = np.asarray(photograph)
    latent = analyse(picture, out)
    assert latent.shape == (LATENT_CHANNELS, 4, 5)
    assert synthesise(latent, *picture.shape[:2], out).shape == picture.shape
    assert pretrain_compact(pictures, replace(options, resume=True)) == out
    installed_weights.cache_clear()
    assert installed_weights(out).digest == weights.digest
    (out / FILES["synthesis"]).write_bytes(b"another")
    installed_weights.cache_clear()
    with pytest.raises(ModelError, match="another synthesis"):
        installed_weights(out)
