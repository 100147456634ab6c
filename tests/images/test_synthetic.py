"""Synthetic pictures."""

import numpy as np

from rlcodec.images.synthetic import colours, drawing


def test_a_seed_gives_the_same_picture_every_time():
    assert np.array_equal(colours(40, 50, 3), colours(40, 50, 3))
    assert not np.array_equal(drawing(40, 50, 3), drawing(40, 50, 4))
