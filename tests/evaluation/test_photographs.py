"""The comparison of photographs at equal bytes."""

import numpy as np
import pytest

import rlcodec
from rlcodec.core.metrics import psnr_db
from rlcodec.evaluation.codecs import FORMATS, PHOTO_FORMATS, codec_by_name
from rlcodec.evaluation.figures import save_figure
from rlcodec.evaluation.photographs import at_equal_bytes
from rlcodec.evaluation.versions import plot_versions

TITLES = {FORMATS[name].title: name for name in PHOTO_FORMATS}


@pytest.fixture(scope="module")
def pixels(photograph) -> np.ndarray:
    """The photograph, uint8 (height, width, 3)."""
    return np.asarray(photograph)


def test_no_codec_exceeds_the_bytes(pixels, tmp_path):
    versions = at_equal_bytes(pixels, 9000)
    assert set(versions) == {"rlcodec", *TITLES}
    for version in versions.values():
        assert 4500 < len(version.data) <= 9000
        assert psnr_db(pixels, version.pixels) > 20
    save_figure(plot_versions(pixels, versions, (slice(0, 50), slice(0, 80))), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_codecs_that_cannot_be_so_small_are_left_out(pixels):
    most = len(rlcodec.encode(pixels, preset="photo", gain=450))
    versions = at_equal_bytes(pixels, most)
    assert "rlcodec" in versions
    for title, name in TITLES.items():
        codec = codec_by_name(name)
        coarsest = codec.encode(pixels, next(iter(codec.fine_settings.values())))
        assert (title in versions) == (len(coarsest) <= most)
