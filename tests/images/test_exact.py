"""Pictures are read with the channels that they have."""

import numpy as np
import pytest
from PIL import Image

from rlcodec.errors import ImageError, ImageWarning
from rlcodec.images.exact import read_exact

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_samples_are_kept(mode, channels, tmp_path):
    pixels = RNG.integers(0, 256, (5, 7, channels), np.uint8)
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)
    image.save(tmp_path / "picture.png")
    for source in (image, tmp_path / "picture.png", pixels):
        assert np.array_equal(read_exact(source, None), pixels)


def test_palettes_become_colours():
    image = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), np.uint8)).quantize(8)
    assert np.array_equal(read_exact(image, None), np.asarray(image.convert("RGB")))
    image.info["transparency"] = 0
    assert read_exact(image, None).shape == (5, 7, 4)


def test_bilevel_pictures_become_gray():
    image = Image.fromarray(RNG.integers(0, 2, (5, 7), np.uint8) * np.uint8(255)).convert("1")
    assert np.array_equal(read_exact(image, None)[..., 0], np.asarray(image.convert("L")))


def test_deeper_samples_are_rounded_with_a_warning():
    with pytest.warns(ImageWarning, match="more than 8 bits"):
        assert read_exact(Image.fromarray(np.full((3, 4), 65535, np.uint16)), None).tolist() == [[[255]] * 4] * 3


def test_other_modes_are_converted_with_a_warning():
    with pytest.warns(ImageWarning, match="mode HSV"):
        assert read_exact(Image.new("HSV", (4, 3)), None).shape == (3, 4, 3)


@pytest.mark.parametrize("array", [np.zeros(3, np.uint8), np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2))])
def test_other_arrays_are_refused(array):
    with pytest.raises(ImageError, match="the array"):
        read_exact(array, None)
