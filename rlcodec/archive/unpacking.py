"""Unpacks collections into folders of images; an image that fails costs itself alone."""

import csv
import io
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from rlcodec.archive.packing import TOGETHER, Packed, why_missing
from rlcodec.archive.reader import Collection
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.errors import OptionError, OutputError, RlcodecError
from rlcodec.parallel.threads import worker_count

LABELS_FILE = "labels.csv"


def unpack_images(
    path: str | os.PathLike[str],
    folder: Path,
    *,
    ending: str = ".png",
    resume: bool = False,
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Packed:
    """Writes a collection's images into a folder, each under its name, and labels, where there are any, into labels.csv.

    Args:
        path: of the collection.
        folder: where to; folders in names are made.
        ending: of the files, which says their format; it takes the place of the name's own, and stands behind it where two
            images would have the same file otherwise.
        resume: leave files alone that are there.
        workers: threads; as many as there are cores when None.
        report: called with (images done, images in all).
        options: of `Collection`.

    Raises:
        OptionError: Pillow writes no such files.
        OutputError: a folder cannot be made, or the labels cannot be written.
        StreamError: it is no collection, or its index is damaged.
    """
    workers = worker_count(workers)
    kind = Image.registered_extensions().get(ending.lower())
    if kind is None or kind not in Image.SAVE:
        raise OptionError(f"Pillow writes no images that end in {ending!r}; take .png")
    with Collection(path, **options) as collection:
        names, labels = collection.names, collection.labels
        files = _files_of(names, ending)
        make_folder(folder)
        for parent in sorted({(folder / file).parent for file in files}):
            make_folder(parent)
        todo = [n for n, file in enumerate(files) if not (resume and (folder / file).is_file())]

        def run(number: int) -> str | None:
            try:
                buffer = io.BytesIO()
                collection[number].image.save(buffer, kind)
                write_bytes(folder / files[number], buffer.getvalue())
                return None
            except (RlcodecError, OSError, ValueError, KeyError) as error:  # the last two where a format cannot hold the image
                return why_missing(names[number], error)

        failures = []
        for count, failure in enumerate(_in_order(run, todo, workers)):
            failures += [failure] if failure else []
            if report:
                report(count + 1, len(todo))
    if any(label is not None for label in labels):
        _write_labels(folder / LABELS_FILE, files, labels)
    return Packed(len(todo) - len(failures), len(names) - len(todo), tuple(failures))


def _in_order(run: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """What becomes of every item, in order, `TOGETHER` of them at a time."""
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(items), TOGETHER):
            yield from pool.map(run, items[start : start + TOGETHER])


def _files_of(names: Iterable[str], ending: str) -> list[str]:
    """The file of every name, no two the same."""
    names = list(names)
    plain = [name[: len(name) - len(Path(name).suffix)] + ending for name in names]
    count = Counter(plain)
    files = [file if count[file] == 1 else name + ending for name, file in zip(names, plain, strict=True)]
    if len(set(files)) < len(files):
        clash = next(file for file, times in Counter(files).items() if times > 1)
        raise OutputError(f"{clash}: two images of the collection would become this file")
    return files


def _write_labels(path: Path, files: Sequence[str], labels: Sequence[int | None]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("file", "label"))
    rows.writerows(itertools.compress(zip(files, labels, strict=True), (label is not None for label in labels)))
    write_bytes(path, text.getvalue().encode())
