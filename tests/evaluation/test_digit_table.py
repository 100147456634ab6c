"""The comparison of codecs on digits: rates and qualities that can be checked by hand."""

import math

import numpy as np
import pytest

from rlcodec.errors import DataError
from rlcodec.evaluation import digit_table
from rlcodec.evaluation.codecs import installed_formats


@pytest.fixture(scope="module")
def hundred() -> np.ndarray:
    rng = np.random.default_rng(5)
    images = np.zeros((100, 8, 8), np.uint8)
    images[:, 2:6, 2:6] = rng.integers(0, 256, (100, 4, 4))
    return images


def test_mosaics_hold_every_digit_once(hundred):
    tiled = digit_table.mosaics(hundred)
    assert tiled.shape == (1, 80, 80)
    assert np.array_equal(tiled[0, 8:16, 16:24], hundred[12])


def test_too_few_images_are_refused(hundred):
    with pytest.raises(DataError, match="100"):
        digit_table.compare(hundred[:99])


def test_packers_are_exact_and_small_on_zeros():
    rows = list(digit_table.packer_rows(np.zeros((100, 8, 8), np.uint8)))
    assert all(math.isinf(row.psnr_db) for row in rows)
    assert all(row.rate_bpp < 0.2 for row in rows)


def test_headers_out_cost_less_than_files_and_lossless_is_exact(hundred):
    rows = {
        (row.codec, row.setting, row.arrangement): row
        for name in ("png", "jpeg")
        for row in digit_table.format_rows(name, hundred)
    }
    for setting in (("PNG", "lossless"), ("JPEG", "quality 65")):
        assert rows[*setting, digit_table.HEADLESS].rate_bpp < rows[*setting, digit_table.FILES].rate_bpp
        assert rows[*setting, digit_table.MOSAICS].rate_bpp < rows[*setting, digit_table.FILES].rate_bpp
    assert math.isinf(rows["PNG", "lossless", digit_table.MOSAICS].psnr_db)
    assert 10 < rows["JPEG", "quality 65", digit_table.FILES].psnr_db < 60


@pytest.mark.parametrize("name", sorted({"webp", "jxl", "jp2"} & set(installed_formats())))
def test_formats_that_can_be_lossless_are(name, hundred):
    exact = [row for row in digit_table.format_rows(name, hundred) if row.setting == "lossless"]
    assert len(exact) == 3
    assert all(math.isinf(row.psnr_db) for row in exact)


def test_rate_at_a_psnr_lies_between_its_neighbours():
    rows = [digit_table.Row("x", "a", str(i), *values, 0, 0) for i, values in enumerate([(1, 25), (2, 35), (4, math.inf)])]
    table = digit_table.pd.DataFrame(rows)
    assert digit_table.rate_at(table, "x", "a", 30.0) == pytest.approx(1.5)
    assert digit_table.rate_at(table, "x", "a", 50.0) == 4
    assert digit_table.rates_at(table, 20.0).rate_bpp.tolist() == [1]


def test_mean_psnr_is_that_of_each_digit():
    originals = np.zeros((2, 4, 4), np.uint8)
    decoded = np.stack([np.full((4, 4), 5), np.full((4, 4), 10)])
    assert digit_table.mean_psnr(originals, decoded) == pytest.approx(20 * math.log10(255) - 10 * math.log10(50))
