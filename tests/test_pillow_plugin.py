"""The Pillow plugin: open, save, and errors as Pillow's callers expect them."""

import io

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import rlcodec
import rlcodec.pillow_plugin


def saved(image: Image.Image, **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "RLC", **options)
    return file


def test_small_gray_images_come_back(digit):
    file = saved(Image.fromarray(digit), lossless=True)
    assert file.getvalue() == rlcodec.encode(digit, lossless=True)
    opened = Image.open(file)
    assert (opened.format, opened.mode, opened.size) == ("RLC", "L", (28, 28))
    assert np.array_equal(np.asarray(opened), digit)


def test_photographs_by_name_and_by_size(tmp_path, photograph):
    path = tmp_path / "a.rlc"
    photograph.save(path, max_bytes=6000)
    assert path.stat().st_size <= 6000
    with Image.open(path) as opened:
        assert (opened.mode, opened.size) == ("RGB", photograph.size)
        assert np.array_equal(np.asarray(opened), np.asarray(rlcodec.decode(path.read_bytes())))


def test_a_damaged_stream_is_no_image(digit):
    data = bytearray(saved(Image.fromarray(digit), lossless=True).getvalue())
    data[-1] ^= 1
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(bytes(data)))


def test_options_are_those_of_encode(digit):
    with pytest.raises(rlcodec.OptionError):
        saved(Image.fromarray(digit), preset="photo", lossless=True)


def test_small_gray_images_keep_to_limits_too(digit):
    file = saved(Image.fromarray(digit), max_bytes=40)
    assert len(file.getvalue()) <= 40
    assert rlcodec.inspect(file.getvalue()).preset == "mnist"
