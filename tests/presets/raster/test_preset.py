"""Preset `raster` through the public interface: modes, errors, constraints, prefixes and decisions."""

import warnings

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec.control.objective import Objective
from rlcodec.core.container import unpack
from rlcodec.errors import MisfitError, OptionError, TruncatedStreamWarning
from rlcodec.presets.raster.options import RasterOptions
from rlcodec.presets.raster.preset import PRESET
from rlcodec.presets.raster.process import FEATURES, OBJECTIVES, RasterPredictor
from rlcodec.presets.raster.settings import PREDICTORS


@pytest.fixture(scope="module")
def part(photograph) -> np.ndarray:
    """A part of a photograph, uint8 (32, 40, 3)."""
    return np.ascontiguousarray(np.asarray(photograph)[100:132, 60:100])


@pytest.fixture(scope="module")
def predictor() -> RasterPredictor:
    """Predicts 3, 2 and 1 bits, and 0, 1 and 3 kMAC per pixel, of any picture."""
    weights = np.zeros((len(PREDICTORS), 2, len(FEATURES) + 1))
    weights[:, :, -1] = np.log2(1 + np.array([[3, 0], [2, 1], [1, 3]]))
    return RasterPredictor(weights)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_is_lossless(part, mode, tmp_path):
    image = Image.fromarray(part).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(part[..., 1]))
    image.save(tmp_path / "picture.png")
    for predictor in PREDICTORS:
        data = rlcodec.encode(tmp_path / "picture.png", preset="raster", predictor=predictor)
        decoded = rlcodec.decode(data)
        assert decoded.mode == mode
        assert np.array_equal(np.asarray(decoded), np.asarray(image))
        info = rlcodec.inspect(data)
        assert info.lossless
        assert info.settings.predictor == predictor
        assert info.choice == f"{predictor}, lossless"


def test_a_small_picture_has_little_framing(digit):
    data = rlcodec.encode(digit, preset="raster")
    assert np.array_equal(np.asarray(rlcodec.decode(data)), digit)
    assert rlcodec.inspect(data).header_bytes <= 10


@pytest.mark.parametrize("max_error", [1, 3, 8])
def test_errors_are_bounded(part, max_error):
    encoded = rlcodec.encode_image(part, preset="raster", max_error=max_error)
    shown = np.asarray(rlcodec.decode(encoded.data))
    assert np.array_equal(shown, encoded.picture)
    assert np.abs(shown.astype(int) - part).max() <= max_error
    assert len(encoded.data) < len(rlcodec.encode(part, preset="raster"))
    assert not rlcodec.inspect(encoded.data).lossless


def test_a_cut_stream_is_a_picture(part):
    data = rlcodec.encode(part, preset="raster")
    with pytest.warns(TruncatedStreamWarning):
        shown = np.asarray(rlcodec.decode(data[: len(data) // 2]))
    known = shown == part
    assert known[:10].all()
    assert not known.all()
    assert np.array_equal(shown[-1], shown[-2])
    info = rlcodec.inspect(data[: len(data) // 2])
    assert info.truncated
    assert 10 * 40 <= info.details["known_pixels"] < 32 * 40


def test_constraints_allow_the_least_error(part):
    size = len(rlcodec.encode(part, preset="raster"))
    encoded = rlcodec.encode_image(part, preset="raster", max_bytes=2 * size // 3)
    assert len(encoded.data) <= 2 * size // 3
    assert encoded.settings.max_error > 0
    smaller = rlcodec.encode_image(part, preset="raster", max_error=encoded.settings.max_error - 1)
    assert len(smaller.data) > 2 * size // 3
    assert rlcodec.encode_image(part, preset="raster", max_bytes=size).settings.max_error == 0
    assert rlcodec.encode_image(part, preset="raster", min_psnr=45).psnr_db >= 45
    with pytest.raises(MisfitError, match="max_bytes"):
        rlcodec.encode(part, preset="raster", max_bytes=100)


@pytest.mark.parametrize(
    "options",
    [
        {"max_error": 1, "lossless": True},
        {"max_error": 1, "max_bytes": 1000},
        {"max_decode_ms": 10},
        {"objective": "small", "max_bytes": 1000},
        {"objective": "small"},
        {"predictor": "lm"},
    ],
)
def test_options_that_contradict_are_refused(part, options):
    with pytest.raises(OptionError):
        rlcodec.encode(part, preset="raster", **options)


def test_streams_are_the_same_with_any_number_of_threads(photograph):
    one, several = (rlcodec.encode(photograph, preset="raster", predictor="table", workers=n) for n in (1, 3))
    assert one == several
    assert np.array_equal(np.asarray(rlcodec.decode(one, workers=3)), np.asarray(photograph))


def test_actions_choose_the_predictor(part, predictor):
    process = PRESET.live_process(part, predictor)
    for action, name in enumerate(PREDICTORS):
        encoded = PRESET.encode_actions(part, (action,))
        assert encoded.settings.predictor == name
        assert PRESET.actions_of(unpack(encoded.data)) == (action,)
        totals = process.totals(process.replay([(action,)], OBJECTIVES["small"]))
        assert totals.bits[0] == encoded.bits
        assert totals.mse[0] == 0
    with pytest.raises(MisfitError, match="no episode"):
        PRESET.encode_actions(part, ())
    with pytest.raises(MisfitError, match="no action"):
        PRESET.actions_of(unpack(PRESET.encode(part, RasterOptions(max_error=1)).data))


def test_observations_hold_what_is_predicted(part, predictor):
    process, spec = PRESET.live_process(part, PRESET.read_predictor(predictor.to_json())), PRESET.process_spec()
    state = process.initial(np.zeros(1, np.int64), spec.objectives_of(Objective("mse", 100.0, 0.0), 1))
    observation = process.observe(state)
    assert observation.shape == (1, spec.observation_size)
    regret = observation[0, len(PREDICTORS) : 2 * len(PREDICTORS)]
    assert regret.argmin() == 2
    quick = process.initial(np.zeros(1, np.int64), spec.objectives_of(Objective("mse", 1.0, 1000.0), 1))
    assert process.observe(quick)[0, len(PREDICTORS) : 2 * len(PREDICTORS)].argmin() == 0


def test_the_command_line_encodes(run, part, tmp_path):
    Image.fromarray(part).save(tmp_path / "in.png")
    code, _, err = run("encode", tmp_path / "in.png", tmp_path / "out.rlc", "--preset", "raster", "--predictor", "table", "-q")
    assert (code, err) == (0, "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(np.asarray(rlcodec.decode((tmp_path / "out.rlc").read_bytes())), part)
