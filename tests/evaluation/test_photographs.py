"""The comparison of photographs at equal bytes."""

import numpy as np

import rlcodec
from rlcodec.core.metrics import psnr_db
from rlcodec.evaluation.figures import save_figure
from rlcodec.evaluation.photographs import CLASSICAL, at_equal_bytes, classical_bytes, plot_shown


def test_no_codec_takes_more_than_its_share(photograph, tmp_path):
    found = at_equal_bytes(photograph, 9000)
    assert set(found) == {"rlcodec", *CLASSICAL}
    for shown in found.values():
        assert 4500 < len(shown.data) <= 9000
        assert psnr_db(np.asarray(photograph), shown.pixels) > 20
    save_figure(plot_shown(photograph, found, (slice(0, 50), slice(0, 80))), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_codecs_that_cannot_be_so_small_are_left_out(photograph):
    most = len(rlcodec.encode(photograph, preset="photo", gain=47))
    found = at_equal_bytes(photograph, most)
    assert "rlcodec" in found
    for name in CLASSICAL:
        assert (name in found) == (len(classical_bytes(photograph, name, 1)) <= most)
