"""Values of objectives, kinds of distortion, and which objectives are refused."""

import numpy as np
import pytest

from rlcodec import OptionError
from rlcodec.control.objective import (
    DISTORTIONS,
    KINDS,
    Objective,
    Objectives,
    distortion,
    distortion_of,
    registered_distortion,
    resolve_objective,
)

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


def test_rows_of_a_batch_may_differ_in_kind():
    error = np.array([[0.0, 0.5], [100.0, 3.0], [0.25, 1.0]])
    in_kinds = distortion_of(np.arange(3), error)
    assert np.array_equal(in_kinds, np.stack([distortion(kind, row) for kind, row in zip(KINDS, error, strict=True)]))


@pytest.mark.parametrize("kind", KINDS)
def test_measures_of_pictures_are_distortions(kind):
    picture = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    assert DISTORTIONS[kind](picture, picture) == distortion(kind, 0.0)
    assert DISTORTIONS[kind](picture, 255 - picture) > DISTORTIONS[kind](picture, picture // 2 * 2)


def test_kinds_of_distortion_can_be_added():
    with pytest.raises(OptionError, match="unknown kind"):
        Objective("worst", 1.0, 0.0)
    with registered_distortion("worst", lambda original, shown: float(np.abs(original.astype(int) - shown).max())):
        assert Objective("worst", 1.0, 0.0).value(7.0, 1.0, 0.0) == 8
        with pytest.raises(OptionError, match="already"):
            registered_distortion("worst", lambda original, shown: 0.0).__enter__()
    with pytest.raises(OptionError, match="unknown kind"):
        Objective("worst", 1.0, 0.0)


def test_objectives_of_a_batch_are_those_of_its_rows():
    drawn = Objectives.draw(np.random.default_rng(0), 50, {"mse": (2.0, 3.0), "psnr": (1.0, 1.5)}, ("mse", "psnr"))
    objectives = [drawn.one(row, ("mse", "psnr")) for row in range(50)]
    assert {objective.kind for objective in objectives} == {"mse", "psnr"}
    assert all(100 <= o.lambda_rate <= 1000 for o in objectives if o.kind == "mse")
    for row, objective in enumerate(objectives):
        assert Objectives.of(objective, 1, ("mse", "psnr")) == drawn.take(np.array([row]))
    with pytest.raises(OptionError, match="no objectives in ms-ssim"):
        Objectives.of(Objective("ms-ssim", 1.0, 0.0), 1, ("mse", "psnr"))


def test_names_and_numbers():
    assert resolve_objective("small", None, None, named=NAMED) == NAMED["small"]
    assert resolve_objective(None, None, None, named=NAMED) == NAMED["balanced"]
    assert resolve_objective(None, 500.0, None) == Objective("mse", 500.0, 0.0)
    assert resolve_objective(None, 50.0, 1.0, "psnr") == Objective("psnr", 50.0, 1.0)
    assert resolve_objective(None, 90.0, 0.1, "ms-ssim") == Objective("ms-ssim", 90.0, 0.1)


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
        resolve_objective(*arguments, **({} if len(arguments) == 4 else {"kind": None}), named=NAMED)
