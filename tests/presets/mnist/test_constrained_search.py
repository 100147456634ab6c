"""Constraints on digits: bytes, decibels and milliseconds are met whatever is asked, or the error names what can be met."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import rlcodec
from rlcodec import DataError, OptionError
from rlcodec.api import encode_image
from rlcodec.control.decode_time import save_calibration
from rlcodec.control.objective import DISTORTIONS, Objective
from rlcodec.core.metrics import psnr_db


@pytest.fixture
def calibrated(made_up, tmp_path, monkeypatch):
    """A made-up calibration where rlcodec looks for one."""
    path = save_calibration(made_up, tmp_path / "calibration.json")
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(path))
    return made_up


@pytest.fixture(scope="module")
def images(digits, ring, rendered):
    """Two digits without a bilevel source and two with one."""
    return [digits[3], digits[8], rendered(ring(22)), rendered(ring(40))]


def check(image: np.ndarray, data: bytes, max_bytes=None, min_psnr=None, max_decode_ms=None) -> None:
    """What a decoder finds keeps to the limits."""
    if max_bytes is not None:
        assert len(data) <= max_bytes
    if min_psnr is not None:
        assert psnr_db(image, np.asarray(rlcodec.decode(data))) >= min_psnr
    if max_decode_ms is not None:
        assert rlcodec.predicted_decode_ms(rlcodec.inspect(data)) <= max_decode_ms


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_bytes": st.integers(5, 120),
        "min_psnr": st.one_of(st.floats(8, 45), st.just(math.inf)),
        "max_decode_ms": st.floats(0.05, 8),
    },
).filter(bool)
OBJECTIVES = st.sampled_from(
    [{}, {"objective": "fast"}, {"lambda_rate": 60, "distortion": "psnr", "lambda_compute": 0.1}, {"lossless": True}]
)


@pytest.mark.usefixtures("calibrated")
def test_limits_are_kept_or_refused(images):
    refusals: list[str] = []

    @settings(max_examples=40)
    @given(st.sampled_from(range(len(images))), LIMITS, OBJECTIVES)
    def prop(which, limits, objective):
        try:
            data = rlcodec.encode(images[which], **limits, **objective)
        except OptionError as error:
            refusals.append(str(error))
        else:
            check(images[which], data, **limits)

    prop()
    assert all("the nearest that can be met: m" in refusal for refusal in refusals)


def nearest(error: OptionError) -> list[dict[str, float]]:
    """The alternatives that a refusal names, as options."""
    named = re.findall(r"(max_bytes|min_psnr|max_decode_ms) ([\d.]+)", str(error).partition("nearest")[2])
    return [{name: int(value) if name == "max_bytes" else float(value)} for name, value in named]


@pytest.mark.parametrize(
    "limits",
    [
        {"max_bytes": 5},
        {"max_decode_ms": 1e-3},
        {"max_bytes": 12, "min_psnr": 25},
        {"max_bytes": 12, "min_psnr": math.inf},
        {"max_decode_ms": 0.1, "lossless": True},
        {"max_bytes": 10, "lossless": True},
    ],
    ids=str,
)
@pytest.mark.usefixtures("calibrated")
def test_the_nearest_can_be_met(images, limits):
    for image in images[1:3]:
        with pytest.raises(OptionError) as refused:
            rlcodec.encode(image, **limits)
        found = nearest(refused.value)
        assert found
        for instead in found:
            changed = {name: value for name, value in (limits | instead).items() if name != "lossless"}
            lossless = {"lossless": True} if "lossless" in limits else {}
            check(image, rlcodec.encode(image, **changed, **lossless), **changed)


@pytest.mark.usefixtures("calibrated")
def test_limits_that_contradict_each_other_all(images):
    with pytest.raises(OptionError, match="nearest that can be met: m"):
        rlcodec.encode(images[0], max_bytes=3, max_decode_ms=1e-4, min_psnr=70)


def test_bytes_are_used(images):
    """More bytes, no worse a picture; and whatever fits in exactly is exact."""
    for image in images[:3]:
        exact = encode_image(image, preset="mnist", lossless=True)
        limits = [*range(14, 200, 31), len(exact.data)]
        quality = [encode_image(image, max_bytes=most).psnr_db for most in sorted(limits)]
        assert all(later >= earlier - 1 for earlier, later in itertools.pairwise(quality))
        assert encode_image(image, preset="mnist", max_bytes=len(exact.data)).mse == 0


def test_quality_costs_no_more_than_by_hand(images):
    """A PSNR takes no more bytes than the latents alone that have it, and hardly more than was asked is given."""
    for image in images[:2]:
        for bit_budget in (98, 294):
            by_hand = encode_image(image, bit_budget=bit_budget, rows=0)
            found = encode_image(image, min_psnr=by_hand.psnr_db)
            assert found.psnr_db >= by_hand.psnr_db
            assert len(found.data) <= len(by_hand.data)


def test_infinite_quality_is_lossless(images):
    for image in images:
        exact = [len(rlcodec.encode(image, tier=tier)) for tier in ("table", "context", "lm")]
        data = rlcodec.encode(image, min_psnr=math.inf)
        assert np.array_equal(np.asarray(rlcodec.decode(data)), image)
        assert len(data) == min(exact)


@pytest.mark.usefixtures("calibrated")
def test_decode_time_is_bought_with_as_little_as_it_takes(images):
    for image in images:
        free = rlcodec.encode(image, objective="small")
        taken = rlcodec.predicted_decode_ms(rlcodec.inspect(free))
        assert rlcodec.encode(image, objective="small", max_decode_ms=taken) == free
        check(image, rlcodec.encode(image, objective="small", max_decode_ms=0.6 * taken), max_decode_ms=0.6 * taken)


@pytest.mark.usefixtures("calibrated")
def test_lossless_takes_the_smallest_tier_that_is_fast_enough(images):
    image = images[3]
    streams = {tier: rlcodec.encode(image, tier=tier) for tier in ("table", "context", "lm")}
    times = {tier: rlcodec.predicted_decode_ms(rlcodec.inspect(data)) for tier, data in streams.items()}
    assert times["table"] < times["context"] < times["lm"]
    for tier, taken in times.items():
        for options in ({"lossless": True}, {"objective": "lossless"}):
            assert rlcodec.encode(image, max_decode_ms=taken, **options) == streams[tier]
    with pytest.raises(OptionError) as refused:
        rlcodec.encode(image, max_decode_ms=0.5 * times["table"], lossless=True)
    assert nearest(refused.value) == [{"max_decode_ms": pytest.approx(times["table"], abs=1e-4)}]


def test_no_calibration(run, tmp_path, monkeypatch, digit):
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(tmp_path / "none.json"))
    with pytest.raises(DataError, match="rlcodec calibrate"):
        rlcodec.encode(digit, max_decode_ms=1)
    check(digit, rlcodec.encode(digit, max_bytes=60), max_bytes=60)


@pytest.mark.parametrize(
    "options",
    [
        {"max_bytes": 20, "bit_budget": 98},
        {"min_psnr": 20, "tier": "lm"},
        {"max_decode_ms": 1, "rows": 3},
        {"min_psnr": math.nan},
        {"min_psnr": "30"},
        {"max_bytes": 20.5},
        {"max_bytes": 20, "objective": "huge"},
        {"max_decode_ms": 1, "lambda_rate": 1e9},
    ],
    ids=str,
)
@pytest.mark.usefixtures("calibrated")
def test_options_that_make_no_sense(digit, options):
    with pytest.raises(OptionError):
        rlcodec.encode(digit, **options)


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (5, 33)])
@pytest.mark.usefixtures("calibrated")
def test_images_of_any_size(shape):
    image = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    for limits in ({"max_bytes": 40}, {"min_psnr": 12}, {"max_bytes": 20_000, "min_psnr": 15, "max_decode_ms": 50}):
        check(image, rlcodec.encode(image, **limits), **limits)


@pytest.mark.usefixtures("calibrated")
def test_on_the_command_line(run, tmp_path, digit):
    png, stream = tmp_path / "digit.png", tmp_path / "digit.rlc"
    Image.fromarray(digit).save(png)
    assert run("encode", png, stream, "--max-bytes", 40, "--max-decode-ms", 2.5, "--min-psnr", 12)[0] == 0
    assert stream.read_bytes() == rlcodec.encode(digit, max_bytes=40, max_decode_ms=2.5, min_psnr=12)
    code, out, err = run("encode", png, stream, "--max-bytes", 4)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the nearest that can be met: max_bytes" in err


@pytest.mark.parametrize("kind", ["psnr", "ms-ssim"])
def test_ties_go_by_the_objectives_own_kind_of_distortion(images, kind, monkeypatch):
    measured = []
    monkeypatch.setattr(Objective, "value", lambda self, error, rate, kmac: measured.append(float(error)) or rate)
    coded = encode_image(images[1], lambda_rate=90, distortion=kind, max_bytes=20)
    other = {"psnr": "ms-ssim", "ms-ssim": "psnr"}[kind]
    assert DISTORTIONS[kind](images[1], coded.picture) in measured
    assert DISTORTIONS[other](images[1], coded.picture) not in measured
