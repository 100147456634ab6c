"""Checks what objectives are worth and which are refused."""

import numpy as np
import pytest

from rlcodec import OptionError
from rlcodec.control.objective import KINDS, NAMED, Objective, distortion, distortion_of, resolve_objective


def test_value_adds_distortion_rate_and_compute():
    assert Objective("mse", 10.0, 2.0).value(100.0, 0.5, 3.0) == pytest.approx(100 + 5 + 6)
    assert Objective("psnr", 10.0, 2.0).value(65.025, 0.5, 3.0) == pytest.approx(-30 + 5 + 6, abs=0.01)
    assert Objective("ms-ssim", 10.0, 2.0).value(0.0998, 0.5, 3.0) == pytest.approx(-10 + 5 + 6, abs=1e-9)


def test_an_exact_image_has_finite_decibels():
    assert distortion("psnr", 0.0) == pytest.approx(-58.92, abs=0.01)
    assert distortion("ms-ssim", 0.0) == pytest.approx(-36.99, abs=0.01)
    for kind in KINDS:
        assert (np.diff(distortion(kind, np.array([0.0, 0.1, 1.0]))) > 0).all()


def test_rows_of_a_batch_may_differ_in_kind():
    error = np.array([[0.0, 0.5], [100.0, 3.0], [0.25, 1.0]])
    found = distortion_of(np.arange(3), error)
    assert np.array_equal(found, np.stack([distortion(kind, row) for kind, row in zip(KINDS, error, strict=True)]))


def test_names_and_numbers():
    assert resolve_objective("small", None, None) == NAMED["small"]
    assert resolve_objective(None, None, None) == NAMED["balanced"]
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
def test_nonsense_is_refused(arguments):
    with pytest.raises(OptionError):
        resolve_objective(*arguments)
