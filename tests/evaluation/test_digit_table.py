"""The comparison with other codecs: rates and qualities that can be checked by hand."""

import math

import numpy as np
import pytest

from rlcodec.errors import DataError
from rlcodec.evaluation import comparison


@pytest.fixture(scope="module")
def hundred() -> np.ndarray:
    rng = np.random.default_rng(5)
    images = np.zeros((100, 8, 8), np.uint8)
    images[:, 2:6, 2:6] = rng.integers(0, 256, (100, 4, 4))
    return images


def test_mosaics_hold_every_digit_once(hundred):
    tiled = comparison.mosaics(hundred)
    assert tiled.shape == (1, 80, 80)
    assert np.array_equal(tiled[0, 8:16, 16:24], hundred[12])


def test_too_few_images_are_refused(hundred):
    with pytest.raises(DataError, match="100"):
        comparison.compare(hundred[:99])


def test_packers_are_exact_and_small_on_zeros():
    rows = list(comparison.packer_rows(np.zeros((100, 8, 8), np.uint8)))
    assert all(math.isinf(row.psnr_db) for row in rows)
    assert all(row.rate_bpp < 0.2 for row in rows)


def test_headers_out_cost_less_than_files_and_lossless_is_exact(hundred, monkeypatch):
    monkeypatch.setattr(comparison, "CLASSICAL", (("PNG", "PNG", (("lossless", {}),)), ("JPEG", "JPEG", (("q", {}),))))
    rows = {(row.codec, row.arrangement): row for row in comparison.classical_rows(hundred)}
    for codec in ("PNG", "JPEG"):
        assert rows[codec, comparison.HEADLESS].rate_bpp < rows[codec, comparison.FILES].rate_bpp
        assert rows[codec, comparison.MOSAICS].rate_bpp < rows[codec, comparison.FILES].rate_bpp
    assert math.isinf(rows["PNG", comparison.MOSAICS].psnr_db)
    assert 10 < rows["JPEG", comparison.FILES].psnr_db < 60


def test_rate_at_a_psnr_lies_between_its_neighbours():
    rows = [comparison.Row("x", "a", str(i), *values, 0, 0) for i, values in enumerate([(1, 25), (2, 35), (4, math.inf)])]
    table = comparison.pd.DataFrame(rows)
    assert comparison.rate_at(table, "x", "a", 30.0) == pytest.approx(1.5)
    assert comparison.rate_at(table, "x", "a", 50.0) == 4
    assert comparison.rates_at(table, 20.0).rate_bpp.tolist() == [1]


def test_mean_psnr_is_that_of_each_digit():
    originals = np.zeros((2, 4, 4), np.uint8)
    decoded = np.stack([np.full((4, 4), 5), np.full((4, 4), 10)])
    assert comparison.mean_psnr(originals, decoded) == pytest.approx(20 * math.log10(255) - 10 * math.log10(50))
