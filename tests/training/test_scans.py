"""Training on scans: the scans of a training set are found, counted and learned."""

import numpy as np
import pytest

from rlcodec.errors import DataError
from rlcodec.raster_scan import ScanTables
from rlcodec.scan import BOX, box_area, gray_level, grid, set_bit
from rlcodec.training.loop import Schedule
from rlcodec.training.pretrain import pretrain_scans
from rlcodec.training.scans import counted_prior, near_counts, scan_contexts, smooth_prior


def bar(side: int, width: int) -> np.ndarray:
    """The gray levels of a scan with one upright bar, uint8 (28, 28)."""
    rows, one = np.zeros((side, 2), np.uint64), grid(side)
    for i in range(side):
        for j in range((side - width) // 2, (side - width) // 2 + width):
            set_bit(rows[i], j)
    area = np.array([[box_area(rows, 0, one.single, one.start, one.stop, r, c) for c in range(BOX)] for r in range(BOX)])
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 4:24] = [[gray_level(a, area.max())[0] for a in line] for line in area]
    return image


def test_scans_of_a_training_set_are_found_and_learned(tmp_path):
    images = np.stack([bar(side, width) for side in range(24, 44, 2) for width in (7, 9)])
    arrays = pretrain_scans(images, Schedule(steps=40, batch=8, learning_rate=1e-2), tmp_path, False, "cpu")
    tables = ScanTables(*(arrays[f"scan.{name}"] for name in ScanTables._fields))
    assert tables.absent[0] < 65536 // 10
    assert tables.near[0] < 65536 // 10 < 65536 * 9 // 10 < tables.near[-1]
    assert arrays["scans.nodes"].shape == (1, 32)


def test_images_without_scans_are_refused(tmp_path, digits):
    with pytest.raises(DataError, match="scan"):
        pretrain_scans(digits[:12], Schedule(steps=1, batch=2, learning_rate=1e-3), tmp_path, False, "cpu")


def test_priors_are_costs():
    for prior in (smooth_prior(), counted_prior(near_counts([]))):
        assert prior.shape == (2048, 2)
        assert (prior > 0).all()
    assert smooth_prior()[0, 0] < smooth_prior()[0, 1]
    assert scan_contexts([])[0].shape[0] == 0
