"""Reading images: what can be coded is read, and everything else is refused with the reason."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import rlcodec
from rlcodec import ImageError
from rlcodec.images.gray import read_gray
from rlcodec.presets.mnist.format import MNIST


def write_png_header(path, width: int, height: int) -> None:
    """A gray PNG that declares its size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "pgm", "tif"])
def test_gray_files_are_read(digit, tmp_path, suffix):
    path = tmp_path / f"digit.{suffix}"
    Image.fromarray(digit).save(path)
    pixels = read_gray(path)
    assert pixels.dtype == np.uint8
    assert (pixels == digit).all()


def test_black_and_white_pictures_are_gray_pictures(digit):
    pixels = read_gray(Image.fromarray(digit).convert("1"))
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "CMYK", "I", "F", "I;16"])
def test_other_modes_say_how_to_convert(mode):
    with pytest.raises(ImageError, match=rf"is {mode}, .*convert\('L'\)"):
        read_gray(Image.new(mode, (28, 28)))


def test_a_color_file_is_named(tmp_path):
    path = tmp_path / "color.png"
    Image.new("RGB", (28, 28)).save(path)
    with pytest.raises(ImageError, match=r"color\.png: is RGB"):
        rlcodec.encode(path, preset="mnist", lossless=True)


@pytest.mark.parametrize("shape", [(65, 3), (3, 65), (100, 100)])
def test_too_large(tmp_path, shape):
    path = tmp_path / "large.png"
    Image.new("L", shape[::-1]).save(path)
    for image in (np.zeros(shape, np.uint8), Image.new("L", shape[::-1]), path):
        with pytest.raises(ImageError, match=f"{shape[1]}x{shape[0]}; preset mnist takes at most 64x64"):
            rlcodec.encode(image, preset="mnist", lossless=True)


def test_the_limit_is_the_presets(tmp_path):
    assert read_gray(np.zeros((65, 65), np.uint8)).shape == (65, 65)
    assert read_gray(np.zeros((64, 64), np.uint8), MNIST).shape == (64, 64)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_empty_arrays(shape):
    with pytest.raises(ImageError, match="empty"):
        read_gray(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(), (28,), (28, 28, 1), (28, 28, 3), (1, 28, 28)])
def test_arrays_of_other_shapes(shape):
    with pytest.raises(ImageError, match=r"\(height, width\)"):
        read_gray(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, object, "U1", "datetime64[s]"])
def test_arrays_that_hold_no_integers(dtype):
    with pytest.raises(ImageError, match="integers from 0 to 255"):
        read_gray(np.zeros((28, 28), dtype))


@pytest.mark.parametrize("value", [-1, 256, 1 << 40])
def test_integers_that_are_no_pixels(value):
    array = np.zeros((28, 28), np.int64)
    array[5, 5] = value
    with pytest.raises(ImageError, match="integers from 0 to 255"):
        read_gray(array)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int32, np.int64, np.uint64, ">i4"])
def test_integers_that_are_pixels(dtype):
    array = np.arange(120).reshape(10, 12)
    pixels = read_gray(array.astype(dtype))
    assert pixels.dtype == np.uint8
    assert (pixels == array).all()


def test_what_comes_back_is_a_copy(digit):
    mine = digit.copy()
    read_gray(mine)[:] = 9
    assert (mine == digit).all()


@pytest.mark.parametrize("image", [None, 3, b"bytes", [[0, 1], [2, 3]]], ids=repr)
def test_what_is_no_image(image):
    with pytest.raises(ImageError, match=type(image).__name__):
        read_gray(image)


def test_a_missing_file(tmp_path):
    with pytest.raises(ImageError, match=r"nothing\.png: no such file"):
        read_gray(tmp_path / "nothing.png")


def test_a_folder(tmp_path):
    with pytest.raises(ImageError, match="cannot be read"):
        read_gray(tmp_path)


@pytest.mark.parametrize("content", [b"", b"this is text\n", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_only_calls_itself_a_picture(tmp_path, content):
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"text\.png: (not an image|cannot be read)"):
        read_gray(path)


def test_a_png_cut_anywhere_never_gives_a_picture(digit, tmp_path):
    whole, path = tmp_path / "whole.png", tmp_path / "cut.png"
    Image.fromarray(digit).save(whole)
    data = whole.read_bytes()
    end_mark = 12
    for kept in range(0, len(data) - end_mark - 4, 7):
        path.write_bytes(data[:kept])
        with pytest.raises(ImageError, match=r"cut\.png"):
            read_gray(path)


def test_a_png_with_damaged_pixels(digit, tmp_path):
    path = tmp_path / "damaged.png"
    Image.fromarray(digit).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"IDAT") + 8
    data[at : at + 20] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"damaged\.png"):
        read_gray(path)


@pytest.mark.parametrize("preset", [None, MNIST])
@pytest.mark.parametrize("side", [20_000, 65_535, 2**31 - 1])
def test_a_decompression_bomb_is_refused_unread(tmp_path, side, preset):
    path = tmp_path / "bomb.png"
    write_png_header(path, side, side)
    with pytest.raises(ImageError, match=r"bomb\.png"):
        read_gray(path, preset)


def test_a_large_declared_size_is_refused_by_the_preset(tmp_path):
    path = tmp_path / "wide.png"
    write_png_header(path, 9000, 9000)
    with pytest.raises(ImageError, match="9000x9000"):
        read_gray(path, MNIST)
