"""Bilevel sources are found from gray levels alone, and render to exactly the pixels in which they were found."""

import numpy as np
import pytest

from rlcodec.presets.mnist.bilevel.coder import source_of
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
