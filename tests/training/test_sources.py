"""Training on bilevel sources: those of a training set are found, counted and learned."""

import numpy as np
import pytest

from rlcodec.errors import DataError
from rlcodec.presets.mnist.bilevel.context import SourceTables
from rlcodec.presets.mnist.bilevel.geometry import WORDS, set_bit
from rlcodec.training.loop import Schedule
from rlcodec.training.pretrain import pretrain_sources
from rlcodec.training.source_sets import counted_prior, near_counts, smooth_prior


def bar(side: int, width: int) -> np.ndarray:
    """Rows of a bilevel source with one vertical bar."""
    rows = np.zeros((side, WORDS), np.uint64)
    for i in range(side):
        for j in range((side - width) // 2, (side - width) // 2 + width):
            set_bit(rows[i], j)
    return rows


def test_scans_of_a_training_set_are_found_and_learned(tmp_path, rendered):
    images = np.stack([rendered(bar(side, width)) for side in range(24, 44, 2) for width in (7, 9)])
    schedule = Schedule(steps=40, batch=8, learning_rate=1e-2)
    arrays = pretrain_sources(images, schedule, Schedule(steps=2, batch=2, learning_rate=1e-3), tmp_path, False, "cpu")
    tables = SourceTables(*(arrays[f"scan.{name}"] for name in SourceTables._fields))
    assert tables.absent[0] < 65536 // 10
    assert tables.near[0] < 65536 // 10 < 65536 * 9 // 10 < tables.near[-1]
    assert arrays["scans.nodes"].shape == (1, 32)


def test_images_without_sources_are_refused(tmp_path, digits):
    schedule = Schedule(steps=1, batch=2, learning_rate=1e-3)
    with pytest.raises(DataError, match="bilevel source"):
        pretrain_sources(digits[:12], schedule, schedule, tmp_path, False, "cpu")


def test_priors_are_costs():
    for prior in (smooth_prior(), counted_prior(near_counts([]))):
        assert prior.shape == (2048, 2)
        assert (prior > 0).all()
    assert smooth_prior()[0, 0] < smooth_prior()[0, 1]
