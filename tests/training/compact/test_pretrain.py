"""Training of preset compact writes files that code pictures, and resumes from checkpoints."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rlcodec.core.onnx_session import open_session
from rlcodec.errors import ModelError
from rlcodec.presets.compact.installed import installed_weights
from rlcodec.presets.compact.transform import FILES, LATENT_CHANNELS, analyse, synthesise
from rlcodec.training.binarization import binarize_deterministically
from rlcodec.training.compact import autoencoder
from rlcodec.training.compact.autoencoder import (
    CROP,
    Compact,
    DivisiveNormalisation,
    export_compact,
    first_channels,
    to_pixels,
)
from rlcodec.training.compact.initialise import initialise
from rlcodec.training.compact.pretrain import pretrain_compact
from rlcodec.training.options import AutoencoderOptions


def test_the_inverse_normalisation_multiplies_by_what_the_other_divides_by():
    x = torch.randn(2, 6, 5, 4)
    divide, multiply = DivisiveNormalisation(6), DivisiveNormalisation(6, inverse=True)
    assert torch.allclose(divide(x) * multiply(x), x * x, atol=1e-5)
    assert (divide(10 * x).abs() < 10 * x.abs() + 1e-6).all()


@pytest.fixture(scope="module")
def examples(photograph) -> torch.Tensor:
    """Overlapping crops of a photograph."""
    picture = np.asarray(photograph.resize((640, 426)))
    return to_pixels(
        [picture[y : y + 128, x : x + 128] for y in range(0, 290, 20) for x in range(0, 510, 20)], torch.device("cpu")
    )


@torch.no_grad()
def test_initial_weights_make_a_code(examples):
    examples = examples - examples.mean((0, 2, 3), keepdim=True)
    torch.manual_seed(0)
    model = Compact()
    initialise(model.analysis, model.synthesis, examples)
    logits = model.analysis(examples)
    assert logits.shape == (len(examples), LATENT_CHANNELS, 2, 2)
    assert 0.5 < logits.std() < 2
    decoded = model.synthesis(binarize_deterministically(logits))
    assert (decoded - examples).square().mean() < 0.25 * examples.square().mean()


def test_what_is_not_sent_is_zero():
    bits = torch.ones(3, LATENT_CHANNELS, 2, 1)
    counts = torch.tensor([0, 5, LATENT_CHANNELS])
    parts = first_channels(bits, counts)
    assert torch.equal(parts.count_nonzero((1, 2, 3)), counts * 2)
    assert torch.equal(parts[1, :5], bits[1, :5])


@torch.no_grad()
def test_exported_transforms_are_those_that_were_trained(examples):
    torch.manual_seed(0)
    model = Compact()
    initialise(model.analysis, model.synthesis, examples)
    logits = model.analysis(examples[:2])
    bits = binarize_deterministically(logits)
    decoded = model.synthesis(bits)
    graphs = export_compact(model)
    assert all(len(graph) < 2.1 * sum(p.numel() for p in model.analysis.parameters()) for graph in graphs.values())
    for name, given, expected in (("analysis", examples[:1], logits[:1]), ("synthesis", bits[:1], decoded[:1])):
        got = open_session(graphs[name], 1).run(None, {"from": given.numpy()})[0]
        assert np.abs(got - expected.numpy()).max() < 0.01 * expected.abs().max()


def test_trained_files_code_pictures(photograph, tmp_path, monkeypatch):
    monkeypatch.setattr(autoencoder, "INITIAL_CROPS", 30)
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
