"""COMPACT's published table: rows that can be checked by hand."""

import numpy as np
import pytest

from rlcodec.core.metrics import psnr_db
from rlcodec.evaluation.codecs import codec_by_name
from rlcodec.evaluation.compact_table import compare_compact, plot_compact
from rlcodec.evaluation.figures import save_figure
from rlcodec.evaluation.versions import smallest_with


@pytest.fixture(scope="module")
def pixels(photograph) -> np.ndarray:
    """The photograph, uint8 (height, width, 3)."""
    return np.asarray(photograph)


def test_the_table_and_the_four_pictures(pixels, tmp_path):
    table = compare_compact([pixels]).set_index(["codec", "setting"])
    assert table.size_bytes["raw", ""] == 320 * 213 * 3
    assert table.size_bytes["COMPACT", "bits as they are"] == 256 * 4 * 5 / 8
    assert table.size_bytes["COMPACT", "tier context"] < table.size_bytes["COMPACT", "tier table"]
    wanted = table.psnr_db["COMPACT", "tier context"]
    assert table.psnr_db["photo", "COMPACT's PSNR"] >= wanted
    save_figure(plot_compact(pixels), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_smallest_that_is_good_enough(pixels):
    codec, wanted = codec_by_name("jpeg"), 26.0
    found = smallest_with(codec, pixels, psnr_db, wanted)
    assert psnr_db(pixels, found.pixels) >= wanted
    sizes = [len(codec.encode(pixels, {"quality": quality})) for quality in range(1, 96, 7)]
    assert min(sizes) <= len(found.data) < max(sizes)
