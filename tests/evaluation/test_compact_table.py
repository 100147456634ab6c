"""COMPACT's published table: rows that can be checked by hand."""

import numpy as np

from rlcodec.core.metrics import psnr_db
from rlcodec.evaluation.compact import compare_compact, plot_compact, smallest_at
from rlcodec.evaluation.figures import save_figure
from rlcodec.evaluation.photographs import classical_bytes


def test_the_table_and_the_four_pictures(photograph, tmp_path):
    table = compare_compact([photograph]).set_index(["codec", "setting"])
    assert table.size_bytes["raw", ""] == 320 * 213 * 3
    assert table.size_bytes["COMPACT", "bits as they are"] == 256 * 4 * 5 / 8
    assert table.size_bytes["COMPACT", "tier context"] < table.size_bytes["COMPACT", "tier table"]
    wanted = table.psnr_db["COMPACT", "tier context"]
    assert table.psnr_db["photo", "COMPACT's PSNR"] >= wanted
    save_figure(plot_compact(photograph), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_smallest_that_is_good_enough(photograph):
    wanted = 26.0
    found = smallest_at(photograph, "JPEG", psnr_db, wanted)
    original = np.asarray(photograph)
    assert psnr_db(original, found.pixels) >= wanted
    sizes = [len(classical_bytes(photograph, "JPEG", quality)) for quality in range(1, 100, 7)]
    assert min(sizes) <= len(found.data) < max(sizes)
