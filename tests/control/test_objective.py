"""Values of objectives, kinds of distortion, and which objectives are refused."""

import numpy as np
import pytest

from rlcodec import OptionError, encode
from rlcodec.control._objective import distortion_in
from rlcodec.control.objective import (
    DISTORTIONS,
    KINDS,
    PERCEPTUAL_KINDS,
    SSIMULACRA2,
    Objective,
    Objectives,
    distortion,
    register_distortion,
    unregister_distortion,
)
from rlcodec.control.regressor import decibels_to_quality, distortions
from rlcodec.options import EncodeOptions

NAMED = {"small": Objective("psnr", 150.0, 0.1), "balanced": Objective("psnr", 50.0, 0.05)}


def test_value_adds_distortion_rate_and_compute():
    assert Objective("mse", 10.0, 2.0).value(100.0, 0.5, 3.0) == pytest.approx(100 + 5 + 6)
    in_decibels = distortion("psnr", 65.025), distortion("ms-ssim", 0.0998)
    assert Objective("psnr", 10.0, 2.0).value(in_decibels[0], 0.5, 3.0) == pytest.approx(-30 + 5 + 6, abs=0.01)
    assert Objective("ms-ssim", 10.0, 2.0).value(in_decibels[1], 0.5, 3.0) == pytest.approx(-10 + 5 + 6, abs=1e-9)


def test_an_exact_image_has_finite_decibels():
    assert distortion("psnr", 0.0) == pytest.approx(-58.92, abs=0.01)
    assert distortion("ms-ssim", 0.0) == pytest.approx(-36.99, abs=0.01)
    for kind in KINDS:
        assert (np.diff(distortion(kind, np.array([0.0, 0.1, 1.0]))) > 0).all()


def test_compiled_loops_compute_the_same_distortion():
    error = np.array([[0.0, 0.5], [100.0, 3.0], [0.25, 1.0]])
    for number, (kind, row) in enumerate(zip(KINDS, error, strict=True)):
        assert [distortion_in(number, value) for value in row] == pytest.approx(distortion(kind, row), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_measures_of_pictures_are_distortions(kind):
    picture = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    assert DISTORTIONS[kind](picture, picture) == distortion(kind, 0.0)
    assert DISTORTIONS[kind](picture, 255 - picture) > DISTORTIONS[kind](picture, picture // 2 * 2)


def test_ssimulacra2_is_a_kind_that_presets_without_it_refuse(digit):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert DISTORTIONS[SSIMULACRA2](picture, picture) == -100
    assert DISTORTIONS[SSIMULACRA2](picture, 255 - picture) > DISTORTIONS[SSIMULACRA2](picture, picture // 2 * 2)
    assert Objective(SSIMULACRA2, 10.0, 2.0).value(-80.0, 0.5, 3.0) == -69
    with pytest.raises(OptionError, match="no objectives in ssimulacra2; it has: mse, psnr, ms-ssim"):
        encode(digit, preset="mnist", distortion=SSIMULACRA2, lambda_rate=10.0)
    with pytest.raises(OptionError, match="already"):
        register_distortion(SSIMULACRA2, lambda original, shown: 0.0)
    unregister_distortion(SSIMULACRA2)
    assert SSIMULACRA2 in DISTORTIONS


def test_presets_that_measure_ssimulacra2_have_it_as_the_last_kind():
    numbers = [np.array([value]) for value in (12.0, 0.9, 55.0)]
    measured = distortions(*numbers)
    assert measured.shape == (len(PERCEPTUAL_KINDS), 1)
    assert measured[: len(KINDS)].tolist() == distortions(*numbers[:2]).tolist()
    predicted = decibels_to_quality(-measured[1], -measured[2], numbers[2])
    assert predicted == pytest.approx(measured)
    assert measured[PERCEPTUAL_KINDS.index(SSIMULACRA2)] == -55


def test_kinds_of_distortion_can_be_added():
    with pytest.raises(OptionError, match="unknown kind"):
        Objective("worst", 1.0, 0.0)
    register_distortion("worst", lambda original, shown: float(np.abs(original.astype(int) - shown).max()))
    assert Objective("worst", 1.0, 0.0).value(7.0, 1.0, 0.0) == 8
    with pytest.raises(OptionError, match="already"):
        register_distortion("worst", lambda original, shown: 0.0)
    unregister_distortion("worst")
    with pytest.raises(OptionError, match="unknown kind"):
        Objective("worst", 1.0, 0.0)


def test_objectives_of_a_batch_are_those_of_its_rows():
    drawn = Objectives.draw(np.random.default_rng(0), 50, {"mse": (2.0, 3.0), "psnr": (1.0, 1.5)}, ("mse", "psnr"))
    objectives = [drawn.one(row, ("mse", "psnr")) for row in range(50)]
    assert {objective.kind for objective in objectives} == {"mse", "psnr"}
    assert all(100 <= o.lambda_rate <= 1000 for o in objectives if o.kind == "mse")
    for row, objective in enumerate(objectives):
        assert Objectives.of(objective, 1, ("mse", "psnr")) == drawn.take(np.array([row]))


def resolve(name=None, lambda_rate=None, lambda_compute=None, kind=None) -> Objective:
    options = EncodeOptions(objective=name, lambda_rate=lambda_rate, lambda_compute=lambda_compute, distortion=kind)
    return options.resolve(NAMED)


def test_names_and_numbers():
    assert resolve("small", None, None) == NAMED["small"]
    assert resolve(None, None, None) == NAMED["balanced"]
    assert resolve(None, 500.0, None) == Objective("mse", 500.0, 0.0)
    assert resolve(None, 50.0, 1.0, "psnr") == Objective("psnr", 50.0, 1.0)
    assert resolve(None, 90.0, 0.1, "ms-ssim") == Objective("ms-ssim", 90.0, 0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("huge", None, None),
        ("small", 1.0, None),
        (None, None, 1.0),
        (None, -1.0, None),
        (None, float("nan"), None),
        (None, "3", None),
        (None, 1.0, -1.0),
        (None, 1.0, 1.0, "ssim"),
    ],
)
def test_invalid_objectives_are_refused(arguments):
    with pytest.raises(OptionError):
        resolve(*arguments)
