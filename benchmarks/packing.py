"""Packing the training digits into a collection on one core (bytes, digits a second, exactness), and reading it beside reading
the same digits from a folder of PNG files, in one run.

Each repeat reads both, in turns first; ratios are medians over the repeats. Files are in the system's cache, which favours the
folder.
"""

import functools
import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from common import arguments, in_turns, print_result, seconds, use_one_core
from PIL import Image
from tqdm import tqdm

import rlcodec
from rlcodec.archive.packing import PackOptions, PackSource, pack_images
from rlcodec.training.data import load_images

WARM_UP = 20
BATCH = 64
"""Images that a loader asks for at once."""
MIDDLE = 14, 14
"""The pixel that is read of each image; digits differ there."""
ONE_THREAD = PackOptions(workers=1)


def named(images: np.ndarray) -> list[PackSource]:
    """The digits with the names that `rlcodec pack` gives to those of MNIST, without labels."""
    return [PackSource(f"train/{number:05}", image) for number, image in enumerate(images)]


def write_folder(folder: Path, images: np.ndarray) -> int:
    """Writes the digits as PNG files with Pillow's best compression; returns the sum of their bytes."""
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:05}.png", optimize=True)
    return sum(path.stat().st_size for path in folder.iterdir())


def read_folder(folder: Path, numbers: Iterable[int]) -> int:
    """Reads PNG files by number; returns the sum of one pixel of each."""
    total = 0
    for number in numbers:
        with Image.open(folder / f"{number:05}.png") as image:
            total += int(np.asarray(image)[MIDDLE])
    return total


def read_collection(path: Path, numbers: Sequence[int], at_once: int) -> int:
    """Opens the collection and reads images by number, `at_once` together, or by iteration if that is 0; sums one pixel."""
    with rlcodec.Collection(path) as collection:
        if not at_once:
            items: Iterable[rlcodec.CollectionItem] = collection
        elif at_once == 1:
            items = (collection[number] for number in numbers)
        else:
            batches = (numbers[at : at + at_once] for at in range(0, len(numbers), at_once))
            items = (item for batch in batches for item in collection.read(batch))
        return sum(int(item.pixels[MIDDLE]) for item in items)


def main() -> None:
    """Packs, checks, reads and prints."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--repeats", type=int, default=5, help="of reading")
    parser.add_argument("--read", type=int, default=5000, help="images that each reading takes at most")
    options = parser.parse_args()
    use_one_core()
    images = load_images(options.data, "train", options.images)
    with tempfile.TemporaryDirectory() as place:
        pack_images(Path(place) / "warm.rlcz", named(images[:WARM_UP]), ONE_THREAD)
        path = Path(place) / "digits.rlcz"
        packing = seconds(functools.partial(pack_images, path, named(images), ONE_THREAD))
        with rlcodec.Collection(path) as collection:
            pairs = tqdm(zip(collection, images, strict=True), "comparing", len(images), leave=False, disable=None)
            wrong = sum(not np.array_equal(item.pixels, image) for item, image in pairs)
        # Both hold the same images and no others.
        read = images[: options.read]
        part, folder = Path(place) / "part.rlcz", Path(place) / "png"
        folder.mkdir()
        pack_images(part, named(read), ONE_THREAD)
        png_bytes = write_folder(folder, read)
        forwards = list(range(len(read)))
        order = np.random.default_rng(0).permutation(len(read)).tolist()
        ways = {"iteration": (forwards, 0), "random order, in batches": (order, BATCH), "random order, one by one": (order, 1)}
        times = {}
        for name, (numbers, at_once) in ways.items():
            if read_collection(part, numbers, at_once) != read_folder(folder, numbers):
                raise AssertionError("the two do not hold the same images")
            ours = functools.partial(read_collection, part, numbers, at_once)
            times[name] = in_turns([ours, functools.partial(read_folder, folder, numbers)], options.repeats).T
        result = {
            "images": len(images),
            "not exact": wrong,
            "collection, bytes": path.stat().st_size,
            "bits per pixel": 8 * path.stat().st_size / images.size,
            "packed a second, one core": len(images) / packing,
            "images read by both": len(read),
            "of these: collection, bytes": part.stat().st_size,
            "of these: PNG files, bytes": png_bytes,
            "repeats": options.repeats,
        }
        for name, (collection_seconds, folder_seconds) in times.items():
            result[f"{name}: images a second, collection"] = len(read) / float(np.median(collection_seconds))
            result[f"{name}: images a second, PNG files"] = len(read) / float(np.median(folder_seconds))
            result[f"{name}: times as fast as PNG files"] = float(np.median(folder_seconds / collection_seconds))
        print_result(options, result)


if __name__ == "__main__":
    main()
