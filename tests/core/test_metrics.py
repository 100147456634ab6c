"""MS-SSIM agrees with the library pytorch-msssim, and is defined for pictures of all sizes and shapes."""

import importlib

import numpy as np
import pytest
import torch

from rlcodec import OptionError
from rlcodec.core.metrics import ROUNDING_LOSS, SCALE_WEIGHTS, ms_ssim, ms_ssim_plane, ms_ssim_windows

library = importlib.import_module("pytorch_msssim.ssim")


def noisy(picture: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.reshape(*picture.shape[:2], -1).copy()).permute(2, 0, 1)[None].double()


@pytest.mark.parametrize("deviation", [2, 20, 60])
@pytest.mark.parametrize("size", [(213, 320), (192, 256), (161, 207)])
def test_large_pictures_agree_with_the_library(photograph, size, deviation):
    original = np.asarray(photograph)[: size[0], : size[1]]
    shown = noisy(original, deviation)
    assert ms_ssim(original, shown) == pytest.approx(float(library.ms_ssim(tensor(original), tensor(shown))), abs=1e-5)
    gray = float(library.ms_ssim(tensor(original[..., 1]), tensor(shown[..., 1])))
    assert ms_ssim(original[..., 1], shown[..., 1]) == pytest.approx(gray, abs=1e-5)


@pytest.mark.parametrize("deviation", [2, 20, 60])
def test_digits_agree_with_the_library_at_their_two_scales(digit, deviation):
    # The library's own entry refuses pictures that do not admit five scales, whatever the weights.
    shown, weights = noisy(digit, deviation), np.array(SCALE_WEIGHTS[:2]) / sum(SCALE_WEIGHTS[:2])
    one, other = tensor(digit), tensor(shown)
    window = library._fspecial_gauss_1d(11, 1.5)[None]
    contrast = library._ssim(one, other, 255, window, False)[1]
    halves = [torch.nn.functional.avg_pool2d(a, 2) for a in (one, other)]
    similarity = library._ssim(*halves, 255, window, False)[0]
    expected = float(contrast ** weights[0] * similarity ** weights[1])
    assert ms_ssim(digit, shown) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (10, 12, 3), (20, 21), (21, 21), (28, 28), (170, 9, 3), (161, 161)])
def test_pictures_of_all_sizes(shape):
    picture = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert ms_ssim(picture, picture) == 1
    assert 0 <= ms_ssim(picture, 255 - picture) < 1
    assert ms_ssim(picture, noisy(picture, 9)) == ms_ssim(noisy(picture, 9), picture)
    assert len(ms_ssim_windows(*shape[:2])[2]) == {21: 2, 28: 2, 161: 5}.get(min(shape[:2]), 1)


def test_the_floor_is_what_rounding_costs():
    flat = np.full((512, 512), 128.0)
    rounded = flat + np.random.default_rng(0).uniform(-0.5, 0.5, flat.shape)
    assert 1 - ms_ssim_plane(flat, rounded, *ms_ssim_windows(512, 512)) == pytest.approx(ROUNDING_LOSS, rel=0.1)


def test_pictures_that_cannot_be_compared_are_refused():
    picture = np.zeros((30, 30), np.uint8)
    for other in (picture[:29], picture.astype(np.float32), np.zeros((30, 30, 1, 1), np.uint8)):
        with pytest.raises(OptionError):
            ms_ssim(picture, other)
