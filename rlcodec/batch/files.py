"""Many files at once: lists and folders of images or streams, over all cores. A file that fails does not stop the others.

Errors that concern all files, such as an invalid option or an unusable policy, are raised and end the work.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.errors import ImageError, MisfitError, OptionError, OutputError, StreamError
from rlcodec.parallel.backends import map_items
from rlcodec.parallel.options import LOCAL, MapOptions, Worker, check_backend

GROUP_FILES = 256
"""Files that are converted together."""
FILE_ERRORS = (ImageError, StreamError, MisfitError, OutputError, OSError)
"""Errors that concern one file alone."""
Pair = tuple[Path, Path]
"""Source and target of a file."""
Report = Callable[[int, int], None]
"""Called with the number of items that are done and of all items."""
Item = TypeVar("Item")


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


@dataclass(frozen=True)
class ConvertOptions:
    """How files are converted.

    Attributes:
        workers: threads, or actors; as many as there are cores if None.
        report: called with (files done, files in all).
        backend: "local" or "ray", whose workers must see the same folders.
        gpus_per_worker: with Ray, GPUs that each worker takes.
    """

    workers: int | None = None
    report: Report | None = None
    backend: str = LOCAL
    gpus_per_worker: float = 0


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
    pairs: Sequence[Pair], convert: Callable[[Any], bytes], options: ConvertOptions = ConvertOptions()
) -> list[FileOutcome]:
    """Converts files one by one; each target is written whole or not at all.

    Args:
        pairs: source and target of every file.
        convert: from a source to the bytes of its target; with Ray the source is a `FileBytes` instead of a path.
        options: workers, progress and backend.

    Raises:
        OutputError: the folder of a target cannot be made.
        RlcodecError: as `rlcodec.parallel.backends.map_items`, or raised by `convert` for a reason that concerns all files.
    """
    spread = MapOptions(options.backend, options.workers, use_threads=True, gpus_per_worker=options.gpus_per_worker)
    return _converted(pairs, partial(_OneByOne, convert), spread, options.report)


def convert_groups(
    pairs: Sequence[Pair],
    load: Callable[[Any], Item],
    convert: Callable[[list[Item]], list[bytes]],
    options: ConvertOptions = ConvertOptions(),
) -> list[FileOutcome]:
    """Converts files in groups. If a group fails, its files are converted one by one.

    Args:
        pairs: source and target of every file.
        load: reads a source, as `convert_files` passes it.
        convert: from what was read of several sources to the bytes of the targets.
        options: workers, progress and backend; with the local backend one group is converted after another.

    Raises:
        RlcodecError: as `convert_files`.
    """
    workers = 1 if options.backend == LOCAL else options.workers
    spread = MapOptions(options.backend, workers, GROUP_FILES, use_threads=True, gpus_per_worker=options.gpus_per_worker)
    return _converted(pairs, partial(_InGroups, load, convert), spread, options.report)


def _converted(
    pairs: Sequence[Pair], make: Callable[[], Worker], spread: MapOptions, report: Report | None
) -> list[FileOutcome]:
    check_backend(spread.backend)
    for folder in {target.parent for _, target in pairs}:
        make_folder(folder)
    outcomes: dict[int, FileOutcome] = {}
    items = [(source.absolute(), target.absolute()) for source, target in pairs]  # actors run in another folder
    for index, outcome in map_items(make, (), items, spread, files=[source for source, _ in pairs]):
        outcomes[index] = outcome
        if report:
            report(len(outcomes), len(pairs))
    return [outcomes[index] for index in range(len(pairs))]


@dataclass(frozen=True)
class _OneByOne:
    """A worker that converts files one by one; its items are pairs of paths, each with the source as the backend reads it."""

    convert: Callable[[Any], bytes]

    def __call__(self, group: Sequence[tuple[Pair, Any]]) -> list[FileOutcome]:
        return [_write_target(pair, partial(self.convert, source)) for pair, source in group]


@dataclass(frozen=True)
class _InGroups:
    """A worker that converts a group of files at a time."""

    load: Callable[[Any], Any]
    convert: Callable[[list[Any]], list[bytes]]

    def __call__(self, group: Sequence[tuple[Pair, Any]]) -> list[FileOutcome]:
        try:
            targets = self.convert([self.load(source) for _, source in group])
        except FILE_ERRORS:
            return [_write_target(pair, partial(self._convert_one, source)) for pair, source in group]
        return [_write_target(pair, partial(bytes, data)) for (pair, _), data in zip(group, targets, strict=True)]

    def _convert_one(self, source: Any) -> bytes:
        return self.convert([self.load(source)])[0]


def _write_target(pair: Pair, convert: Callable[[], bytes]) -> FileOutcome:
    source, target = pair
    try:
        data = convert()
        write_bytes(target, data)
        return FileOutcome(source.stat().st_size, len(data), None)
    except FILE_ERRORS as error:
        return FileOutcome(0, 0, " ".join(str(error).split()))
