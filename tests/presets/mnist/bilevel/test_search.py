"""Bilevel sources are found from gray levels alone, and render to exactly the pixels in which they were found."""

import numpy as np
import pytest

from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.geometry import PRIOR_CONTEXTS, all_grids
from rlcodec.presets.mnist.bilevel.search import Beam, SourceFinder, source_prior
from rlcodec.presets.mnist.installed import installed_weights


@pytest.mark.parametrize("side", [20, 27, 35, 36, 41, 50, 57])
def test_a_source_found_from_gray_levels_renders_to_them(side, rendered, ring):
    image = rendered(ring(side), top=3, left=6)
    source = source_of(installed_weights().source_tables, image)
    assert source
    assert (source.top, source.left) == (3, 6)
    assert np.array_equal(rendered(source.rows, 3, 6), image)


def test_images_without_a_source_have_none(digits):
    for image in digits[:4]:
        assert source_of(installed_weights().source_tables, image) is None


def test_beams_of_all_widths_find_an_exact_source(rendered, ring):
    image = rendered(ring(40))
    finder = SourceFinder(all_grids(), source_prior(installed_weights().source_tables.near))
    for width in (2, 12, 96):
        rows, _, top, left = finder.find(image, Beam(width))
        assert np.array_equal(rendered(rows, top, left), image)
        assert len(rows) == 40


def test_searches_share_no_state(rendered, ring):
    """A finder and a beam that were used before find the same as new ones."""
    prior, beam = source_prior(installed_weights().source_tables.near), Beam(4)
    finder = SourceFinder(all_grids(), prior)
    for side in (57, 22, 40):
        image = rendered(ring(side))
        again, alone = finder.find(image, beam), SourceFinder(all_grids(), prior).find(image, Beam(4))
        assert np.array_equal(again[0], alone[0])
        assert again[1:] == alone[1:]


def test_images_that_no_box_fits_have_no_source():
    finder, beam = SourceFinder(all_grids(), source_prior(installed_weights().source_tables.near)), Beam(2)
    for shape in ((28, 28), (1, 1), (19, 19), (21, 21)):
        assert finder.find(np.full(shape, 255, np.uint8), beam) is None
        assert finder.find(np.zeros(shape, np.uint8), beam) is None


def test_searches_check_what_they_are_given():
    with pytest.raises(ValueError, match="beam"):
        Beam(0)
    with pytest.raises(ValueError, match="costs"):
        SourceFinder(all_grids(), np.full((PRIOR_CONTEXTS, 2), -1, np.int32))
