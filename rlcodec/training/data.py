"""Training images: idx files (plain or gzipped), folders of images, random crops, and the download of MNIST."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from rlcodec.core.files import make_folder
from rlcodec.errors import DataError, ImageError, OptionError
from rlcodec.images.gray import UNREADABLE, read_gray

IDX_UBYTE_IMAGES = 0x00000803
IDX_UBYTE_LABELS = 0x00000801
MAX_IDX_BYTES = 1 << 31
HELD_OUT_PICTURES = 10
MAX_RESCALING = 2.0
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm"}

MNIST_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_SPLIT_PREFIX = {"train": "train-images", "test": "t10k-images"}


def read_idx_images(path: Path) -> np.ndarray:
    """Reads one idx file of images.

    Args:
        path: an idx3-ubyte file, gzipped if its name ends in `.gz`.

    Returns:
        uint8, shape (images, height, width).

    Raises:
        DataError: the file is missing, is not idx, or its size is not the one that its header declares.

    Source: the idx format as described on the MNIST page (LeCun, Cortes, Burges).
    """
    return _read_idx(path, IDX_UBYTE_IMAGES, "8-bit images", "pixels")


def read_idx_labels(path: Path) -> np.ndarray:
    """Reads one idx file of labels, gzipped if its name ends in `.gz`; returns uint8 (labels,).

    Raises:
        DataError: the file is not idx, or its size is not the one that its header declares.
    """
    return _read_idx(path, IDX_UBYTE_LABELS, "labels", "labels")


def _read_idx(path: Path, magic: int, items: str, values: str) -> np.ndarray:
    """Reads an idx file whose magic number, which holds the number of axes, is `magic`; the texts are for messages."""
    axes = magic & 0xFF
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            header = file.read(4 + 4 * axes)
            if len(header) < 4 + 4 * axes or int.from_bytes(header[:4], "big") != magic:
                raise DataError(f"{path}: not an idx file of {items}")
            count, *size = (int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
            expected = count * math.prod(size)
            if not 0 < expected <= MAX_IDX_BYTES:
                of_size = f" of {size[0]}x{size[1]} pixels" if size else ""
                raise DataError(f"{path}: declares {count} {items.split()[-1]}{of_size}, which is impossible")
            body = file.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if len(body) != expected:
        held = "more" if len(body) > expected else len(body)
        raise DataError(f"{path}: declares {expected} bytes of {values} and holds {held}")
    return np.frombuffer(body, np.uint8).reshape(count, *size)


def load_labels(images: Path) -> np.ndarray | None:
    """Loads the labels next to an idx file of images, named as MNIST's are: uint8 (labels,), or None if there are none.

    Raises:
        DataError: they cannot be read.
    """
    path = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    return read_idx_labels(path) if path != images and path.is_file() else None


def find_idx(folder: Path, split: str) -> Path | None:
    """The idx file of the images of a split in a folder, or None.

    Raises:
        OptionError: there is no such split.
    """
    if split not in _SPLIT_PREFIX:
        raise OptionError(f"unknown split {split!r}; there are: {', '.join(_SPLIT_PREFIX)}")
    return min((path for path in folder.glob(f"{_SPLIT_PREFIX[split]}*") if "idx3" in path.name), default=None)


def load_images(data: Path, split: str = "train", limit: int | None = None) -> np.ndarray:
    """Loads gray training images from a folder of idx files, one idx file, or a folder of pictures.

    Args:
        data: a folder with MNIST's idx files, an idx file, or a folder of images of one size.
        split: "train" or "test"; only folders of idx files have the two.
        limit: largest number of images; the first ones are taken.

    Returns:
        uint8, shape (images, height, width).

    Raises:
        DataError: there are no usable images, or they differ in size.
    """
    if not data.exists():
        raise DataError(f"{data}: no such file or folder; `rlcodec data mnist DIR` fetches MNIST")
    idx = data if data.is_file() else find_idx(data, split)
    images = read_idx_images(idx) if idx else _load_folder(data, limit)
    return images[:limit] if limit else images


def _load_folder(folder: Path, limit: int | None) -> np.ndarray:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)[:limit]
    if not paths:
        raise DataError(f"{folder}: holds neither idx files nor images; `rlcodec data mnist DIR` fetches MNIST")
    try:
        images = [read_gray(path) for path in paths]
    except ImageError as error:
        raise DataError(str(error)) from error
    if len({image.shape for image in images}) > 1:
        raise DataError(f"{folder}: the images differ in size; training needs images of one size")
    return np.stack(images)


def fetch_mnist(folder: Path) -> list[Path]:
    """Downloads MNIST's four files into `folder` and checks their SHA-256; files that are there and correct are kept.

    Raises:
        DataError: a file could not be downloaded; the message says which files to put where by hand.
    """
    import pooch

    make_folder(folder)
    for name, digest in MNIST_SHA256.items():
        try:
            pooch.retrieve(MNIST_MIRROR + name, f"sha256:{digest}", fname=name, path=folder)
        except Exception as error:  # pooch raises the exceptions of requests and urllib as well as its own
            names = ", ".join(MNIST_SHA256)
            raise DataError(
                f"cannot fetch {name} ({type(error).__name__}); put the four files {names} into {folder} and run this again"
            ) from error
    return [folder / name for name in MNIST_SHA256]


def load_pictures(folder: Path) -> list[np.ndarray]:
    """The pictures of a folder as uint8 (height, width, 3), in the order of their names.

    Raises:
        DataError: there is none that Pillow can read.
    """
    pictures = []
    for path in sorted(p for p in folder.glob("*") if p.is_file()):
        try:
            with Image.open(path) as image:
                pictures.append(np.asarray(ImageOps.exif_transpose(image).convert("RGB")))
        except UNREADABLE:
            continue
    if not pictures:
        raise DataError(f"{folder}: holds no pictures")
    return pictures


def split_pictures(pictures: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Splits pictures: the last `HELD_OUT_PICTURES` are for validation, the others for training.

    Raises:
        DataError: too few pictures.
    """
    if len(pictures) <= HELD_OUT_PICTURES:
        raise DataError(f"{len(pictures)} pictures are too few to train on; at least {HELD_OUT_PICTURES + 1} are needed")
    return pictures[:-HELD_OUT_PICTURES], pictures[-HELD_OUT_PICTURES:]


def random_crop(picture: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A square part of a picture, uint8 (side, side, 3).

    Raises:
        DataError: the picture is smaller.
    """
    _check_size(picture, side)
    y, x = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
    return picture[y : y + side, x : x + side]


def _check_size(picture: np.ndarray, side: int) -> None:
    """Raises DataError if a picture is smaller than a crop."""
    height, width = picture.shape[:2]
    if min(height, width) < side:
        raise DataError(f"a picture has {width}x{height} pixels; training needs pictures of at least {side}x{side}")


def random_mirrored_crop(pictures: list[np.ndarray], side: int, rng: np.random.Generator) -> np.ndarray:
    """As `random_crop`, of a random one of several pictures, and mirrored half of the time."""
    crop = random_crop(pictures[rng.integers(len(pictures))], side, rng)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def random_rescaled_crop(pictures: list[np.ndarray], side: int, rng: np.random.Generator) -> np.ndarray:
    """As `random_mirrored_crop`; half of the crops are enlarged or reduced, by a factor of at most MAX_RESCALING.

    So training sees sharp and soft pictures alike. A picture of less than MAX_RESCALING crops is reduced less.
    """
    if rng.random() < 0.5:
        return random_mirrored_crop(pictures, side, rng)
    picture = pictures[rng.integers(len(pictures))]
    _check_size(picture, side)
    wanted = round(side * MAX_RESCALING ** rng.uniform(-1, 1))
    part = random_crop(picture, min(wanted, *picture.shape[:2]), rng)
    crop = np.asarray(Image.fromarray(part).resize((side, side), Image.Resampling.BICUBIC))
    return crop[:, ::-1] if rng.random() < 0.5 else crop
