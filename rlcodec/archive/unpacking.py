"""Unpacks collections into folders of images. An image that fails does not stop the others."""

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlcodec.archive.packing import PackResult
from rlcodec.archive.reader import Collection
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.core.progress import Report, with_progress
from rlcodec.errors import OutputError, RlcodecError, failure_line
from rlcodec.images.saving import format_of, image_bytes
from rlcodec.options import option
from rlcodec.parallel.backends import in_order, map_items, one_by_one
from rlcodec.parallel.options import MapOptions
from rlcodec.parallel.threads import worker_count

LABELS_FILE = "labels.csv"


@dataclass(frozen=True)
class UnpackOptions:
    """How a collection is unpacked.

    Attributes:
        ending: of the files, which selects their format. It replaces the ending of an image's name, or follows it if two images
            would have the same file otherwise.
        max_pixels: images that declare more are refused.
        resume: skip images whose files exist.
        workers: threads; as many as there are cores if None.
        report: called with (images done, images in all).
    """

    ending: str = option("Of the images, which selects their format.", ".png")
    max_pixels: int = option("Refuse larger streams and images; 2**28 is the maximum.", MAX_PIXELS, least=1)
    resume: bool = option("Skip images whose files exist.", False)
    workers: int | None = option("Threads; all cores by default.")
    report: Report | None = option("Progress.", hidden=True)


def unpack_images(path: str | os.PathLike[str], folder: Path, options: UnpackOptions = UnpackOptions()) -> PackResult:
    """Writes the images of a collection into a folder, each under its name, and their labels, if any, into labels.csv.

    Args:
        path: of the collection.
        folder: of the images; subfolders in names are made.
        options: format, threads and progress.

    Raises:
        OptionError: Pillow writes no such files.
        OutputError: a folder cannot be made, or the labels cannot be written.
        StreamError: the file is no collection, or its index is damaged.
    """
    workers = worker_count(options.workers)
    kind = format_of(options.ending)
    with Collection(path, max_pixels=options.max_pixels) as collection:
        names, labels = collection.names, collection.labels
        files = _files_of(names, options.ending)
        make_folder(folder)
        for parent in sorted({(folder / file).parent for file in files}):
            make_folder(parent)
        remaining = [n for n, file in enumerate(files) if not (options.resume and (folder / file).is_file())]

        def write_image(number: int) -> str | None:
            try:
                write_bytes(folder / files[number], image_bytes(collection[number].image, kind))
                return None
            except (RlcodecError, OSError, ValueError, KeyError) as error:  # the last two if the format cannot hold the image
                return failure_line(names[number], error)

        spread = MapOptions(workers=workers, use_threads=True)
        results = in_order(map_items(one_by_one, (write_image,), remaining, spread))
        failures = tuple(line for line in with_progress(results, len(remaining), options.report) if line)
    if any(label is not None for label in labels):
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("file", "label"))
        rows.writerows((file, label) for file, label in zip(files, labels, strict=True) if label is not None)
        write_bytes(folder / LABELS_FILE, text.getvalue().encode())
    return PackResult(len(remaining) - len(failures), len(names) - len(remaining), failures)


def _files_of(names: Sequence[str], ending: str) -> list[str]:
    """A file for every name, all different."""
    short = [name[: len(name) - len(Path(name).suffix)] + ending for name in names]
    count = Counter(short)
    files = [file if count[file] == 1 else name + ending for name, file in zip(names, short, strict=True)]
    if len(set(files)) < len(files):
        clash = next(file for file, times in Counter(files).items() if times > 1)
        raise OutputError(f"{clash}: two images of the collection would become this file")
    return files
