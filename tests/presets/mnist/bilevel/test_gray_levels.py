"""Tables of possible gray levels rule out no level that a bilevel source renders to."""

import numpy as np
import pytest

from rlcodec.presets.mnist.bilevel.geometry import MIN_SIDE, WORDS, set_pixel
from rlcodec.presets.mnist.bilevel.gray_levels import is_possible, level_tables


@pytest.mark.parametrize("seed", range(3))
def test_levels_that_a_source_gives_are_possible(seed, rendered):
    """Whatever the source, as long as some pixel is wholly ink: no level that it renders to is ruled out."""
    rng, tables = np.random.default_rng(seed), level_tables()
    for side in rng.integers(20, 73, 12).tolist():
        ink = rng.random((side, side)) < 0.5
        ink[side // 3 : 2 * side // 3, side // 3 : 2 * side // 3] = True
        rows = np.zeros((side, WORDS), np.uint64)
        for i, j in zip(*np.nonzero(ink), strict=True):
            set_pixel(rows[i], j)
        image = rendered(rows)[4:24, 4:24].astype(np.int64)
        assert any(is_possible(tables, side - MIN_SIDE, p, image) for p in range(3))


def test_levels_that_no_source_gives_are_not_possible():
    """A source of 20x20 is its own rendering: black and white."""
    image = np.full((20, 20), 255)
    image[3, 4] = 100
    assert not any(is_possible(level_tables(), 0, p, image) for p in range(3))
