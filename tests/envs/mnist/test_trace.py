"""Traces: they are what the codec does, survive a round trip through a file, and foreign files are refused."""

import numpy as np
import pytest

from rlcodec.core.metrics import ms_ssim_loss
from rlcodec.core.segment_choice import CONTEXT, LATENT, LM, STOP, TABLE
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.mnist.trace import MnistTrace, load_trace, measure_images
from rlcodec.envs.trace_file import save_tables
from rlcodec.errors import DataError
from rlcodec.presets.mnist.encoder import encode_with
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.segments import BUDGET_SLICES


@pytest.mark.parametrize("image", [0, 5, 9, 11])
@pytest.mark.parametrize(("budget", "tiers"), [(0, [LM] * 28), (0, [TABLE, CONTEXT] * 14), (3, [LM] * 9 + [TABLE] * 5)])
def test_tables_are_what_the_codec_does(traced, image, budget, tiers):
    slices = BUDGET_SLICES[budget]
    choices = [CONTEXT, TABLE, CONTEXT][:slices] + tiers + [STOP]
    coded = encode_with(installed_weights(), traced.images[image], 49 * slices, lambda _: choices)
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
    alone, together = (measure_images(digits[:40], MeasureOptions(workers=workers)) for workers in (1, 2))
    for name in ("pixel_cost", "pixel_macs", "stop_sse", "latent_loss", "stop_loss", "statistics"):
        assert np.array_equal(getattr(alone, name), getattr(together, name))


def test_a_file_gives_the_trace_back(traced, tmp_path):
    save_tables(tmp_path / "a.npz", traced)
    again = load_trace(tmp_path / "a.npz")
    assert all(np.array_equal(getattr(again, name), getattr(traced, name)) for name in MnistTrace.__dataclass_fields__)


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
    arrays = {name: np.asarray(getattr(traced, name)) for name in MnistTrace.__dataclass_fields__}
    _save(tmp_path / "a.npz", **change(arrays))
    with pytest.raises(DataError, match=word):
        load_trace(tmp_path / "a.npz")


def test_no_images_no_trace():
    with pytest.raises(DataError):
        measure_images(np.zeros((0, 28, 28), np.uint8))


def test_images_of_several_sizes_make_no_trace(digits):
    with pytest.raises(DataError, match="one size"):
        measure_images([digits[0], digits[1][1:]])


@pytest.mark.parametrize("kept", [0, 1000, -1000])
def test_cut_traces_are_refused(traced, tmp_path, kept):
    save_tables(tmp_path / "a.npz", traced)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:kept])
    with pytest.raises(DataError, match="not a usable trace"):
        load_trace(tmp_path / "a.npz")


def test_a_trace_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch, traced):
    save_tables(tmp_path / "trace.npz", traced)
    monkeypatch.setattr("rlcodec.envs.trace_file.MAX_TABLES_BYTES", 1000)
    with pytest.raises(DataError, match="more than the 1000 that are read"):
        load_trace(tmp_path / "trace.npz")
