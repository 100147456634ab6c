"""Photographs under objectives and constraints: constraints are met, or the error names the nearest that can be met."""

import numpy as np
import pytest

import rlcodec
from rlcodec import OptionError
from rlcodec.control.decode_time import save_calibration
from rlcodec.core.container import unpack
from rlcodec.core.metrics import psnr_db
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
    small, balanced, fast = (encode(photograph, objective=name) for name in ("small", "balanced", "fast"))
    assert len(small) < len(balanced)
    assert quality(photograph, small) < quality(photograph, balanced)
    kmac = [rlcodec.inspect(data).decoder_kmac_per_pixel for data in (balanced, fast)]
    assert kmac[1] < kmac[0]
    assert encode(photograph) == balanced


@pytest.mark.parametrize("kind", ["mse", "psnr", "ms-ssim"])
def test_dearer_bits_are_fewer(photograph, kind):
    rates = {"mse": (5, 50, 500), "psnr": (3, 9, 30), "ms-ssim": (4, 10, 25)}[kind]
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
