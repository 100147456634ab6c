"""PSNR-HVS-M and CVVDP, of packages that may be installed or not."""

import math
import sys

import numpy as np
import pytest

from rlcodec.errors import OptionError
from rlcodec.evaluation import perceptual
from rlcodec.evaluation.perceptual import cvvdp, psnr_hvs_m_db


@pytest.fixture(autouse=True)
def nothing_is_kept():
    """Imports the optional packages again in each test."""
    yield
    perceptual._psnr_hvs_m.cache_clear()
    perceptual.cvvdp.cache_clear()


def test_psnr_hvs_m_is_that_of_the_package(photograph):
    library = pytest.importorskip("psnr_hvsm.numpy")
    original = np.asarray(photograph)[:64, :72]
    shown = original // 16 * 16 + 8
    luma = [library.bt601ycbcr(picture)[0] for picture in (original, shown)]
    assert psnr_hvs_m_db(original, shown) == pytest.approx(float(library.psnr_hvs_hvsm(*luma)[1]))
    assert psnr_hvs_m_db(original, original) == 100
    gray = original[..., 1], shown[..., 1]
    assert 20 < psnr_hvs_m_db(*gray) < 60


def test_of_a_picture_without_a_whole_block_there_is_none(photograph):
    original = np.asarray(photograph)
    assert math.isnan(psnr_hvs_m_db(original[:7], original[:7]))
    whole = psnr_hvs_m_db(original[:16, :24], original[:16, :24] // 2 * 2)
    assert psnr_hvs_m_db(original[:17, :30], original[:17, :30] // 2 * 2) == pytest.approx(whole, nan_ok=True)


def test_what_is_not_installed_is_not_measured(monkeypatch):
    picture = np.zeros((16, 16), np.uint8)
    monkeypatch.setitem(sys.modules, "psnr_hvsm.numpy", None)
    monkeypatch.setitem(sys.modules, "psnr_hvsm", None)
    monkeypatch.setitem(sys.modules, "pycvvdp", None)
    perceptual._psnr_hvs_m.cache_clear()
    perceptual.cvvdp.cache_clear()
    assert math.isnan(psnr_hvs_m_db(picture, picture))
    with pytest.raises(OptionError, match=r"pip install rlcodec\[cvvdp\]"):
        cvvdp()


def test_cvvdp_takes_pictures_in_gray_and_in_colour(photograph):
    try:
        jod = cvvdp()
    except OptionError:
        pytest.skip("cvvdp is not installed")
    for original in (np.asarray(photograph)[:64, :96], np.asarray(photograph)[:64, :96, 1]):
        assert jod(original, original) == pytest.approx(10)
        assert 0 < jod(original, original // 64 * 64) < 9.9
