"""Traces: they are what the codec does, survive a round trip through a file, and foreign files are refused."""

import numpy as np
import pytest

from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.segment_choice import CONTEXT, LATENT, LM, STOP, TABLE
from rlcodec.envs.mnist.trace import Trace, build_trace, load_trace, save_trace
from rlcodec.errors import DataError
from rlcodec.presets.mnist.encoder import encode_with
from rlcodec.presets.mnist.weights import load_model


@pytest.mark.parametrize("image", [0, 5, 9, 11])
@pytest.mark.parametrize(("budget", "tiers"), [(0, [LM] * 28), (0, [TABLE, CONTEXT] * 14), (3, [LM] * 9 + [TABLE] * 5)])
def test_tables_are_what_the_codec_does(traced, image, budget, tiers):
    model = load_model()
    slices = model.preset.budget_slices[budget]
    choices = [CONTEXT, TABLE, CONTEXT][:slices] + tiers + [STOP]
    coded = encode_with(model, traced.images[image], 49 * slices, lambda _: choices)
    for segment in coded.segments:
        if segment.tier == STOP:
            continue
        at = segment.segment.index
        if segment.segment.kind == LATENT:
            macs, cost = traced.latent_macs[image, segment.tier, at], traced.latent_cost[image, segment.tier, at]
        else:
            macs, cost = (t[image, budget, segment.tier, at] for t in (traced.pixel_macs, traced.pixel_cost))
        assert segment.macs == macs
        assert 0 < segment.cost - cost < 8 << 20  # the choice itself
    assert round(coded.mse * 784) == traced.stop_sse[image, budget, len(tiers)]
    assert ms_ssim_loss(coded.picture, traced.images[image]) == traced.stop_loss[image, budget, len(tiers)]


def test_processes_and_one_process_agree(digits):
    alone, together = (build_trace(digits[:40], workers=workers) for workers in (1, 2))
    for name in ("pixel_cost", "pixel_macs", "stop_sse", "latent_loss", "stop_loss", "statistics"):
        assert np.array_equal(getattr(alone, name), getattr(together, name))


def test_a_file_gives_the_trace_back(traced, tmp_path):
    save_trace(tmp_path / "a.npz", traced)
    again = load_trace(tmp_path / "a.npz", load_model())
    assert all(np.array_equal(getattr(again, name), getattr(traced, name)) for name in Trace.__dataclass_fields__)


def _save(path, **arrays):
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda a: a | {"digest": np.array("0" * 64)}, "made by codec"),
        (lambda a: a | {"pixel_cost": a["pixel_cost"][:, :, :2]}, "pixel_cost"),
        (lambda a: a | {"stop_loss": a["stop_loss"][:, :-1]}, "stop_loss"),
        (lambda a: {k: v for k, v in a.items() if k != "stop_loss"}, "stop_loss.*run `rlcodec trace` again"),
        (lambda a: a | {"statistics": np.array([{}], object)}, "not a usable trace"),
    ],
)
def test_foreign_traces_are_refused(traced, tmp_path, change, word):
    arrays = {name: np.asarray(getattr(traced, name)) for name in Trace.__dataclass_fields__}
    _save(tmp_path / "a.npz", **change(arrays))
    with pytest.raises(DataError, match=word):
        load_trace(tmp_path / "a.npz", load_model())


def test_no_images_no_trace():
    with pytest.raises(DataError):
        build_trace(np.zeros((0, 28, 28), np.uint8))


@pytest.mark.parametrize("kept", [0, 1000, -1000])
def test_cut_traces_are_refused(traced, tmp_path, kept):
    save_trace(tmp_path / "a.npz", traced)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:kept])
    with pytest.raises(DataError, match="not a usable trace"):
        load_trace(tmp_path / "a.npz", load_model())


def test_a_trace_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch, traced):
    save_trace(tmp_path / "trace.npz", traced)
    monkeypatch.setattr("rlcodec.envs.trace_file.MAX_TABLES_BYTES", 1000)
    with pytest.raises(DataError, match="more than the 1000 that are read"):
        load_trace(tmp_path / "trace.npz", load_model())
