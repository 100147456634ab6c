"""Photographs under objectives and constraints: constraints are met, or the error names the nearest that can be met."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

import rlcodec
from rlcodec import OptionError
from rlcodec.control.decode_time import save_calibration
from rlcodec.core.container import unpack
from rlcodec.core.metrics import psnr_db
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.decisions import KINDS, OBJECTIVES_OF
from rlcodec.presets.photo.options import PhotoOptions
from rlcodec.presets.photo.settings import PhotoSettings


@pytest.fixture
def calibrated(made_up, tmp_path, monkeypatch):
    """Makes rlcodec find a made-up calibration."""
    path = save_calibration(made_up, tmp_path / "calibration.json")
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(path))


def encode(picture, **options) -> bytes:
    return rlcodec.encode(picture, preset="photo", **options)


def milliseconds(data: bytes) -> float:
    return rlcodec.predicted_decode_ms(rlcodec.inspect(data))


def synthesis_of(data: bytes) -> str:
    return PhotoSettings.from_number(unpack(data).header.settings).synthesis


def quality(picture, data: bytes) -> float:
    return psnr_db(np.asarray(picture), np.asarray(rlcodec.decode(data)))


def test_objectives_are_what_their_names_say(photograph):
    small, balanced = (encode(photograph, objective=name) for name in ("small", "balanced"))
    assert len(small) < len(balanced)
    assert quality(photograph, small) < quality(photograph, balanced)
    whole = Image.fromarray(load_sample_image("china.jpg"))
    kmac = [rlcodec.inspect(encode(whole, objective=name)).decoder_kmac_per_pixel for name in ("balanced", "fast")]
    assert kmac[1] < kmac[0]
    assert encode(photograph) == balanced == encode(photograph, distortion="ssimulacra2")


def test_objectives_have_a_kind_of_distortion(photograph):
    by_kind = {kind: encode(photograph, distortion=kind) for kind in KINDS}
    assert len(set(by_kind.values())) == len(KINDS)
    assert encode(photograph, objective="balanced", distortion="psnr") == by_kind["psnr"]
    named = OBJECTIVES_OF["psnr"]["balanced"]
    weights = {"lambda_rate": named.lambda_rate, "lambda_compute": named.lambda_compute}
    assert encode(photograph, distortion="psnr", **weights) == by_kind["psnr"]
    assert PhotoOptions(lambda_rate=30.0).resolve({}).kind == "ssimulacra2"


@pytest.mark.parametrize("kind", ["mse", "psnr", "ms-ssim", "ssimulacra2"])
def test_dearer_bits_are_fewer(photograph, kind):
    rates = {"mse": (5, 50, 500), "psnr": (3, 9, 30), "ms-ssim": (4, 10, 25), "ssimulacra2": (8, 40, 200)}[kind]
    sizes = [len(encode(photograph, lambda_rate=rate, distortion=kind)) for rate in rates]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[-1]


def test_the_synthesis_may_be_named_beside_an_objective(photograph):
    assert synthesis_of(encode(photograph, objective="fast", synthesis="full")) == "full"


@pytest.mark.parametrize(
    "options",
    [
        {"lossless": True},
        {"objective": "lossless"},
        {"gain": 3, "objective": "small"},
        {"gain": 3, "min_psnr": 30},
        {"gain": 3, "lambda_rate": 30},
        {"bit_budget": 7},
        {"lambda_rate": 1e5},
        {"synthesis": "wide"},
    ],
)
def test_what_makes_no_sense_is_refused(photograph, options):
    with pytest.raises(OptionError):
        encode(photograph, **options)


def test_an_objective_is_taken_where_it_meets_the_constraints(photograph):
    free = encode(photograph, objective="small")
    assert encode(photograph, objective="small", max_bytes=len(free)) == free
    assert len(encode(photograph, objective="small", max_bytes=len(free) - 1)) < len(free)


@pytest.mark.parametrize(
    "limits", [{"max_bytes": 6000}, {"max_bytes": 40_000}, {"min_psnr": 27}, {"min_psnr": 36}, {"max_bytes": 300}]
)
def test_few_encodes_are_needed(photograph, limits, monkeypatch):
    gains = []

    def counted(coder, gain, *arguments, **options):
        gains.append(gain)
        return code(coder, gain, *arguments, **options)

    code = PictureCoder.code
    monkeypatch.setattr(PictureCoder, "code", counted)
    encode(photograph, **limits)
    assert len(gains) <= 5
    assert len(set(gains)) == len(gains)


@pytest.mark.usefixtures("calibrated")
def test_decoding_in_time(photograph):
    widest = encode(photograph, max_bytes=9000, max_decode_ms=1e6)
    assert synthesis_of(widest) == "full"
    slow = milliseconds(widest)
    for share in (0.9, 0.3):
        data = encode(photograph, max_bytes=9000, max_decode_ms=share * slow)
        assert milliseconds(data) <= share * slow
        assert len(data) <= 9000
    with pytest.raises(OptionError, match="the nearest that can be met: max_decode_ms"):
        encode(photograph, min_psnr=36, max_decode_ms=1e-4)
    objective = encode(photograph, lambda_rate=8, distortion="psnr")
    quick = encode(photograph, lambda_rate=8, distortion="psnr", max_decode_ms=0.6 * milliseconds(objective))
    assert milliseconds(quick) <= 0.6 * milliseconds(objective)
    assert milliseconds(encode(photograph, max_decode_ms=0.5 * slow)) <= 0.5 * slow


@pytest.mark.usefixtures("calibrated")
def test_all_constraints_together(photograph):
    data = encode(photograph, min_psnr=31, max_bytes=30_000, max_decode_ms=1e6)
    assert quality(photograph, data) >= 31
    assert len(data) <= 30_000
