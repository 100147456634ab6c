"""Rendering of bilevel sources: bits, areas and gray levels."""

import numpy as np
import pytest

from rlcodec.presets.mnist.bilevel.geometry import levels_of, pixels_of, set_pixel


@pytest.mark.parametrize("side", [20, 36, 50])
def test_all_ink_is_white_but_for_rounding(side, rendered):
    image = rendered(np.full((side, 2), ~np.uint64(0)))
    assert image[4:24, 4:24].min() >= 250
    assert image.max() == 255
    assert image[3].max() == 0


def test_bits_cross_words():
    row = np.zeros(2, np.uint64)
    set_pixel(row, 54)
    set_pixel(row, 57)
    assert [pixels_of(row, bit, 3) for bit in (61, 62, 63, 64)] == [2, 1, 4, 2]


def test_gray_levels_are_rounded_towards_the_middle():
    peak = 1 << 59
    level = [levels_of(int(peak * share), peak)[0] for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert level == [0, 64, 128, 191, 255]
