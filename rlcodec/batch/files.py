"""Many files at once: lists and folders of images or streams, over all cores. A file that fails does not stop the others.

Errors that concern all files, such as an invalid option or an unusable policy, are raised and end the work.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.progress import Report, with_progress
from rlcodec.errors import ImageError, MisfitError, OptionError, OutputError, StreamError
from rlcodec.parallel.backends import in_order, map_items
from rlcodec.parallel.options import MapOptions, check_backend

FILE_ERRORS = (ImageError, StreamError, MisfitError, OutputError, OSError)
"""Errors that concern one file alone."""
Pair = tuple[Path, Path]
"""Source and target of a file."""


@dataclass(frozen=True)
class FileOutcome:
    """The result of converting one file.

    Attributes:
        source_bytes: size of the source; 0 if the conversion failed.
        target_bytes: size of the target; 0 if the conversion failed.
        error: why it failed, None if it did not.
    """

    source_bytes: int
    target_bytes: int
    error: str | None


def is_batch(paths: Sequence[Path]) -> bool:
    """Whether sources and a target, the last path, mean many files: there are several sources, or any path is a folder."""
    return len(paths) > 2 or any(path.is_dir() for path in paths)


def pair_files(sources: Iterable[Path], folder: Path, suffix: str, is_source: Callable[[Path], bool]) -> list[Pair]:
    """Pairs every source file with its target.

    Args:
        sources: files, and folders whose files are taken in the order of their names.
        folder: of the targets, each of which has its source's name.
        suffix: of the targets.
        is_source: which files of a folder are taken.

    Raises:
        OptionError: there are no files, or two would have the same target.
    """
    files: list[Path] = []
    for source in sources:
        files += sorted(p for p in source.iterdir() if p.is_file() and is_source(p)) if source.is_dir() else [source]
    if not files:
        raise OptionError("there are no files to code")
    pairs = [(file, folder / (file.stem + suffix)) for file in files]
    source_of: dict[Path, Path] = {}
    for file, target in pairs:
        if target in source_of:
            raise OptionError(f"{source_of[target]} and {file} would both become {target}; code them into different folders")
        source_of[target] = file
    return pairs


def convert_files(
    pairs: Sequence[Pair],
    convert: Callable[[list[Any]], list[bytes]],
    options: MapOptions = MapOptions(use_threads=True),
    report: Report | None = None,
) -> list[FileOutcome]:
    """Converts files; each target is written whole or not at all. If a group of files fails, they are converted one by one.

    Args:
        pairs: source and target of every file.
        convert: from several sources to the bytes of their targets; with Ray a source is a `FileBytes` instead of a path.
        options: backend, workers, and how many files are converted together. Ray's workers must see the same folders.
        report: called with (files done, files in all).

    Raises:
        OutputError: the folder of a target cannot be made.
        RlcodecError: as `rlcodec.parallel.backends.map_items`, or raised by `convert` for a reason that concerns all files.
    """
    check_backend(options.backend)
    for folder in {target.parent for _, target in pairs}:
        make_folder(folder)
    items = [(source.absolute(), target.absolute()) for source, target in pairs]  # actors run in another folder
    results = map_items(_Converter, (convert,), items, options, files=[source for source, _ in pairs])
    return list(in_order(with_progress(results, len(pairs), report)))


@dataclass(frozen=True)
class _Converter:
    """A worker that converts files; its items are pairs of paths, each with the source as the backend reads it."""

    convert: Callable[[list[Any]], list[bytes]]

    def __call__(self, group: Sequence[tuple[Pair, Any]]) -> list[FileOutcome]:
        try:
            targets = self.convert([source for _, source in group])
        except FILE_ERRORS as error:
            return [_failed(error)] if len(group) == 1 else [self([item])[0] for item in group]
        return [_write_target(pair, data) for (pair, _), data in zip(group, targets, strict=True)]


def _write_target(pair: Pair, data: bytes) -> FileOutcome:
    source, target = pair
    try:
        write_bytes(target, data)
        return FileOutcome(source.stat().st_size, len(data), None)
    except FILE_ERRORS as error:
        return _failed(error)


def _failed(error: Exception) -> FileOutcome:
    return FileOutcome(0, 0, " ".join(str(error).split()))
