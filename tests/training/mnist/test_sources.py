"""Training on bilevel sources: those of a training set are found, counted and learned."""

import numpy as np
import pytest

from rlcodec.errors import DataError
from rlcodec.presets.mnist.bilevel.context import SourceTables
from rlcodec.presets.mnist.bilevel.geometry import WORDS, set_pixel
from rlcodec.training.mnist.pretrain import pretrain_sources
from rlcodec.training.mnist.source_search import counted_prior, near_counts, smooth_prior
from rlcodec.training.options import Schedule, TrainingRun


def bar(side: int, width: int) -> np.ndarray:
    """Rows of a bilevel source with one vertical bar."""
    rows = np.zeros((side, WORDS), np.uint64)
    for i in range(side):
        for j in range((side - width) // 2, (side - width) // 2 + width):
            set_pixel(rows[i], j)
    return rows


def test_sources_of_a_training_set_are_found_and_learned(tmp_path, rendered):
    images = np.stack([rendered(bar(side, width)) for side in range(24, 44, 2) for width in (7, 9)])
    context_run = TrainingRun(Schedule(steps=40, batch=8, learning_rate=1e-2), tmp_path / "context")
    lm_run = TrainingRun(Schedule(steps=2, batch=2, learning_rate=1e-3), tmp_path / "lm")
    arrays = pretrain_sources(images, tmp_path, context_run, lm_run)
    tables = SourceTables(**{name: arrays[f"scan.{name}"] for name in SourceTables.stored})
    assert tables.absent[0] < 65536 // 10
    assert tables.near[0] < 65536 // 10 < 65536 * 9 // 10 < tables.near[-1]
    assert arrays["scans.nodes"].shape == (1, 32)


def test_images_without_sources_are_refused(tmp_path, digits):
    run = TrainingRun(Schedule(steps=1, batch=2, learning_rate=1e-3), tmp_path)
    with pytest.raises(DataError, match="bilevel source"):
        pretrain_sources(digits[:12], tmp_path, run, run)


def test_priors_are_costs():
    for prior in (smooth_prior(), counted_prior(near_counts([]))):
        assert prior.shape == (2048, 2)
        assert (prior > 0).all()
    assert smooth_prior()[0, 0] < smooth_prior()[0, 1]
