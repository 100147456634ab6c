"""Training images: idx files and folders are read, and messages name what is broken or unsuitable."""

import gzip

import numpy as np
import pytest
from PIL import Image

from rlcodec import DataError
from rlcodec.training.data import (
    HELD_OUT_PICTURES,
    load_images,
    random_crop,
    random_rescaled_crop,
    read_idx_images,
    split_pictures,
)


def idx_bytes(images: np.ndarray, count: int | None = None, magic: int = 0x803) -> bytes:
    sizes = (magic, len(images) if count is None else count, *images.shape[1:])
    return b"".join(size.to_bytes(4, "big") for size in sizes) + images.tobytes()


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte"])
def test_idx_files_plain_and_gzipped(digits, tmp_path, name):
    data = idx_bytes(digits)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    for place in (path, tmp_path):
        images = load_images(place)
        assert images.dtype == np.uint8
        assert (images == digits).all()
    assert (load_images(tmp_path, limit=5) == digits[:5]).all()
    assert len(load_images(tmp_path, limit=10_000)) == len(digits)


def test_train_and_test_are_two_files(digits, tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(digits[:40]))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(digits[40:]))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"labels")
    assert (load_images(tmp_path, "train") == digits[:40]).all()
    assert (load_images(tmp_path, "test") == digits[40:]).all()


@pytest.mark.parametrize("count", [63, 65, 1, 1000])
def test_a_false_count(digits, tmp_path, count):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx_bytes(digits, count))
    with pytest.raises(DataError, match=f"declares {count * 784} bytes of pixels and holds"):
        read_idx_images(path)


@pytest.mark.parametrize("count", [0, 2**32 - 1])
def test_a_count_that_cannot_be(digits, tmp_path, count):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx_bytes(digits, count))
    with pytest.raises(DataError, match=f"declares {count} images of 28x28 pixels, which is impossible"):
        read_idx_images(path)


@pytest.mark.parametrize("kept", [0, 3, 15, 16, 17, 1000])
def test_a_truncated_file(digits, tmp_path, kept):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx_bytes(digits)[:kept])
    with pytest.raises(DataError, match="not an idx file" if kept < 16 else f"and holds {kept - 16}"):
        load_images(path)


@pytest.mark.parametrize("kept", [0, 5, 30, 300, -4])
def test_a_truncated_gzip_file(digits, tmp_path, kept):
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(digits))[:kept])
    with pytest.raises(DataError, match=r"images-idx3-ubyte\.gz"):
        load_images(path)


def test_a_damaged_gzip_file(digits, tmp_path):
    path = tmp_path / "images-idx3-ubyte.gz"
    data = bytearray(gzip.compress(idx_bytes(digits)))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"images-idx3-ubyte\.gz"):
        load_images(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels-idx1-ubyte", idx_bytes(np.zeros((4, 2, 2), np.uint8), magic=0x801)),
        ("text", b"just a text file, long enough\n"),
        ("text.gz", b"just a text file, long enough\n"),
    ],
)
def test_other_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: (not an idx file|cannot be read)"):
        load_images(tmp_path / name)


def test_a_folder_of_pictures_in_the_order_of_their_names(digits, tmp_path):
    (tmp_path / "deeper").mkdir()
    for i, digit in enumerate(digits[:6]):
        folder = tmp_path / "deeper" if i > 3 else tmp_path
        Image.fromarray(digit).save(folder / f"z{i}.{'PNG' if i % 2 else 'bmp'}")
    (tmp_path / "notes.txt").write_text("no picture")
    images = load_images(tmp_path)
    assert images.shape == (6, 28, 28)
    assert (images == digits[[4, 5, 0, 1, 2, 3]]).all()
    assert len(load_images(tmp_path, limit=2)) == 2


@pytest.mark.parametrize("content", ["nothing", "other files"])
def test_a_folder_without_images(tmp_path, content):
    if content == "other files":
        (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match="holds neither idx files nor images"):
        load_images(tmp_path)


def test_a_missing_folder(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        load_images(tmp_path / "nowhere")


def test_pictures_of_mixed_sizes(digits, tmp_path):
    Image.fromarray(digits[0]).save(tmp_path / "a.png")
    Image.fromarray(digits[0][:20]).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="differ in size"):
        load_images(tmp_path)


def test_a_picture_that_cannot_be_used_is_named(digits, tmp_path):
    Image.fromarray(digits[0]).save(tmp_path / "a.png")
    Image.new("RGB", (28, 28)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png: is RGB"):
        load_images(tmp_path)
    (tmp_path / "b.png").write_text("no picture")
    with pytest.raises(DataError, match=r"b\.png: not an image"):
        load_images(tmp_path)


def test_the_last_pictures_are_held_out(pictures):
    train, validation = split_pictures(pictures * 3)
    assert [len(train), len(validation)] == [len(pictures) * 3 - HELD_OUT_PICTURES, HELD_OUT_PICTURES]
    with pytest.raises(DataError, match="10 pictures are too few to train on; at least 11 are needed"):
        split_pictures([pictures[0]] * HELD_OUT_PICTURES)


def test_crops_are_parts_of_a_picture(pictures):
    rng = np.random.default_rng(0)
    windows = np.lib.stride_tricks.sliding_window_view(pictures[1], (48, 48), (0, 1)).transpose(0, 1, 3, 4, 2)
    for _ in range(5):
        assert (windows == random_crop(pictures[1], 48, rng)).all((2, 3, 4)).any()
    with pytest.raises(DataError, match="a picture has 80x48 pixels; training needs pictures of at least 49x49"):
        random_crop(pictures[1], 49, rng)


@pytest.mark.parametrize("size", [(40, 120), (90, 40), (200, 300)])
def test_rescaled_crops_have_one_size_and_several_scales(size):
    ramp = np.broadcast_to(np.linspace(0, 255, size[1]).astype(np.uint8)[None, :, None], (*size, 3))
    scales = []
    for seed in range(60):
        crop = random_rescaled_crop([ramp], 40, np.random.default_rng(seed))
        assert (crop.shape, crop.dtype) == ((40, 40, 3), np.uint8)
        slope = abs(float(crop[20, 34, 0]) - float(crop[20, 5, 0])) / 29
        scales.append(255 / (size[1] - 1) / slope)
    assert max(scales) > 1.6
    assert np.isclose(scales, 1, atol=0.1).any()
    assert min(scales) > 0.9 if min(size) == 40 else min(scales) < 0.65


@pytest.mark.parametrize("seed", range(4))
def test_rescaling_refuses_pictures_smaller_than_a_crop(seed):
    with pytest.raises(DataError, match="at least 40x40"):
        random_rescaled_crop([np.zeros((30, 50, 3), np.uint8)], 40, np.random.default_rng(seed))
